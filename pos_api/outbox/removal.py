"""What is left of subscriptions that were deleted: their deliveries. A subscription goes at once, and its deliveries,
which may be many, batch by batch afterwards (`delete_left`); until then its id is kept, with when it was deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.outbox.collections import deleted_subscriptions, deliveries, subscriptions

_KNOWN_FOR = timedelta(minutes=10)
"""So long after a subscription was deleted a process that knew it may still write deliveries: two seconds, the time
that a batch takes until they are written (`deferred_writes`), and the time that the database may take."""
_NOT_DELETED_AFTER = timedelta(hours=1)
"""After this time a subscription that is still there was not deleted: a crash came in between."""
_BATCH = 1000
_MOST_BATCHES = 50
"""Of one run, so that other jobs need not wait for long."""


def note(db: Db, subscription: str) -> None:
    """Note that a subscription is about to be deleted, so that its deliveries are found whatever happens then."""
    deleted_subscriptions(db).update_one({"_id": subscription}, {"$set": {"deleted_at": now()}}, upsert=True)


def is_noted(db: Db, subscription: str) -> bool:
    """Whether such a subscription was deleted a short time ago, or something is left of it."""
    return deleted_subscriptions(db).find_one({"_id": subscription}, {"_id": 1}) is not None


def waiting(db: Db) -> int:
    """How many deliveries of deleted subscriptions would wait."""
    ids = [each["_id"] for each in deleted_subscriptions(db).find({}, {"_id": 1})]
    there = {each["_id"] for each in subscriptions(db).find({"_id": {"$in": ids}}, {"_id": 1})} if ids else set()
    lanes = ({"$gt": f"{each}:", "$lt": f"{each};"} for each in ids if each not in there)  # `;` comes after `:`
    return sum(deliveries(db).count_documents({"lane": lane}) for lane in lanes)


def delete_left(db: Db, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Delete deliveries of subscriptions that were deleted, so many at a time, and return how many were. Run again, it
    goes on. An id is dropped once nothing is left of its subscription and no process can know that any more."""
    deleted = 0
    for noted in list(deleted_subscriptions(db).find()):
        identifier, age = noted["_id"], now() - noted["deleted_at"]
        if subscriptions(db).find_one({"_id": identifier}, {"_id": 1}):
            if age > _NOT_DELETED_AFTER:
                deleted_subscriptions(db).delete_one(dict(noted))
            continue
        for _ in range(_MOST_BATCHES):
            found = [
                each["_id"] for each in deliveries(db).find({"subscription": identifier}, {"_id": 1}).limit(_BATCH)
            ]
            if not found:
                if age > _KNOWN_FOR:
                    deleted_subscriptions(db).delete_one(dict(noted))
                break
            deleted += deliveries(db).delete_many({"_id": {"$in": found}}).deleted_count
            if is_stopping():
                return deleted
    return deleted
