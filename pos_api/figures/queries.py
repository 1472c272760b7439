"""Figures: what sold, per currency and shop-local day of the order.

What they mean is in `measures`, how they are kept up to date in `rollup`: a look does that first, then reads the
figures of days and the rollups of months.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from operator import itemgetter

from pos_api.common.money import average
from pos_api.common.quantity import whole
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary
from pos_api.errors import Invalid, Unavailable
from pos_api.figures import rollup
from pos_api.figures.measures import (
    AMOUNTS,
    HOUR,
    HOUR_AMOUNTS,
    HOURS,
    METHOD,
    NEW,
    NOTHING,
    PRODUCT,
    RATE,
    RETURNING,
    STATUS,
    STORE,
)
from pos_api.figures.spans import Rows, parts_of, rows_of, widened

MOST_DAYS = 7_320
"""Twenty years: what a range may span, and how far from today a day may lie to be shown unasked."""
TOP_PRODUCTS = 20
MOST_DAY_ROWS = 3 * MOST_DAYS
"""So many days of all currencies together are listed in `by_day`; of more, only those with orders."""
_PATIENCE = 10.0
_RETRY_AFTER = 5


@at_one_primary
def figures(
    db: Db,
    *,
    since: date | None = None,
    until: date | None = None,
    store: str | None = None,
    currency: str | None = None,
    products: int = TOP_PRODUCTS,
    patience: float | None = None,
) -> Document:
    """The figures of the orders of these shop-local days, both included, as `{"from", "to", "currencies": […]}`.

    Without a range it is that of all orders, as far as they lie within ten years of today. So many `products` are named
    at most. Amounts are Decimal. Raises Invalid for a range that ends before it starts or is longer than `MOST_DAYS`,
    and Unavailable when so much has changed since the last look that it is not counted within `patience` seconds (it is
    less at the next), or a newer version of the service, with other measures, keeps the figures.
    """
    _bring_rollups_up_to_date(db, _PATIENCE if patience is None else patience)
    today, half = now().date(), timedelta(days=MOST_DAYS // 2)
    earliest, latest = since or today - half, until or today + half
    wanted = _days_of(earliest, latest, store)
    days = db.rollup_days.find(wanted, _OF_DAY).sort([("day", 1), ("store", 1)]).to_list()
    first, last = _range(since, until, [day["day"] for day in days if day["currencies"]])
    by_currency = _by_currency(days, currency)
    rows = _rows(db, days, (earliest, latest), store, currency, products) if by_currency else {}
    calendar = _calendar(first, last)
    every_day = len(calendar) * len(by_currency) <= MOST_DAY_ROWS
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "currencies": [
            _of_currency(name, by_currency[name], rows[name], calendar if every_day else sorted(by_currency[name]))
            for name in sorted(by_currency)
        ],
    }


def by_day(db: Db, since: date, until: date, store: str | None = None, currency: str | None = None) -> list[Document]:
    """The figures of these days alone, as `figures` has them in its `currencies`: their sums and `by_day`. They are
    those of the last look, so ask for `figures` first."""
    days = db.rollup_days.find(_days_of(since, until, store), _OF_DAY).sort("day", 1).to_list()
    found = _by_currency(days, currency)
    return [
        {"currency": name, **_derived(_sums(days)), "by_day": _each_day(days, _calendar(since, until))}
        for name, days in sorted(found.items())
    ]


def nothing(currency: str, since: date, until: date) -> Document:
    """What `by_day` would have of a currency in which nothing was sold on these days."""
    return {"currency": currency, **_derived(_NO_ORDERS), "by_day": _each_day({}, _calendar(since, until))}


def _days_of(since: date, until: date, store: str | None) -> Document:
    of_store = {} if store is None else {"store": store}
    return {"day": {"$gte": since.isoformat(), "$lte": until.isoformat()}, **of_store}


def _by_currency(days: Iterable[Document], currency: str | None) -> dict[str, dict[str, Document]]:
    """The figures of each of these days of all their stores together, by currency."""
    found: dict[str, dict[str, Document]] = defaultdict(dict)
    for day in days:
        for each in day["currencies"]:
            if currency not in (None, name := each["currency"]):
                continue
            figures = {name: each[name] for name in _COUNTS} | {name: Decimal(each[name]) for name in AMOUNTS}
            of_stores = found[name].get(day["day"])
            if of_stores is not None:
                figures = {name: of_stores[name] + value for name, value in figures.items()}
            found[name][day["day"]] = figures
    return found


def _rows(
    db: Db, days: list[Document], ends: tuple[date, date], store: str | None, currency: str | None, products: int
) -> dict[str, Rows]:
    """What these days within the ends add up to, by currency. Where no day lies beyond an end, whole months and years
    are read (`widened`); if such a day comes while they are read, they are read again up to the end."""
    while True:
        wider = widened(db, *ends, store)
        rows = rows_of(db, parts_of(db, days, *wider), currency, products)
        if wider == ends or wider == widened(db, *ends, store):
            return rows


def _bring_rollups_up_to_date(db: Db, patience: float) -> None:
    """Raises Unavailable where that takes longer than so many seconds."""
    if left := rollup.refresh(db, patience):
        message = f"The figures are being brought up to date; up to {left:,} orders are left to count."
        raise Unavailable(message, retry_after=_RETRY_AFTER)


def _range(since: date | None, until: date | None, days: list[str]) -> tuple[date, date]:
    """What was asked for; an end left out is that of the days with orders."""
    ends = [date.fromisoformat(day) for day in (days[0], days[-1])] if days else [since or until or now().date()] * 2
    since, until = since or ends[0], until or ends[1]
    if until < since:
        raise Invalid("The range ends before it starts.", details={"to": ["is before from"]})
    if (until - since).days >= MOST_DAYS:
        raise Invalid("The range is too long.", details={"from": [f"is {MOST_DAYS} days or more before to"]})
    return since, until


def _calendar(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


_OF_DAY = {"day": 1, "token": 1, "currencies": 1}
_COUNTS = ("orders_count", "num_items_sold")
_SUMMED = (*_COUNTS, *AMOUNTS)
_NO_ORDERS: Document = {"orders_count": 0, "num_items_sold": 0, **dict.fromkeys(AMOUNTS, NOTHING)}


def _sums(days: dict[str, Document]) -> Document:
    return {name: sum(map(itemgetter(name), days.values()), _NO_ORDERS[name]) for name in _SUMMED}


def _each_day(days: dict[str, Document], calendar: list[str]) -> list[Document]:
    without_orders = _derived(_NO_ORDERS)
    return [{"day": day, **(_derived(days[day]) if day in days else without_orders)} for day in calendar]


def _of_currency(currency: str, days: dict[str, Document], rows: Rows, calendar: list[str]) -> Document:
    return {
        "currency": currency,
        **_derived(_sums(days)),
        **{of: sum(row["count"] for row in rows[of]) for of in (NEW, RETURNING)},
        "by_status": [
            {"status": row["key"], "orders_count": row["count"], "total": row["amount"]} for row in rows[STATUS]
        ],
        "by_day": _each_day(days, calendar),
        "by_hour": _by_hour(rows[HOUR]),
        "top_products": [
            {
                "sku": row["key"][0],
                "name": row["title"],
                "items_sold": whole(row["count"]),
                "net_revenue": row["amount"],
            }
            for row in rows[PRODUCT]
        ],
        "tax_by_rate": [
            {**dict(zip(("rate_id", "label", "rate_percent"), row["key"], strict=True)), "total_tax": row["amount"]}
            for row in rows[RATE]
        ],
        "by_store": [
            {"store": row["key"], "orders_count": row["count"], "total_sales": row["amount"]} for row in rows[STORE]
        ],
        "by_payment_method": [
            {
                "payment_method": row["key"],
                "title": row["title"],
                "orders_count": row["count"],
                "total_sales": row["amount"],
            }
            for row in rows[METHOD]
        ],
    }


def _by_hour(rows: list[Document]) -> list[Document]:
    """The figures of each hour of the day, also of those without orders."""
    found = {tuple(row["key"]): row for row in rows}
    none: Document = {"count": 0, "amount": NOTHING}
    by_hour = []
    for hour in range(HOURS):
        of_hour = {name: found.get((hour, name), none) for name in HOUR_AMOUNTS}
        counts = {
            "orders_count": of_hour["net_revenue"]["count"],
            "num_items_sold": whole(of_hour["total_sales"]["count"]),
        }
        by_hour.append({"hour": hour, **counts, **{name: row["amount"] for name, row in of_hour.items()}})
    return by_hour


def _derived(sums: Document) -> Document:
    net, taxes, shipping = sums["net_revenue"], sums["taxes"], sums["shipping"]
    return {
        "orders_count": sums["orders_count"],
        "num_items_sold": whole(sums["num_items_sold"]),
        "gross_sales": sums["gross_sales"],
        "coupons": sums["coupons"],
        "refunds": sums["refunds"],
        "net_revenue": net,
        "taxes": taxes,
        "shipping": shipping,
        "total_sales": net + taxes + shipping,
        "tips": sums["tips"],
        "avg_order_value": average(net, sums["orders_count"]),
    }
