"""The inbox: every authenticated event, stored once before anything is done about it.

An entry: `_id` (the event key), `store`, `topic`, `resource_id`, `headers`, `body`, `received_at`, `state` (waiting,
done, parked, failed), and while it waits `due_at` (when somebody may take it: at once, after a pause, or when the lease
of whoever has it runs out), `lease` (whose it is), `alone` (see `begin_alone`) and `interrupted_alone` (how often the
lease ran out while `alone` was there). `done_at` and `attention_at`, which marks those that people should look at, say
when it ended (see `retention`). `about` has what an entry is found by when a person is looked for: `store:resource_id`,
and the e-mail addresses in its body. `erased_at` is when its body was erased; what is left then is what it was about,
when it came and what became of it.

An entry whose lease ran out was being worked on by a process that ended, or hung. It is worked on by itself then, and
`alone` says so before that begins. If its lease runs out like that MOST_INTERRUPTED times, the event itself is to
blame: it is parked, so that it can't end one process after the other. Once is not enough: a process is also killed
without any fault of the event, and some event is at hand then. Others of its batch are done one by one, and go on.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import Binary
from pymongo import UpdateMany
from pymongo.errors import BulkWriteError

from pos_api.common import email_addresses
from pos_api.common.event_warnings import EventWarning
from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.database.write_errors import only_collisions
from pos_api.errors import Conflict, NotFound
from pos_api.logs import get_logger
from pos_api.staff import audit

LEASE = timedelta(seconds=10)
MAX_ATTEMPTS = 8
MOST_INTERRUPTED = 2
"""So often work on an event by itself may be interrupted; then it is parked."""
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 600.0
STATES = ("waiting", "done", "parked", "failed")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """An authenticated delivery: who sent it, what it is about, and its exact bytes. Where these could not be kept,
    `refused` says why; `erased` says that they were, and have been erased since. `interrupted` says that whoever worked
    on it let its lease run out."""

    store: str
    topic: str
    resource_id: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    attempts: int = 0
    key: str = field(default="")
    refused: str = ""
    interrupted: bool = False
    erased: bool = False

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", event_key(self.store, self.topic, self.resource_id, self.body))


def event_key(store: str, topic: str, resource_id: str, body: bytes) -> str:
    """SHA-256 of who, what and the exact bytes: the same delivery again has the same key, whoever sends it. A sender's
    delivery id is no part of it: WooCommerce gives two orders of one second the same."""
    digest = hashlib.sha256("\0".join((store, topic, resource_id, "")).encode())
    digest.update(body)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ended: `outcome` is created, updated, unchanged, stale, ignored or parked. `erased` says that it is
    about a person whose data was erased: its body is not kept."""

    outcome: str
    warnings: tuple[EventWarning, ...] = ()
    reason: str | None = None
    details: Any = None
    erased: bool = False

    @property
    def full_reason(self) -> str | None:
        """The reason, with the field that it is about."""
        return full_reason(self.reason, self.details)


def full_reason(reason: str | None, details: Any) -> str | None:
    """A stored reason, with the first field that `details` names; None without a reason."""
    if not reason or not isinstance(details, dict) or not details:
        return reason
    name, problem = next(iter(details.items()))
    return f"{reason} {name}: {problem}"


def new_lease() -> str:
    """A token that fences one process's hold on events from the next one's."""
    return secrets.token_hex(8)


def store(db: Db, events: list[Event], lease: str | None) -> set[str]:
    """Store events durably, leased to `lease` (None: whoever comes first takes them); returns the keys that are new.

    One round trip. It waits for the journal of a majority, for the duplicates too, so that a duplicate is never
    answered for a first that could still be lost. Raises PyMongoError when they could not all be stored.
    """
    documents = [_document(event, lease) for event in events]
    try:
        db.inbox.with_options(write_concern=DURABLE).insert_many(documents, ordered=False)
    except BulkWriteError as error:
        known = set(only_collisions(error))
        return {event.key for index, event in enumerate(events) if index not in known}
    return {event.key for event in events}


def _document(event: Event, lease: str | None) -> Document:
    document: Document = {
        "_id": event.key,
        "store": event.store,
        "topic": event.topic,
        "resource_id": event.resource_id,
        "headers": dict(event.headers),
        "body": Binary(event.body),
        "about": about(event),
        "received_at": event.received_at,
        "state": "waiting",
        "attempts": 0,
        "due_at": now() + LEASE if lease else event.received_at,
    }
    if lease:
        document["lease"] = lease
    if event.refused:
        document["refused"] = event.refused
    return document


def about(event: Event) -> list[str]:
    """What an event is found by when a person is looked for."""
    named = [f"{event.store}:{event.resource_id}"] if event.resource_id else []
    return named + email_addresses.addresses(event.body)


