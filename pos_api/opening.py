"""Which orders are from before: made when their units were missing already from the stock that the POS started with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from .db import Db

FirstMade: TypeAlias = Mapping[tuple[str, datetime], int]
"""By store and moment, the smallest id of the first orders known here that were made from that moment on."""

_FIRST = 20
"""How many of these are looked at. Shops count orders up, so the smallest id is among the first of them; an older one
that bears a date in the future is seldom."""


def is_from_before(
    order_id: int,
    created_at: datetime,
    moment: datetime,
    *,
    last_order_id: int | None = None,
    first_made: int | None = None,
) -> bool:
    """Whether an order was made before `moment`, whatever date it bears.

    A shop counts its orders up: where the id of its last order at that moment is known, it decides. Else the date does,
    unless an order with a smaller id (`first_made`) was made after that moment: then the date was set back by hand.
    """
    if last_order_id is not None:
        return order_id <= last_order_id
    return created_at < moment and (first_made is None or order_id < first_made)


def first_made_since(db: Db, moments: Iterable[tuple[str, datetime]]) -> FirstMade:
    """The smallest id of a store's first orders made from a moment on, for each store and moment that has any."""
    found: dict[tuple[str, datetime], int] = {}
    for store, moment in sorted(set(moments)):
        made_since = {"store": store, "created_at": {"$gte": moment}}
        orders = db.woocommerceorders.find(made_since, {"order_id": 1}).sort([("created_at", 1), ("_id", 1)])
        ids = [order["order_id"] for order in orders.limit(_FIRST)]
        if ids:
            found[store, moment] = min(ids)
    return found
