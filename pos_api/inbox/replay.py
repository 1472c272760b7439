"""Entries are tried again: those that people name, or that match a filter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, NotFound
from pos_api.inbox.finishing import ENDING_FIELDS
from pos_api.inbox.queries import NO_ENTRY, Filter
from pos_api.staff import audit


def replay_entries(db: Db, wanted: Filter | Iterable[str]) -> int:
    """Make entries due again: these keys, in whatever state, or those that match. Returns how many.

    Raises NotFound when keys were given and none of them is known, and Conflict when the bodies of all were erased.
    """
    keys = None if isinstance(wanted, Filter) else list(wanted)
    query: Document = wanted.query() if isinstance(wanted, Filter) else {"_id": {"$in": keys}}
    changes = {"$set": {"state": "waiting", "attempts": 0, "due_at": now()}}
    removed = {"$unset": ENDING_FIELDS | {"lease": ""}}
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
