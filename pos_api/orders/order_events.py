"""Which events a change of an order is. Pure: no database."""

from __future__ import annotations

from pos_api.events import Event, OrderChange, OrderChanged, StockChanged
from pos_api.orders.merge import Change
from pos_api.orders.model import Order, OrderUpdate, Stage, StatusEntry


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
    """The events of one update: what became of the order, and the final status that it came into.

    Of an update that was begun before, and changes nothing now, they are those of what it had saved then: a crash may
    have kept them from being noted.
    """
    before, after, update = change.before, change.after, change.update
    if change.outcome in ("created", "updated"):
        kinds = [_kind("deleted_at" in after, before is not None and "deleted_at" in before, after["rev"])]
        if before is None or before["stage"] != after["stage"]:
            kinds += _final(after["stage"])
        return [_event(after, update, after["rev"], kind) for kind in kinds]
    return _events_of_earlier_attempt(before, update) if before is not None and update.retried else []


def _kind(deleted: bool, was_deleted: bool, rev: int) -> OrderChange:
    if deleted != was_deleted:
        return "deleted" if deleted else "restored"
    return "created" if rev == 1 else "updated"


def _final(stage: Stage) -> list[OrderChange]:
    return [stage] if stage in ("completed", "cancelled", "refunded") else []


def _events_of_earlier_attempt(order: Order, update: OrderUpdate) -> list[OrderChanged]:
    """What an update had made of the stored order, which others may have changed since. Its history has every change of
    status; of a change of anything else only the last save is known."""
    events: list[OrderChanged] = []
    earlier: StatusEntry | None = None
    for entry in order["status_history"]:
        if entry["cause"] == update.cause:
            kinds = [_kind(entry["deleted"], earlier is not None and earlier["deleted"], entry["rev"])]
            if earlier is None or earlier["stage"] != entry["stage"]:
                kinds += _final(entry["stage"])
            events += [_event(order, update, entry["rev"], kind) for kind in kinds]
        earlier = entry
    if order.get("saved_by") == update.cause and all(event.revision != order["rev"] for event in events):
        events.append(_event(order, update, order["rev"], "updated"))
    return events


def _event(order: Order, update: OrderUpdate, rev: int, kind: OrderChange) -> OrderChanged:
    return OrderChanged(order["_id"], order["store"], rev, kind, update.received_at)