def claim(db: Db, lease: str, limit: int, *, park: bool = True) -> list[Event]:
    """Take up to `limit` events that are due, the longest due first; what somebody else took meanwhile is theirs.

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
    events = [_event(entry, interrupted=entry["_id"] in of_others) for entry in claimed]
    return sorted(events, key=lambda event: event.received_at)


def _take(db: Db, lease: str, keys: list[str], moment: datetime, changes: Document) -> None:
    """Lease those of these events that are due still."""
    if keys:
        still = {"_id": {"$in": keys}, "due_at": {"$lte": moment}}
        taken = {"$set": {"lease": lease, "due_at": now() + LEASE}, "$unset": {"alone": ""}}
        db.inbox.update_many(still, taken | changes)


INTERRUPTED = (
    "The process that worked on it ended before it was done, or hung, three times. It may be at fault: replay it once "
    "the cause is known."
)


def _park_interrupted(db: Db, keys: list[str], moment: datetime) -> None:
    log.error("events are parked: who worked on them ended or hung, three times", count=len(keys), first=keys[0][:16])
    still = {"_id": {"$in": keys}, "due_at": {"$lte": moment}, "alone": {"$exists": True}}
    db.inbox.update_many(still, _ending(Outcome("parked", reason=INTERRUPTED)))


def begin_alone(db: Db, lease: str, key: str) -> bool:
    """Note durably that work on this event begins, by itself, because its lease ran out before; False where `lease`
    does not hold it any more."""
    begun = {"$set": {"alone": lease, "due_at": now() + LEASE}}
    inbox = db.inbox.with_options(write_concern=DURABLE)
    return inbox.update_one({"_id": key, "lease": lease, "state": "waiting"}, begun).matched_count == 1


def renew(db: Db, lease: str, keys: list[str]) -> None:
    """Let these events stay leased for another while, where `lease` still holds them and they are not done."""
    held = {"_id": {"$in": keys}, "lease": lease, "state": "waiting"}
    db.inbox.update_many(held, {"$set": {"due_at": now() + LEASE}})


def _event(entry: Document, *, interrupted: bool) -> Event:
    return Event(
        store=entry["store"],
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
    )


def finish(db: Db, lease: str, outcomes: Iterable[tuple[str, Outcome]]) -> None:
    """Note how events ended, where `lease` still holds them. A parked one stays, with its reason."""
    alike: dict[str, tuple[Outcome, list[str]]] = {}
    for key, outcome in outcomes:
        alike.setdefault(repr(outcome), (outcome, []))[1].append(key)
    operations = [
        UpdateMany({"_id": {"$in": keys}, "lease": lease}, _ending(outcome)) for outcome, keys in alike.values()
    ]
    if operations:
        db.inbox.bulk_write(operations, ordered=False)


def _ending(outcome: Outcome) -> Document:
    parked = outcome.outcome == "parked"
    changes: Document = {
        "state": "parked" if parked else "done",
        "outcome": outcome.outcome,
        "attention_at" if parked else "done_at": now(),
    }
    if outcome.warnings:
        changes["warnings"] = [each.stored() for each in outcome.warnings]
    if outcome.reason:
        changes |= {"reason": outcome.reason, "details": outcome.details}
    ending: Document = {"$set": changes, "$unset": {"due_at": "", "lease": "", **_INTERRUPTIONS}}
    if outcome.erased:
        ending["$set"] |= {"body": Binary(b""), "erased_at": now()}
        ending["$pull"] = _ADDRESSES
    return ending


_INTERRUPTIONS = {"alone": "", "interrupted_alone": ""}
_ADDRESSES = {"about": {"$regex": "@"}}


def fail(db: Db, lease: str, event: Event, reason: str) -> None:
    """Note that an event could not be applied: it is due again after a growing pause, and after the last attempt it
    is failed, for people to look at and to replay."""
    attempts = event.attempts + 1
    changes: Document = {"attempts": attempts, "reason": reason}
    removed = {"lease": "", **_INTERRUPTIONS}
    if attempts < MAX_ATTEMPTS:
        pause = min(_FIRST_PAUSE * 2**attempts, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
        changes["due_at"] = now() + timedelta(seconds=pause)
    else:
        changes |= {"state": "failed", "attention_at": now()}
        removed["due_at"] = ""
    db.inbox.update_one({"_id": event.key, "lease": lease}, {"$set": changes, "$unset": removed})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; None leaves a filter out. Without a state, those that need a look: parked and failed ones."""

    state: str | None = None
    store: str | None = None
    topic: str | None = None

    def query(self) -> Document:
        """As a query on the collection."""
        said = {"state": self.state, "store": self.store, "topic": self.topic}
        needed = "due_at" if self.state == "waiting" else "attention_at"
        return {needed: {"$exists": True}} | {name: value for name, value in said.items() if value is not None}


