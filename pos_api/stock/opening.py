"""Which orders are from before: their units were missing already from the stock that the POS started with.

Neither an order's number nor its date says when its units left the shop's stock. WooCommerce's block checkout makes a
draft at the first attempt to pay (up to 10.7 when the page is opened), and the order keeps the draft's number and date
when it is placed hours later (`OrdersTableDataStore::update`); dates can be set by hand; numbers fall where the shop's
database is restored or its auto-increment is reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from pos_api.database.client import Db

FirstMade: TypeAlias = Mapping[tuple[str, datetime], int]
"""By store and second, the smallest id of the first orders known here that were made from that second on."""

_FIRST = 20
"""How many of these are looked at. Shops count orders up, so the smallest id is among the first of them; an older one
that bears a date in the future is seldom."""


@dataclass(frozen=True, slots=True)
class StockReduction:
    """What is known of when the shop took an order's units from its stock.

    `order_id` is None where the sender's ids do not count up, and so say nothing of time.
    `stock_taken_at` is the time that the shop noted, right after it took them. `likely_taken_at` is what the order's
    other dates say of that, None where they say nothing; `created_at` the date that the order bears.
    """

    order_id: int | None
    created_at: datetime
    stock_taken_at: datetime | None = None
    likely_taken_at: datetime | None = None


def is_from_before(
    reduction: StockReduction, read_at: datetime, *, last_order_id: int | None = None, first_made: int | None = None
) -> bool:
    """Whether stock that was read at `read_at` lacks an order's units already.

    The time that the shop noted decides alone. Both times are on the safe side: that of the reduction is noted
    after it, `read_at` before the reading. So an order counts as from before only where it is; of one taken within the
    same milliseconds as the reading, the POS may take the units once more, and never leaves out any.

    Without it all that is known has to say so: the order's other dates, the date that it bears, and its number,
    compared with the shop's last order at the reading (`last_order_id`) or, where that is not known, with the smallest
    one that was made since (`first_made`). Such dates are whole seconds; in the second of the reading only the number
    says.
    """
    if reduction.stock_taken_at is not None:
        return reduction.stock_taken_at < read_at
    latest = whole_second(max(reduction.created_at, reduction.likely_taken_at or reduction.created_at))
    second = whole_second(read_at)
    if reduction.order_id is None:
        return latest < second
    if last_order_id is not None:
        return latest <= second and reduction.order_id <= last_order_id
    return latest < second and (first_made is None or reduction.order_id < first_made)


def whole_second(moment: datetime) -> datetime:
    """The second of a moment: WooCommerce's dates (`_gmt`) have no fraction."""
    return moment.replace(microsecond=0)


def first_made_since(db: Db, moments: Iterable[tuple[str, datetime]]) -> FirstMade:
    """The smallest id of a store's first orders made from a second on, for each store and second that has any."""
    found: dict[tuple[str, datetime], int] = {}
    for store, moment in sorted(set(moments)):
        made_since = {"store": store, "created_at": {"$gte": moment}}
        orders = db.orders.find(made_since, {"order_id": 1}).sort([("created_at", 1), ("_id", 1)])
        ids = [order["order_id"] for order in orders.limit(_FIRST) if isinstance(order["order_id"], int)]
        if ids:
            found[store, moment] = min(ids)
    return found
