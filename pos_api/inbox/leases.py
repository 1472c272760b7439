"""Leases of entries: who works on an entry holds it on a lease, so that nobody else begins the same work.

An entry whose lease ran out was being worked on by a process that ended, or hung. It is worked on by itself then, and
`alone` says so before that begins. If its lease runs out like that MOST_INTERRUPTED times, the entry itself may be
at fault: it is parked, so that it can't end one process after the other. Once is not enough: a process is also killed
without any fault of the entry, and some entry is at hand then. Others of its batch are done one by one, and go on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast

from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.inbox.finishing import ENDING_FIELDS, parking
from pos_api.inbox.model import InboxEntry, Outcome, StoredEntry
from pos_api.logs import get_logger

LEASE = timedelta(seconds=10)
MOST_INTERRUPTED = 2
"""So often work on an entry by itself may be interrupted; then it is parked."""

log = get_logger(__name__)


def new_lease() -> str:
    """A token that fences one process's hold on entries from the next one's."""
    return secrets.token_hex(8)


def claim(db: Db, lease: str, limit: int, *, park: bool = True) -> list[InboxEntry]:
    """Take up to `limit` entries that are due, the longest due first; what somebody else took meanwhile is theirs.

    Those on which work by itself was interrupted too often are parked; without `park`, all on which it was interrupted
    stay as they are. `lease` must hold nothing that is still being worked on.
    """
    moment = now()
    fields = {"_id": 1, "lease": 1, "alone": 1, "interrupted_alone": 1}
    entries = list(db.inbox.find({"due_at": {"$lte": moment}}, fields).sort("due_at", 1).limit(limit))
    due: list[str] = []
    again: list[str] = []
    too_often: list[str] = []
    for entry in entries:
        if entry.get("alone", lease) == lease:
            due.append(entry["_id"])
        elif park:
            times = entry.get("interrupted_alone", 0) + 1
            (again if times < MOST_INTERRUPTED else too_often).append(entry["_id"])
    if too_often:
        _park_interrupted(db, too_often, moment)
    _take(db, lease, due, moment, {})
    _take(db, lease, again, moment, {"$inc": {"interrupted_alone": 1}})
    if not (due or again):
        return []
    of_others = {entry["_id"] for entry in entries if entry.get("lease", lease) != lease}
    claimed = db.inbox.find({"_id": {"$in": due + again}, "lease": lease, "state": "waiting"})
    claimed_entries = [_entry(cast(StoredEntry, entry), interrupted=entry["_id"] in of_others) for entry in claimed]
    return sorted(claimed_entries, key=lambda entry: entry.received_at)


def _take(db: Db, lease: str, keys: list[str], moment: datetime, changes: Document) -> None:
    """Lease those of these entries that are due still."""
    if keys:
        still = {"_id": {"$in": keys}, "due_at": {"$lte": moment}}
        taken = {"$set": {"lease": lease, "due_at": now() + LEASE}, "$unset": {"alone": ""}}
        db.inbox.update_many(still, taken | changes)


INTERRUPTED = (
    "The process that worked on it ended before it was done, or hung, three times. It may be at fault: replay it once "
    "the cause is known."
)


def _park_interrupted(db: Db, keys: list[str], moment: datetime) -> None:
    """Park those of these entries that are due still; what they are marked with is published as what was left behind
    is."""
    log.error("events are parked: who worked on them ended or hung, three times", count=len(keys), first=keys[0][:16])
    still: Document = {"due_at": {"$lte": moment}, "alone": {"$exists": True}}
    db.inbox.bulk_write(parking(db, keys, still, Outcome("parked", reason=INTERRUPTED), now()), ordered=False)


def begin_alone(db: Db, lease: str, key: str) -> bool:
    """Note durably that work on this entry begins, by itself, because its lease ran out before; False where `lease`
    does not hold it any more."""
    begun = {"$set": {"alone": lease, "due_at": now() + LEASE}}
    inbox = db.inbox.with_options(write_concern=DURABLE)
    return inbox.update_one({"_id": key, "lease": lease, "state": "waiting"}, begun).matched_count == 1


def renew(db: Db, lease: str, keys: list[str]) -> None:
    """Let these entries stay leased for another while, where `lease` still holds them and they are not done."""
    held = {"_id": {"$in": keys}, "lease": lease, "state": "waiting"}
    db.inbox.update_many(held, {"$set": {"due_at": now() + LEASE}})


def _entry(entry: StoredEntry, *, interrupted: bool) -> InboxEntry:
    return InboxEntry(
        store=entry["store"],
        kind=entry["kind"],
        topic=entry["topic"],
        resource_id=entry["resource_id"],
        body=bytes(entry["body"]),
        headers=entry["headers"],
        received_at=entry["received_at"],
        attempts=entry["attempts"],
        key=entry["_id"],
        refused=entry.get("refused", ""),
        interrupted=interrupted,
        erased="erased_at" in entry,
        noun=entry["noun"],
    )


def reopen(db: Db, keys: Iterable[str], lease: str) -> None:
    """Lease these entries to `lease` once more, though they ended before; those that wait stay with who has them."""
    changes = {"$set": {"state": "waiting", "attempts": 0, "due_at": now() + LEASE, "lease": lease}}
    db.inbox.update_many({"_id": {"$in": list(keys)}, "state": {"$ne": "waiting"}}, changes | {"$unset": ENDING_FIELDS})
