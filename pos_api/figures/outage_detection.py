"""Outage detection: whether a store has sent no order for longer than it ever does, by the hours of the week in which
its orders come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from pos_api.database.client import Db

WEEKS = 8
_HOUR = timedelta(hours=1)
_WEEK = 168
_FEWEST_ORDERS = 50
_FEWEST_WEEKS = 2
_ALARMING_MISSED = 7.0
"""Orders missed, by what is usual. If orders came independently, e^-7, once in 1,100 gaps, would be this long."""
_LONGER_THAN_ANY = 1.5
"""An alarming gap is so many times longer than the longest before."""


@dataclass(frozen=True, slots=True)
class OrderGap:
    """The time since the last order: since when; `missed`, how many orders usually come in such a time; and
    `longest_missed`, how many in the longest gap before."""

    since: datetime
    missed: float
    longest_missed: float

    @property
    def alarming(self) -> bool:
        """Whether it is far longer than usual, and than any before."""
        return self.missed > max(_ALARMING_MISSED, self.longest_missed * _LONGER_THAN_ANY)


def current_gap(db: Db, store: str, moment: datetime) -> OrderGap | None:
    """The gap since the last order of a store; None while there are too few orders to know what is usual.

    Costs the hours of eight weeks, whatever the number of orders before.
    """
    end = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - WEEKS * _WEEK * _HOUR
    hours = _orders_by_hour(db, store, start)
    if not hours:
        return None
    until = {"store": store, "created_at": {"$lte": moment}}  # an order dated ahead ends no gap
    newest = db.orders.find_one(until, {"created_at": 1}, sort=[("created_at", -1), ("_id", -1)])
    if newest is None:
        return None
    counts = [hours.get(start + n * _HOUR, 0) for n in range(WEEKS * _WEEK)]
    missed = missed_orders(counts, (moment - newest["created_at"]) / _HOUR)
    return None if missed is None else OrderGap(newest["created_at"], *missed)


def _orders_by_hour(db: Db, store: str, start: datetime) -> dict[datetime, int]:
    counted = db.orders.aggregate(
        [
            {"$match": {"store": store, "created_at": {"$gte": start}}},
            {"$group": {"_id": {"$dateTrunc": {"date": "$created_at", "unit": "hour"}}, "orders": {"$sum": 1}}},
        ]
    )
    return {each["_id"]: each["orders"] for each in counted}


def missed_orders(counts: Sequence[int], hours_without_orders: float) -> tuple[float, float] | None:
    """How many orders usually come in the last `hours_without_orders`, and how many in the longest gap before.

    `counts` are the orders of each hour up to the present one; the hours before the first order do not count. None
    where the orders or the weeks are too few to know what is usual.
    """
    first = next((n for n, orders in enumerate(counts) if orders), len(counts))
    if sum(counts) < _FEWEST_ORDERS or len(counts) - first < _FEWEST_WEEKS * _WEEK:
        return None
    usual = _usual(counts, first)
    gap = min(int(hours_without_orders), len(counts))
    missed = sum(usual[n % _WEEK] for n in range(len(counts) - gap, len(counts)))
    gaps = groupby(range(first, len(counts) - gap), key=lambda n: counts[n] > 0)
    longest = max((sum(usual[n % _WEEK] for n in hours) for ordered, hours in gaps if not ordered), default=0.0)
    return round(missed, 1), round(longest, 1)


def _usual(counts: Sequence[int], first: int) -> list[float]:
    """Orders usual in each hour of the week: the mean of the weeks, each hour with its neighbours. The fullest hours in
    a hundred count as the next one does, so that one sale or import makes no habit."""
    sums, weeks = [0] * _WEEK, [0] * _WEEK
    most = max(sorted(counts[first:])[int((len(counts) - first) * 0.99)], 1)
    for n in range(first, len(counts)):
        sums[n % _WEEK] += min(counts[n], most)
        weeks[n % _WEEK] += 1
    mean = [total / max(number, 1) for total, number in zip(sums, weeks, strict=True)]
    return [(mean[n - 1] + mean[n] + mean[(n + 1) % _WEEK]) / 3 for n in range(_WEEK)]