def find(
    db: Db, wanted: Filter, *, before: tuple[datetime, str] | None = None, limit: int = 0
) -> tuple[str, list[Document]]:
    """The entries that match, without their bodies, newest first, and the field that is sorted by.

    That is `attention_at`, or `due_at` of those that wait. `before` is that field and the `_id` of the entry to start
    after.
    """
    moment = "due_at" if wanted.state == "waiting" else "attention_at"
    query = wanted.query()
    if before is not None:
        at, key = before
        query["$or"] = [{moment: {"$lt": at}}, {moment: at, "_id": {"$lt": key}}]
        query[moment] = {"$lte": at}
    newest_first = [(moment, -1), ("_id", -1)]
    return moment, list(db.inbox.find(query, {"body": 0, "headers": 0}).sort(newest_first).limit(limit))


def get(db: Db, key: str) -> Document:
    """One entry, whole. Raises NotFound."""
    entry = db.inbox.find_one({"_id": key})
    if entry is None:
        raise NotFound("There is no such event in the inbox.")
    return entry


def replay(db: Db, wanted: Filter | Iterable[str]) -> int:
    """Make events due again: these keys, in whatever state, or those that match. Returns how many.

    Raises NotFound when keys were given and none of them is known, and Conflict when the bodies of all were erased.
    """
    keys = None if isinstance(wanted, Filter) else list(wanted)
    query: Document = wanted.query() if isinstance(wanted, Filter) else {"_id": {"$in": keys}}
    changes = {"$set": {"state": "waiting", "attempts": 0, "due_at": now()}}
    removed = {"$unset": _ENDED | {"lease": ""}}
    if keys is not None:
        _check_replayable(db, query)
    query["erased_at"] = None
    target, details = _audited(wanted if isinstance(wanted, Filter) else keys or [])
    with audit.act(db, "inbox.replayed", target=target, details=details) as added:
        added["replayed"] = db.inbox.update_many(query, changes | removed).matched_count
    return int(added["replayed"])


def _check_replayable(db: Db, query: Document) -> None:
    if db.inbox.find_one({**query, "erased_at": None}, {"_id": 1}):
        return
    if db.inbox.find_one(query, {"_id": 1}):
        raise Conflict(ERASED)
    raise NotFound("There is no such event in the inbox.")


ERASED = (
    "Its body was erased, with the personal data in it, so it can't be tried again. What the shop has now comes with:"
    " pos-api reconcile STORE --repair"
)

_AUDITED = 20
"""So many keys of a replay are named in the audit."""


def _audited(wanted: Filter | list[str]) -> tuple[str | None, Document]:
    """What a replay was asked for, as the audit has it."""
    if isinstance(wanted, Filter):
        return None, {name: value for name, value in asdict(wanted).items() if value is not None}
    return (wanted[0], {}) if len(wanted) == 1 else (None, {"keys": wanted[:_AUDITED], "keys_count": len(wanted)})


_ENDED = {"attention_at": "", "done_at": "", "reason": "", "details": "", **_INTERRUPTIONS}


def states(db: Db, keys: Iterable[str]) -> dict[str, str]:
    """The state of each of these events that the inbox has."""
    wanted = list(keys)
    found = db.inbox.find({"_id": {"$in": wanted}}, {"state": 1}) if wanted else ()
    return {entry["_id"]: entry["state"] for entry in found}


def reopen(db: Db, keys: Iterable[str], lease: str) -> None:
    """Lease these events to `lease` once more, though they ended before; those that wait stay with whoever has them."""
    changes = {"$set": {"state": "waiting", "attempts": 0, "due_at": now() + LEASE, "lease": lease}}
    db.inbox.update_many({"_id": {"$in": list(keys)}, "state": {"$ne": "waiting"}}, changes | {"$unset": _ENDED})


def of_person(about: Iterable[str], *, store: str | None = None, noun: str = "") -> Document:
    """A query for the events that are `about` any of these, of a store where one is named, and of topics of one noun
    (`order`): orders, products and customers of a shop may have the same number."""
    query: Document = {"about": {"$in": list(about)}, "erased_at": None}
    if store:
        query["store"] = store
    if noun:
        query["topic"] = {"$regex": rf"^{noun}\."}
    return query


def erase(db: Db, query: Document) -> int:
    """Erase the bodies of the events that match and have ended, with what was odd in them; returns how many. Those that
    needed a look are done: there is nothing left to look at. Those that wait are erased when they end."""
    moment = now()
    changes: Document = {
        "$set": {"body": Binary(b""), "erased_at": moment, "state": "done", "done_at": moment},
        "$unset": {"details": "", "warnings": "", "attention_at": ""},
        "$pull": _ADDRESSES,
    }
    return db.inbox.update_many({**query, "state": {"$ne": "waiting"}}, changes).modified_count


def waiting(db: Db) -> int:
    """How many events wait or are being worked on."""
    return db.inbox.count_documents({"due_at": {"$exists": True}}, hint="due_at_1")
