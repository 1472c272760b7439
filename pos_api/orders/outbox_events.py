"""The events of orders as subscribers are sent them: an order is marked with them by the write that changes it, and
they are published right after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.events import OrderChange, OrderChanged
from pos_api.orders import presentation
from pos_api.orders.model import Order
from pos_api.orders.queries import under_current_skus
from pos_api.outbox.interest import is_wanted, wants
from pos_api.outbox.model import OutboxEvent, Unpublished
from pos_api.outbox.publish import publish_and_clear

_MOST_OF_A_REVISION = 8
"""A revision is at most three events."""


def mark(db: Db, order: Order, changes: Sequence[OrderChange]) -> None:
    """Mark an order that is about to be saved with the events that its changes are, as far as anybody wants them."""
    if not changes or not wants(db, "order"):
        return
    at = now()
    events = [OrderChanged(order["_id"], order["store"], order["rev"], change, at) for change in changes]
    marks: list[Unpublished] = [
        {"id": event.id, "type": event.type, "at": at, "position": order["rev"] * _MOST_OF_A_REVISION + number}
        for number, event in enumerate(events)
        if is_wanted(db, event.type, event.store)
    ]
    if marks:
        order["unpublished"] = [*order.get("unpublished", ()), *marks]


def publish(db: Db, orders: Iterable[Order]) -> None:
    """Publish what these orders are marked with; those of one order the oldest version first."""
    marked: list[Any] = [order for order in orders if order.get("unpublished")]
    if marked:
        publish_and_clear(db, events_of(db, marked), {"orders": marked})


def events_of(db: Db, orders: Sequence[Document], skus: Mapping[str, str] | None = None) -> list[OutboxEvent]:
    """All events that these orders are marked with. Of an event that several versions of an order are marked with it is
    the first version that is shown: it is nearest to the one that the event is about. `skus` are the current ones of
    products, by `_id`, as far as they are known."""
    marks_of: list[tuple[Document, list[Unpublished]]] = []
    known: set[str] = set()
    for order in orders:
        marks = [mark for mark in order["unpublished"] if mark["id"] not in known]
        known.update(mark["id"] for mark in marks)
        if marks:
            marks_of.append((order, marks))
    shown = under_current_skus(db, [presentation.in_event(order) for order, _ in marks_of], skus)
    return [
        event for (order, marks), data in zip(marks_of, shown, strict=True) for event in _events(order, marks, data)
    ]


def _events(order: Document, marks: list[Unpublished], shown: Document) -> list[OutboxEvent]:
    key, customer = order["_id"], order["customer"]
    data = json_bytes(shown)
    reference = json_bytes({"id": key, "store": order["store"], "order_id": order["order_id"]})
    persons = () if "erased_at" in order else (key, customer) if customer else (key,)
    return [
        OutboxEvent(
            *(each["id"], each["type"], each["at"], order["store"], f"order:{key}", each["position"]),
            *(data, reference, persons),
        )
        for each in marks
    ]
