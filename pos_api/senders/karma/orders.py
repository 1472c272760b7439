"""An order of Karma: what guests asked for. It holds stock of the products that its items are linked to, and is no
sale: that is the purchase by which it is paid. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from bson import Decimal128

from pos_api.common.money import decimal, decimal128
from pos_api.database.client import Document
from pos_api.orders.model import OrderFields, OrderUpdate, Status
from pos_api.orders.parts import Line
from pos_api.senders.karma.fields import NAMED, odd_fields
from pos_api.senders.karma.kind import CANCELLED, COMPLETED, CREATED
from pos_api.senders.reports import KnownReport, Reported, State
from pos_api.stores.model import Store

_COMPLETED = Status("completed", "taken", counts_as_sale=False, stage="completed")
_CANCELLED = Status("cancelled", "none", counts_as_sale=False, stage="cancelled")
_FINAL: Final[Mapping[str, Status]] = {
    **dict.fromkeys((COMPLETED, "completed"), _COMPLETED),
    **dict.fromkeys((CANCELLED, "cancelled", "canceled"), _CANCELLED),
}
"""How an order ended, by the event or the state that says so."""


def order_state(store: Store, order_id: str, reported: Reported) -> State:
    """What an order is by all its reports: each field as the latest one that has it says, by the time at which Karma
    emitted it. What created the order is older than all else, whenever it was emitted (again)."""
    reports = sorted(reported.reports, key=lambda each: (each.name != CREATED, each.moment, each.id))
    known: Document = {}
    for each in reports:
        known.update(each.content)
    status = _status(reports, known)
    created_at = known.get("created_at") or min(each.moment for each in reports)
    update = OrderUpdate(
        store=store.id,
        order_id=order_id,
        kind="created" if reported.sequence == 1 else "updated",
        cause=reported.cause,
        received_at=reported.received_at,
        modified_at=max(each.moment for each in reports),
        sequence=reported.sequence,
        opening=False,
        fields=_fields(store, order_id, known, created_at),
        status=status,
        initial_status=status,
        named_fields=NAMED,
        warnings=odd_fields(*(each.content for each in reports)),
        live_since=store.live_since,
        stock_taken_at=created_at,
    )
    return State((update,))


def _status(reports: Sequence[KnownReport], known: Document) -> Status:
    """How it ended, by the latest report that says so; of two at the same moment it was cancelled. While none does, it
    is open, in the latest state."""
    ended = [
        (each.moment, status is _CANCELLED, status)
        for each in reports
        if (status := _FINAL.get(each.name) or _FINAL.get(each.content.get("state", "")))
    ]
    if ended:
        return max(ended, key=lambda each: each[:2])[2]
    return Status(known.get("state") or "sent", "taken", counts_as_sale=False, stage="open")


def _fields(store: Store, order_id: str, known: Document, created_at: datetime) -> OrderFields:
    fields: OrderFields = {
        "number": order_id,
        "created_at": created_at,
        "day": store.local_day(created_at),
        "hour": store.local_hour(created_at),
    }
    if store.currency:
        fields["currency"] = store.currency
    if tab := known.get("tab"):
        fields["tab"] = tab
    if source := known.get("source"):
        fields["created_via"] = source
    if "tax" in known:
        fields["total_tax"] = known["tax"]
    if "items" in known:
        fields["line_items"] = [_line(each) for each in known["items"]]
    total = known.get("total", known.get("subtotal", _sum(fields.get("line_items"))))
    if total is not None:
        fields["total"] = total
    return fields


def _sum(lines: list[Line] | None) -> Decimal128 | None:
    if lines is None or not all("total" in line for line in lines):
        return None
    return decimal128(sum((decimal(line["total"]) for line in lines), Decimal("0.00")))


def _line(item: Mapping[str, Any]) -> Line:
    """A line of goods. Its goods are named by Karma's id of the item alone."""
    line: Line = {"sku": "", "quantity": item["quantity"], "by_id": True}
    if item.get("id"):
        line["id"] = item["id"]
    if item.get("item"):
        line["product_id"] = item["item"]
    if "name" in item:
        line["name"] = item["name"]
    if "price" in item:
        line["price"] = item["price"]
        line["total"] = line["subtotal"] = decimal128(decimal(item["price"]) * Decimal(str(item["quantity"])))
    if variants := item.get("variants"):
        line["meta"] = [{"key": each["name"], "value": str(each["price"])} for each in variants]
    return line
