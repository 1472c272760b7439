"""Whether an order is from before the POS started to count: its units were missing already then. Pure: no database."""

from __future__ import annotations

from datetime import datetime

from pos_api.orders.model import Order, OrderUpdate
from pos_api.stock.opening import FirstMade, StockReduction, is_from_before, whole_second


def is_first_seen(stored: Order | None) -> bool:
    """Whether the lines of an order are seen for the first time."""
    return not (stored and stored["line_items"])


def stock_reduction(update: OrderUpdate, created_at: datetime | None = None) -> StockReduction:
    """What is known of when the shop took the order's units; `created_at` where an earlier version said it."""
    created_at = update.fields.get("created_at", created_at or update.received_at)
    number = update.order_id if isinstance(update.order_id, int) else None
    return StockReduction(number, created_at, update.stock_taken_at, update.likely_taken_at)


def is_from_before_live(update: OrderUpdate, reduction: StockReduction, first_made: FirstMade) -> bool:
    """Whether an order was made before the POS counted anything of its store."""
    live_since = update.live_since
    if update.opening or live_since is None:
        return update.opening
    first = first_made.get((update.store, whole_second(live_since)))
    return is_from_before(reduction, live_since, first_made=first)


def undecided_since_live(update: OrderUpdate) -> tuple[str, datetime] | None:
    """From which second on a store's orders have to be known to say whether an order is from before it went live; None
    where the update says it."""
    live_since = update.live_since
    if live_since is None or update.opening or update.stock_taken_at is not None:
        return None
    return (update.store, whole_second(live_since)) if is_from_before(stock_reduction(update), live_since) else None
