"""The events of stock as subscribers are sent them: each movement that changed a product's stock (`stock.changed`), and
that it fell to what is low for the product, or below zero (`stock.low`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pos_api.catalogue import collections, presentation
from pos_api.common.json_text import json_bytes
from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Db, Document
from pos_api.events import Event, StockChanged
from pos_api.outbox.interest import wants
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import publish_and_clear

_UNPUBLISHED = "unpublished.at_1"
"""The index of movements with events to publish, which are few however long the ledgers are."""


def publish(db: Db, moved: Iterable[Event]) -> None:
    """Publish the movements of stock among these events, and what is still unpublished of the same products."""
    marked = marked_movements(db, moved)
    if marked:
        publish_and_clear(db, events_of(db, marked), {"stock_movements": marked})


def marked_movements(db: Db, moved: Iterable[Event], orders: Collection[str] = ()) -> list[Document]:
    """All movements with events to publish of the products that were moved, and of those that these orders have moved:
    no movement of a product is to be published before an earlier one, whoever made that."""
    products = {event.sku for event in moved if isinstance(event, StockChanged)}
    if not (products or orders) or not wants(db, "stock"):
        return []
    if orders:
        products |= {movement["sku"] for movement in _marked(db, {"order": {"$in": sorted(orders)}})}
    return marked_movements_of(db, products)


def marked_movements_of(db: Db, products: Collection[str]) -> list[Document]:
    """All movements of these products with events to publish."""
    return _marked(db, {"sku": {"$in": sorted(products)}}) if products else []


def _marked(db: Db, query: Document) -> list[Document]:
    return list(db.stock_movements.find({"unpublished.at": {"$exists": True}, **query}, hint=_UNPUBLISHED))


def events_of(db: Db, marked: Sequence[Document]) -> list[OutboxEvent]:
    """All events that these movements are marked with, those of one product in their order."""
    wanted = sorted({movement["sku"] for movement in marked})
    found = collections.products(db).find({"_id": {"$in": wanted}}, {"sku": 1, "low_stock_threshold": 1})
    products: dict[str, Mapping[str, Any]] = {product["_id"]: product for product in found}
    ordered = sorted(marked, key=lambda movement: (movement["sku"], movement["seq"]))
    return [event for movement in ordered for event in _events(movement, products.get(movement["sku"], {}))]


def _events(movement: Document, product: Mapping[str, Any]) -> list[OutboxEvent]:
    """The events of a movement; its product has none of its own yet where a crash came between the two."""
    threshold = product.get("low_stock_threshold")
    data = {
        "sku": product.get("sku", movement["sku"]),
        "product": movement["sku"],
        "store": movement["unpublished"][0]["store"],
        **presentation.movement(movement),
    }
    events = [_event(movement, "changed", data)]
    if is_low_now(movement["quantity"], movement["balance"], threshold):
        low = {**data, "low_stock_threshold": threshold, "oversold": movement["balance"] < 0}
        events.append(_event(movement, "low", low))
    return events


def is_low_now(quantity: Quantity, balance: Quantity, threshold: Quantity | None) -> bool:
    """Whether a movement let the stock fall to or below the threshold, or below zero: once for each time that it
    does."""
    before = whole(balance - quantity)
    return before >= 0 > balance or (threshold is not None and before > threshold >= balance)


def _event(movement: Document, change: str, data: Document) -> OutboxEvent:
    [mark] = movement["unpublished"]
    is_low = change == "low"
    return OutboxEvent(
        id=f"{mark['id']}:low" if is_low else mark["id"],
        type=f"stock.{change}",
        at=mark["at"],
        store=mark["store"],
        resource=f"stock:{movement['sku']}",
        position=movement["seq"] * 2 + is_low,
        data=json_bytes(data),
        reference=json_bytes({"sku": data["sku"], "product": movement["sku"], "seq": movement["seq"]}),
    )
