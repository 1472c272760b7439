"""Personal data leaves the outbox: events about a person, and what subscribers answered to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.outbox.collections import deliveries, events, subscriptions
from pos_api.outbox.model import made_due

OF_CUSTOMERS: Document = {"resource": {"$regex": "^customer:"}}
"""A query for the events of customers' own records."""
OF_DELIVERIES: Document = {"resource": {"$regex": "^delivery:"}}
"""A query for the events of deliveries that are for people to look at."""

_BATCH = 500


def events_about(about: Iterable[str]) -> Document:
    """A query for the events that are about any of these: customers' keys, and orders as `store:id`."""
    return {"about": {"$in": list(about)}}


def erase_events(db: Db, query: Document, *, again_after: timedelta) -> int:
    """Erase the events that match, and return of how many. Of each what identifies its resource stays, and that is what
    its deliveries are sent from now on; what was answered to it goes, at once and for attempts that were on their way
    once more after `again_after` (`erase_late_answers`). Events of customers' records go whole, with their deliveries:
    even their ids are made of the customer's key.

    `query` needs `about`, by which they are found; that goes last, so run again, it does the rest.
    """
    erased = 0
    while found := list(events(db).find(query, {"resource": 1}).limit(_BATCH)):
        whole = [each["_id"] for each in found if each["resource"].startswith("customer:")]
        delete_events(db, whole)
        rest = [each["_id"] for each in found if not each["resource"].startswith("customer:")]
        _erase_answers(db, rest)
        moment = now()
        kept = {"data": "$reference", "about": [], "erased_at": moment, "answers_due_at": moment + again_after}
        events(db).update_many({"_id": {"$in": rest}}, [{"$set": kept}])
        erased += len(found)
    return erased


def erase_late_answers(db: Db) -> None:
    """Erase what was answered to erased events by attempts that were on their way when these were erased."""
    due = {"answers_due_at": {"$lte": now()}}
    for batch in in_batches((each["_id"] for each in events(db).find(due, {"_id": 1})), _BATCH):
        _erase_answers(db, batch)
        events(db).update_many({"_id": {"$in": batch}}, {"$unset": {"answers_due_at": ""}})


def delete_before(db: Db, moment: datetime) -> int:
    """Delete the events that were written before then, with their deliveries, also those that wait; returns how many
    events were."""
    deleted = 0
    old = {"written_at": {"$lt": moment}}
    while found := [each["_id"] for each in events(db).find(old, {"_id": 1}).sort("written_at", 1).limit(_BATCH)]:
        delete_events(db, found)
        deleted += len(found)
    for subscription in subscriptions(db).find({}, {"_id": 1}):  # those of deleted ones are deleted anyway (`removal`)
        left = {"subscription": subscription["_id"], "created_at": {"$lt": moment}}
        while found := [each["_id"] for each in deliveries(db).find(left, {"_id": 1}).limit(_BATCH)]:
            deliveries(db).delete_many({"_id": {"$in": found}})
    return deleted


def delete_events(db: Db, ids: Collection[str]) -> None:
    """Delete these events and their deliveries; what was held back by one of these is due. The events go last: by them
    the deliveries are found again."""
    if ids:
        of_events = {"event": {"$in": list(ids)}}
        holding = deliveries(db).find({**of_events, "holds": True, "lane": {"$exists": True}}, {"lane": 1})
        lanes = [each["lane"] for each in holding]
        deliveries(db).delete_many(of_events)
        if lanes:  # after a crash before this it is due in a day or so
            deliveries(db).update_many({"lane": {"$in": lanes}, "held": True}, made_due(now()))
        events(db).delete_many({"_id": {"$in": list(ids)}})


def _erase_answers(db: Db, ids: Collection[str]) -> None:
    """A receiver may repeat in its answer what it was sent."""
    if ids:
        answered = {"event": {"$in": list(ids)}, "log.answer": {"$exists": True}}
        deliveries(db).update_many(answered, {"$unset": {"log.$[].answer": ""}})
