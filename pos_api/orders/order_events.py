"""Which events a change of an order is. Pure: no database."""

from __future__ import annotations

from pos_api.events import Event, OrderChange, OrderChanged, StockChanged
from pos_api.orders.merge import Change
from pos_api.orders.model import Order


def events_by_order(changes: list[Change], moved: list[StockChanged]) -> dict[str, list[Event]]:
    """All events of a batch by the order whose update caused them. What moved for a parent, since its sub-order came
    in, is that sub-order's."""
    events: dict[str, list[Event]] = {change.update.key: [*order_events(change)] for change in changes}
    causing = {change.after.get("parent", ""): change.update.key for change in changes}
    for event in moved:
        order = event.order or ""
        events[order if order in events else causing.get(order, changes[0].update.key)].append(event)
    return events


def order_events(change: Change) -> list[OrderChanged]:
    """The events of one update: what became of the order, and the final status that it came into.

    Where the update was begun before and has nothing left to save, they are those of the stored revision if it was this
    update that saved it: a crash may have kept them from being noted.
    """
    if not change.is_to_save():
        return _events_of_last_save(change)
    if change.outcome == "unchanged":
        return []
    before, after = change.before, change.after
    kinds = [_kind(before, after)]
    if before is None or before["stage"] != after["stage"]:
        kinds += _final(after)
    return [_event(change, kind) for kind in kinds]


def _kind(before: Order | None, after: Order) -> OrderChange:
    deleted, was_deleted = "deleted_at" in after, before is not None and "deleted_at" in before
    if deleted != was_deleted:
        return "deleted" if deleted else "restored"
    return "created" if before is None else "updated"


def _final(order: Order) -> list[OrderChange]:
    stage = order["stage"]
    return [stage] if stage in ("completed", "cancelled", "refunded") else []


def _events_of_last_save(change: Change) -> list[OrderChanged]:
    order, cause = change.after, change.update.cause
    if not change.update.retried or order.get("saved_by") != cause:
        return []
    *earlier, last = order["status_history"]
    if last["cause"] != cause:
        return [_event(change, "created" if order["rev"] == 1 else "updated")]
    was_deleted = bool(earlier) and earlier[-1]["deleted"]
    kind: OrderChange = "created" if order["rev"] == 1 else "updated"
    if last["deleted"] != was_deleted:
        kind = "deleted" if last["deleted"] else "restored"
    came_into_status = not earlier or earlier[-1]["status"] != last["status"]
    return [_event(change, each) for each in (kind, *(_final(order) if came_into_status else ()))]


def _event(change: Change, kind: OrderChange) -> OrderChanged:
    order = change.after
    return OrderChanged(order["_id"], order["store"], order["rev"], kind, change.update.received_at)
