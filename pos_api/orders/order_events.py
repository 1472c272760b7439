"""Which events a change of an order is. Pure: no database."""

from __future__ import annotations

from decimal import Decimal

from pos_api.common.money import decimal
from pos_api.events import Event, OrderChange, OrderChanged, StockChanged
from pos_api.orders.merge import Change
from pos_api.orders.model import Order


def events_by_order(changes: list[Change], moved: list[StockChanged]) -> dict[str, list[Event]]:
    """All events of a batch by the order whose update caused them. What moved for a parent, since its sub-order came
    in, is that sub-order's."""
    events: dict[str, list[Event]] = {change.update.key: [*order_events(change)] for change in changes}
    suborders = {change.after["parent"]: change.update.key for change in changes if "parent" in change.after}
    for event in moved:
        order = event.order or ""
        # a parent that nobody names here is of a newer version of one of these
        causing = order if order in events else suborders.get(order, changes[0].update.key)
        events[causing].append(event)
    return events


def order_events(change: Change) -> list[OrderChanged]:
    """The events of one update, in their order; none where it changed nothing."""
    after, at = change.after, change.update.received_at
    return [OrderChanged(after["_id"], after["store"], after["rev"], kind, at) for kind in order_changes(change)]


def order_changes(change: Change) -> list[OrderChange]:
    """What an update made of an order, in this order: it was created or restored; came into a final status, had more
    refunded; was deleted. It was updated where it was none of these."""
    before, after = change.before, change.after
    if change.outcome not in ("created", "updated"):
        return []
    ended = _ended(before, after)
    is_deleted, was_deleted = "deleted_at" in after, before is not None and "deleted_at" in before
    if is_deleted and not was_deleted:
        return [*ended, "deleted"]
    if before is None:
        return ["created", *ended]
    if was_deleted and not is_deleted:
        return ["restored", *ended]
    return ended or ["updated"]


def _ended(before: Order | None, after: Order) -> list[OrderChange]:
    stage = after["stage"] if before is None or before["stage"] != after["stage"] else "open"
    changes: list[OrderChange] = [stage] if stage in ("completed", "cancelled", "refunded") else []
    if "refunded" not in changes and _refunded(after) > (_refunded(before) if before else 0):
        changes.append("refunded")
    return changes


def _refunded(order: Order) -> Decimal:
    """What was paid back of an order, by its refunds."""
    return sum((decimal(refund["amount"]) for refund in order.get("refunds", ())), Decimal(0))
