"""Events that changed documents are marked with are written to the outbox, and the marks cleared.

A change and the marks of its events are one write (`outbox.model.Unpublished`), so a crash loses no event: what is left
marked is published here when the change is applied again, when the document is changed next, or by `publish_left`.
Whoever publishes a document publishes all that is marked on it, the oldest first: so the events of one resource come
into the outbox in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from pos_api.cash import outbox_events as cash
from pos_api.catalogue import product_events, stock_events
from pos_api.common.time import now
from pos_api.customers import customer_events
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary
from pos_api.inbox import outbox_events as inbox
from pos_api.logs import get_logger
from pos_api.orders import outbox_events as orders
from pos_api.orders.model import Result
from pos_api.outbox.deferred_writes import publish_events_only
from pos_api.outbox.interest import wants
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import publish_and_clear
from pos_api.payments import outbox_events as payments
from pos_api.processing.faults import is_outage
from pos_api.senders import comparison_events
from pos_api.stores.registry import stored_currency
from pos_api.subscriptions import outbox_events as subscriptions

EventsOf: TypeAlias = Callable[[Db, Sequence[Document]], list[OutboxEvent]]
"""All events that these documents of one collection are marked with, those of one document in their order; each has the
id of its mark."""


def _of_cash_sessions(db: Db, sessions: Sequence[Document]) -> list[OutboxEvent]:
    return cash.events_of(db, sessions, lambda store: stored_currency(db, store))


SOURCES: Mapping[str, EventsOf] = {
    "inbox": inbox.events_of,
    "products": product_events.events_of,
    "customers": customer_events.events_of,
    "payments": payments.events_of,
    "cash_sessions": _of_cash_sessions,
    "customer_subscriptions": subscriptions.events_of,
    "comparisons": comparison_events.events_of,
    "orders": orders.events_of,
    "stock_movements": stock_events.events_of,
}
"""By collection; its documents are marked, and `unpublished()` is among its indexes."""

_LEFT_AFTER = timedelta(seconds=30)
_BATCH = 200
_LEFT_OUT = inbox.SHOWN
"""What a delivery brought is no part of an event about it, and may be large."""

log = get_logger(__name__)


def publish_marked(db: Db, collection: str, documents: Iterable[Any]) -> None:
    """Publish what these documents are marked with. Of an event that several of them are marked with the first counts:
    give a document as it was before as it is now, where both are at hand. None is no document. A mark that has no event
    yet stays."""
    marked = [each for each in documents if each and each.get("unpublished")]
    if not marked:
        return
    events: dict[str, OutboxEvent] = {}
    for event in SOURCES[collection](db, marked):
        events.setdefault(event.id, event)
    published = [{**each, "unpublished": [m for m in each["unpublished"] if m["id"] in events]} for each in marked]
    publish_and_clear(db, events.values(), {collection: [each for each in published if each["unpublished"]]})


def publish_orders(db: Db, results: Sequence[Result], retried: Iterable[str] = ()) -> None:
    """Publish what updates of orders have changed, of orders and of stock; what was left by an earlier attempt, too, of
    the orders that are `retried`. Where only orders are marked, deliveries may be written later, by who collects them
    (`outbox.deferred_writes`): movements that stayed marked would be published again with the next of their product."""
    changed: list[Any] = [order for result in results for order in result.marked]
    moved = stock_events.marked_movements(db, (each for result in results for each in result.events), set(retried))
    events = orders.events_of(db, changed, results[0].skus) if changed else []
    if moved:
        events += stock_events.events_of(db, moved)
    is_rest_left = not moved and publish_events_only(db, events, changed)
    if not is_rest_left:
        publish_and_clear(db, events, {"orders": changed, "stock_movements": moved})


def publish_parked(db: Db, keys: Iterable[str]) -> None:
    """Publish that these inbox entries are for people to look at, where a subscription wants that. What can't be
    published is published later: the entries have ended."""
    wanted = list(keys)
    try:
        if wanted and wants(db, "delivery"):
            marked = {"_id": {"$in": wanted}, "unpublished.at": {"$exists": True}}
            publish_marked(db, "inbox", db.inbox.find(marked, inbox.SHOWN))
    except Exception as error:
        log.warning("that events are parked is published later", error=type(error).__name__)


def publish_left(db: Db) -> int:
    """Publish what is marked for so long that whoever marked it must have been interrupted; returns how many
    documents were. What can't be published is logged, and keeps nothing else from being published, as long as there are
    fewer such documents of a collection than are looked at in one go."""
    left = sum(_publish_left_of(db, collection) for collection in SOURCES)
    if left:
        log.info("events were published that were left behind", documents=left)
    return left


@at_one_primary
def _publish_left_of(db: Db, collection: str) -> int:
    before = {"unpublished.at": {"$lt": now() - _LEFT_AFTER}}
    documents = list(db[collection].find(before, _LEFT_OUT).sort("unpublished.at", 1).limit(_BATCH))
    if collection == "stock_movements":  # those of one product in their order, also where clocks differ
        documents = stock_events.marked_movements_of(db, {each["sku"] for each in documents})
    try:
        publish_marked(db, collection, documents)
    except Exception as error:
        if is_outage(error):
            raise
        return sum(_publish_alone(db, collection, each) for each in documents)
    return len(documents)


def _publish_alone(db: Db, collection: str, document: Document) -> bool:
    """Whether what this document is marked with could be published."""
    try:
        publish_marked(db, collection, [document])
    except Exception as error:
        if is_outage(error):
            raise
        log.error("events can't be published", collection=collection, error=type(error).__name__)
        return False
    return True
