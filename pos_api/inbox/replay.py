"""Entries are tried again: those that people name, or that match a filter."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, NotFound
from pos_api.inbox.finishing import ENDING_FIELDS
from pos_api.inbox.queries import NO_ENTRY, Filter
from pos_api.staff import audit

_ENDING = ENDING_FIELDS | {"lease": "", "outcome": "", "warnings": ""}
"""What became of an entry before says nothing of what becomes of it now."""


def replay_entries(db: Db, wanted: Filter | Iterable[str]) -> int:
    """Make entries due again: these keys, in whatever state, or those that match. Returns how many.

    Raises NotFound when keys were given and none of them is known, and Conflict when the bodies of all were erased.
    """
    keys = None if isinstance(wanted, Filter) else list(wanted)
    query: Document = wanted.query() if isinstance(wanted, Filter) else {"_id": {"$in": keys}}
    changes = {"$set": _begun_anew(), "$unset": _ENDING}
    if keys is not None:
        _check_replayable(db, query)
    query["erased_at"] = None
    target, details = _audited(wanted if isinstance(wanted, Filter) else keys or [])
    with audit.act(db, "inbox.replayed", target=target, details=details) as added:
        added["replayed"] = db.inbox.update_many(query, changes).matched_count
    return int(added["replayed"])


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay of several entries: the id by which they are found (`queries.of_replay`), and how many they are."""

    id: str
    count: int


def replay_matching(db: Db, wanted: Filter) -> Replay:
    """Make entries due again that match, the oldest MOST_AT_ONCE of them: what is left can be replayed after these."""
    identifier = secrets.token_hex(8)
    query = {**wanted.query(), "erased_at": None}
    changes = {"$set": {**_begun_anew(), "replay": identifier}, "$unset": _ENDING}
    oldest_first = [(wanted.sorted_by, 1), ("_id", 1)]
    target, details = _audited(wanted)
    with audit.act(db, "inbox.replayed", target=target, details=details) as added:
        keys = [each["_id"] for each in db.inbox.find(query, {"_id": 1}).sort(oldest_first).limit(MOST_AT_ONCE)]
        added["replayed"] = 0
        for batch in in_batches(keys, _BATCH):
            still = {**query, "_id": {"$in": list(batch)}}
            added["replayed"] += db.inbox.update_many(still, changes).matched_count
    return Replay(identifier, int(added["replayed"]))


MOST_AT_ONCE = 10_000
"""So many entries are replayed at once, so that whoever asks for it is answered within seconds."""
_BATCH = 500


def _begun_anew() -> Document:
    return {"state": "waiting", "attempts": 0, "due_at": now()}


def _check_replayable(db: Db, query: Document) -> None:
    if db.inbox.find_one({**query, "erased_at": None}, {"_id": 1}):
        return
    if db.inbox.find_one(query, {"_id": 1}):
        raise Conflict(ERASED)
    raise NotFound(NO_ENTRY)


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
