"""Events are written to the outbox, with a delivery for each subscription that wants them. Done again, it changes
nothing: both have ids of their own making, and what collides is there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from pymongo.errors import BulkWriteError

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.database.write_errors import only_collisions
from pos_api.outbox import wakeup
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import OutboxEvent, StoredDelivery, StoredEvent, delivery_id, lane_of


def publish(db: Db, happened: Iterable[OutboxEvent]) -> None:
    """Write those of these events that a subscription wants, each with its deliveries; two round trips for all.

    Of one resource they come in their order, and every event before them is in the outbox already.
    """
    write_deliveries(db, write_events(db, happened))


@at_one_primary  # or a primary that has not got the events may be asked to clear the marks
def publish_and_clear(db: Db, happened: Iterable[OutboxEvent], marked: Mapping[str, Iterable[Any]]) -> None:
    """Publish the events that documents are marked with, and clear the marks of those documents (by collection)."""
    publish(db, happened)
    for collection, documents in marked.items():
        clear_marks(db, collection, marks_of(documents))


def write_events(db: Db, happened: Iterable[OutboxEvent]) -> list[StoredDelivery]:
    """Write those of these events that a subscription wants, and return their deliveries, which are not written."""
    interest, moment = interest_of(db), now()
    wanted = [(event, interest.of(event.type, event.store)) for event in happened]
    if events := [_stored(event, moment) for event, subscriptions in wanted if subscriptions]:
        ensure_one_term(db)  # or they may be of a change that is lost
        _insert(db, "outbox", events)
    return [_delivery(event, each, moment) for event, wanting in wanted for each in wanting]


def write_deliveries(db: Db, deliveries: list[StoredDelivery]) -> None:
    """Write deliveries of events that are in the outbox, and wake who sends them."""
    if deliveries:
        ensure_one_term(db)  # or they may be of events that are lost
        _insert(db, "webhook_deliveries", deliveries)
        wakeup.published()


def marks_of(documents: Iterable[Any]) -> dict[Any, set[str]]:
    """The ids of the marks that documents have, by the `_id` of the document."""
    marks: dict[Any, set[str]] = {}
    for document in documents:
        marks.setdefault(document["_id"], set()).update(mark["id"] for mark in document["unpublished"])
    return marks


def clear_marks(db: Db, collection: str, published: Mapping[Any, Iterable[str]]) -> None:
    """Take the marks of published events (ids, by the `_id` of the document) from documents of a collection."""
    if published:
        ids = [id for marks in published.values() for id in marks]
        ensure_one_term(db)
        db[collection].update_many({"_id": {"$in": list(published)}}, {"$pull": {"unpublished": {"id": {"$in": ids}}}})


def _insert(db: Db, collection: str, documents: list[Any]) -> None:
    try:
        db[collection].insert_many(cast("list[Document]", documents), ordered=False)
    except BulkWriteError as error:
        only_collisions(error)


def _stored(event: OutboxEvent, moment: datetime) -> StoredEvent:
    return {
        "_id": event.id,
        "type": event.type,
        "at": event.at,
        "store": event.store,
        "resource": event.resource,
        "position": event.position,
        "data": event.data,
        "reference": event.reference,
        "about": list(event.about),
        "written_at": moment,
    }


def _delivery(event: OutboxEvent, subscription: str, moment: datetime) -> StoredDelivery:
    return {
        "_id": delivery_id(subscription, event.id),
        "subscription": subscription,
        "event": event.id,
        "type": event.type,
        "store": event.store,
        "resource": event.resource,
        "position": event.position,
        "created_at": moment,
        "state": "waiting",
        "due_at": moment,
        "lane": lane_of(subscription, event.resource),
        "attempts": 0,
        "log": [],
    }
