"""What has to be looked up at a provider: when each is due, and who has it.

One process at a time looks a thing up, under a lease; should it die, the look-up is due again when the lease runs out.
A look-up stays here until its answer is a report, so a crash loses none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NotRequired, TypedDict, cast

from pymongo import ReturnDocument

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.senders.reports import LookUp

LEASE = timedelta(seconds=60)
"""Longer than any look-up takes, also where a name server is slow."""
LONGEST = timedelta(days=3)
"""For so long it is looked up again while there is no answer."""

_FIRST_PAUSES = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=30))
_PAUSE = timedelta(minutes=1)
_OFTEN_FOR = timedelta(minutes=10)
_LATER_PAUSE = timedelta(hours=1)


class StoredLookup(TypedDict):
    """A document of `lookups`. `_id` is `store:thing`; `since` is when it was asked for, and `attempts` how often it
    was looked up since then; `due_at` is when it is looked up next, or while it is, when `lease` runs out."""

    _id: str
    store: str
    thing: str
    since: datetime
    attempts: int
    due_at: datetime
    lease: NotRequired[str]


def add(db: Db, wanted: LookUp) -> None:
    """Look it up at once. Whoever is looking it up just now may not know of the report that this is for: their lease
    ends, and so it is looked up again."""
    moment = now()
    asked: dict[str, Any] = {"store": wanted.store, "thing": wanted.thing, "since": moment, "attempts": 0}
    changes = {"$set": {**asked, "due_at": moment}, "$unset": {"lease": ""}}
    db.lookups.update_one({"_id": wanted.key}, changes, upsert=True)


def stores_due(db: Db) -> list[str]:
    """The stores that have something to look up now; read from the index, one key for each store (`distinct` is not in
    MongoDB's stable API)."""
    first_due: list[dict[str, Any]] = [
        {"$sort": {"store": 1, "due_at": 1}},
        {"$group": {"_id": "$store", "due_at": {"$first": "$due_at"}}},
        {"$match": {"due_at": {"$lte": now()}}},
    ]
    return [each["_id"] for each in db.lookups.aggregate(first_due)]


def claim(db: Db, store: str, lease: str) -> StoredLookup | None:
    """What the store has to look up and became due last: it is leased to `lease` now. None where there is nothing.
    So what was reported just now does not wait for what false claims have left behind."""
    due = {"store": store, "due_at": {"$lte": now()}}
    leased = {"$set": {"lease": lease, "due_at": now() + LEASE}}
    found = db.lookups.find_one_and_update(due, leased, sort=[("due_at", -1)], return_document=ReturnDocument.AFTER)
    return cast("StoredLookup | None", found)


def pause(attempts: int, age: timedelta) -> timedelta:
    """How long to wait after so many look-ups of what was asked for `age` ago: at most a minute in the first ten, then
    an hour."""
    if age >= _OFTEN_FOR:
        return _LATER_PAUSE
    return _FIRST_PAUSES[attempts - 1] if attempts <= len(_FIRST_PAUSES) else _PAUSE


def postpone(db: Db, lookup: StoredLookup, lease: str, after: timedelta) -> None:
    """Look it up again after this pause."""
    changes = {"$set": {"attempts": lookup["attempts"] + 1, "due_at": now() + after}, "$unset": {"lease": ""}}
    db.lookups.update_one({"_id": lookup["_id"], "lease": lease}, changes)


def finish(db: Db, lookup: StoredLookup, lease: str) -> None:
    """It was answered, unless it was asked for once more meanwhile."""
    db.lookups.delete_one({"_id": lookup["_id"], "lease": lease})
