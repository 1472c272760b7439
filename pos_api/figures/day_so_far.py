"""The figures of a day up to a moment of it, and by hour, with the meanings that they have in `measures`.

They are counted from the orders of that day alone, by the index of store and time, so the cost does not grow with the
history. The database adds up the orders without refunds, which are nearly all; the others are counted one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from pos_api.common.money import average, decimal
from pos_api.common.quantity import Quantity, whole
from pos_api.common.time import day_anywhere
from pos_api.database.client import Db, Document
from pos_api.figures.measures import AMOUNTS, COUNTED, HOUR, HOURS, NOTHING, OF_ORDER, Rollup

_NEWEST_OF_STORE = "store_1_created_at_-1__id_-1"


@dataclass(slots=True)
class DayFigures:
    """What orders of one day and currency add up to: `sales` with VAT and shipping, less refunds; `net` without both;
    and `by_hour`, the sales of each hour of the stores' clock."""

    orders: int = 0
    items: Quantity = 0
    sales: Decimal = NOTHING
    net: Decimal = NOTHING
    refunds: Decimal = NOTHING
    tips: Decimal = NOTHING
    by_hour: list[Decimal] = field(default_factory=lambda: [NOTHING] * HOURS)

    @property
    def average_order(self) -> Decimal:
        """The net of an order."""
        return average(self.net, self.orders)

    def add(self, other: DayFigures) -> None:
        """Add what other orders add up to."""
        self.orders += other.orders
        self.items = whole(self.items + other.items)
        for name in ("sales", "net", "refunds", "tips"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.by_hour = [one + more for one, more in zip(self.by_hour, other.by_hour, strict=True)]


def added_up(days: Iterable[dict[str, DayFigures]]) -> dict[str, DayFigures]:
    """What days of different stores add up to, by currency."""
    found: dict[str, DayFigures] = defaultdict(DayFigures)
    for day in days:
        for currency, each in day.items():
            found[currency].add(each)
    return found


def of_day(db: Db, stores: Sequence[str], day: date, until: datetime | None = None) -> dict[str, DayFigures]:
    """The figures of a day of these stores, by currency; with `until` of the orders that were made before that moment.
    The day and the hours are those of each order, as in all figures: a shop's clock may not be that of its store."""
    first, end = day_anywhere(day)
    made = {"$gte": first, "$lt": min(end, until) if until else end}
    query = {**COUNTED, "store": {"$in": list(stores)}, "created_at": made, "day": day.isoformat()}
    found: dict[str, DayFigures] = defaultdict(DayFigures)
    for row in db.orders.aggregate(_sums(query), hint=_NEWEST_OF_STORE):
        found[row["_id"]["currency"]].add(_of_row(row))
    refunded = {**query, "$or": [{"refunds.0": {"$exists": True}}, {"stage": "refunded"}]}
    for order in db.orders.find(refunded, OF_ORDER).hint(_NEWEST_OF_STORE):
        found[order.get("currency", "")].add(_of_order(order))
    return dict(found)


def same_moment(timezone: str, day: date, moment: datetime) -> datetime:
    """The moment of another day at which the clock of this time zone shows what it does at `moment`."""
    zone = ZoneInfo(timezone)
    return datetime.combine(day, moment.astimezone(zone).time(), zone)


def _sums(query: Document) -> list[Document]:
    """Stages that add up orders without refunds by currency and hour."""
    amounts = {"total": "$total", "tax": "$total_tax", "shipping": "$shipping_total", "tips": "$tip"}
    return [
        {"$match": {**query, "refunds.0": {"$exists": False}, "stage": {"$ne": "refunded"}}},
        {
            "$group": {
                "_id": {
                    "currency": {"$ifNull": ["$currency", ""]},
                    "hour": {"$ifNull": ["$hour", {"$hour": "$created_at"}]},
                },
                "orders": {"$sum": 1},
                "items": {"$sum": {"$sum": "$line_items.quantity"}},
                **{name: {"$sum": amount} for name, amount in amounts.items()},
            }
        },
    ]


def _of_row(row: Document) -> DayFigures:
    sales = decimal(row["total"])
    net = sales - decimal(row["tax"]) - decimal(row["shipping"])
    found = DayFigures(row["orders"], row["items"], sales, net, NOTHING, decimal(row["tips"]))
    found.by_hour[row["_id"]["hour"]] = sales
    return found


def _of_order(order: Document) -> DayFigures:
    counted = Rollup()
    counted.add(order)
    amounts = dict(zip(AMOUNTS, counted.amounts, strict=True))
    sales = amounts["net_revenue"] + amounts["taxes"] + amounts["shipping"]
    refunds, tips = amounts["refunds"], amounts["tips"]
    found = DayFigures(1, counted.num_items_sold, sales, amounts["net_revenue"], refunds, tips)
    [hour] = {key[0] for of, key in counted.rows if of == HOUR}
    found.by_hour[hour] = sales
    return found
