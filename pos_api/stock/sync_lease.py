"""Which process sends stock to a store: the one that has its lease, while stock sync is on there. The times that decide
are those of the database's clock, so clocks of machines may differ; what is written survives a crash of the
database."""

from __future__ import annotations

from typing import Any, cast

from pymongo.collection import Collection

from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.stock.model import StoredStockSync
from pos_api.stock.store_sync import states

SECONDS = 15.0
"""How long a lease lasts that nobody renews."""
RENEW_EVERY = 4.0
LONGEST_PAUSE = 60.0
"""Seconds between two attempts, however many have failed; a store may ask for more."""
_LONGEST_WISH = 3_600.0
_UNTIL = {"$add": ["$$NOW", int(SECONDS * 1000)]}
_ENDED = {"$or": [{"lease_until": {"$exists": False}}, {"$expr": {"$lt": ["$lease_until", "$$NOW"]}}]}


def take(db: Db, store: str, holder: str) -> bool:
    """Take the lease of a store, where nobody else has it and the pause after a failed attempt is over."""
    free = {"$or": [*_ENDED["$or"], {"holder": holder}]}
    due = {"$or": [{"next_attempt_at": {"$exists": False}}, {"$expr": {"$lte": ["$next_attempt_at", "$$NOW"]}}]}
    return _update(db, {"_id": store, "on": True, "$and": [free, due]}, [{"$set": _lease(holder)}])


def renew(db: Db, store: str, holder: str) -> bool:
    """Keep the lease of a store; false where it was lost, or stock sync is off there now."""
    return _update(db, {"_id": store, "on": True, "holder": holder}, [{"$set": _lease(holder)}])


def give_back(db: Db, store: str, holder: str) -> None:
    """Let others send to the store at once."""
    _update(db, {"_id": store, "holder": holder}, {"$unset": {"holder": "", "lease_until": ""}})


def is_held(db: Db, store: str) -> bool:
    """Whether a process may be sending to the store just now."""
    return _durable(db).find_one({"_id": store, "holder": {"$exists": True}, "$nor": [_ENDED]}, {"_id": 1}) is not None


def failed(db: Db, store: str, holder: str, message: str, pause: float = 0.0) -> None:
    """Note that a request failed, and give the lease back: the next attempt comes after 1 second, doubled with every
    failure up to LONGEST_PAUSE, and not before the `pause` (seconds) that the store has asked for."""
    seconds = {"$min": [LONGEST_PAUSE, {"$pow": [2, {"$subtract": [{"$min": ["$failures", 30]}, 1]}]}]}
    wait = {"$max": [min(pause, _LONGEST_WISH), seconds]}
    noted = {"last_error": {"$literal": message}, "last_error_at": "$$NOW"}
    steps = [
        {"$set": {"failures": {"$add": [{"$ifNull": ["$failures", 0]}, 1]}, **noted}},
        {"$set": {"next_attempt_at": {"$add": ["$$NOW", {"$toLong": {"$multiply": [1000, wait]}}]}}},
        {"$unset": ["holder", "lease_until"]},
    ]
    _update(db, {"_id": store, "holder": holder}, steps)


def answered(db: Db, store: str, holder: str, *, plugin: str, applied: bool, problem: str = "") -> None:
    """Note that a request was answered, whether a stock was changed, and what else there is to say about it."""
    moment = now()
    noted: Document = {"plugin": plugin}
    if applied:
        noted["last_applied_at"] = moment
    if problem:
        noted |= {"last_error": problem, "last_error_at": moment}
    _update(db, {"_id": store, "holder": holder}, {"$set": noted, "$unset": {"failures": "", "next_attempt_at": ""}})


def _lease(holder: str) -> Document:
    return {"holder": holder, "lease_until": _UNTIL}


def _update(db: Db, query: Document, update: Any) -> bool:
    return _durable(db).update_one(query, update).matched_count > 0


def _durable(db: Db) -> Collection[StoredStockSync]:
    return cast("Collection[Any]", states(db)).with_options(write_concern=DURABLE)
