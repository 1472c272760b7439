"""Figures: what sold, per currency and shop-local day of the order.

What they mean is in `measures`, how they are kept up to date in `rollup`: a look does that first, then reads the
figures of days and the rollups of months.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeAlias

from pymongo import UpdateOne

from pos_api.catalogue import queries as products
from pos_api.common.money import decimal
from pos_api.common.quantity import whole
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Invalid, Unavailable
from pos_api.figures import rollup
from pos_api.figures.measures import (
    AMOUNTS,
    HOUR,
    HOUR_AMOUNTS,
    METHOD,
    NEW,
    NOTHING,
    OTHERS,
    PRODUCT,
    RATE,
    RETURNING,
    STATUS,
    STORE,
    limit_rows,
    total,
)
from pos_api.figures.writes import write_newer

MOST_DAYS = 7_320
"""Twenty years: what a range may span, and how far from today a day may lie to be shown unasked."""
TOP_PRODUCTS = 20
MOST_DAY_ROWS = 3 * MOST_DAYS
"""So many days of all currencies together are listed in `by_day`; of more, only those with orders."""
MOST_GROUPS = 1_000
"""So many statuses, tax rates and payment methods are listed by themselves."""

_PATIENCE = 10.0
_RETRY_AFTER = 5

_Rows: TypeAlias = dict[str, list[Document]]
"""What rows are of, and the rows."""


def figures(
    db: Db,
    *,
    since: date | None = None,
    until: date | None = None,
    store: str | None = None,
    currency: str | None = None,
) -> Document:
    """The figures of the orders of these shop-local days, both included, as `{"from", "to", "currencies": […]}`.

    Without a range it is that of all orders, as far as they lie within ten years of today. Amounts are Decimal. Raises
    Invalid for a range that ends before it starts or is longer than `MOST_DAYS`, and Unavailable when so much has
    changed since the last look that it is not counted within some seconds (it is less at the next), or a newer version
    of the service, with other measures, keeps the figures.
    """
    _bring_rollups_up_to_date(db)
    today, half = now().date(), timedelta(days=MOST_DAYS // 2)
    earliest, latest = since or today - half, until or today + half
    query: Document = {"day": {"$gte": earliest.isoformat(), "$lte": latest.isoformat()}}
    if store is not None:
        query["store"] = store
    days = list(db.rollup_days.find(query).sort([("day", 1), ("store", 1)]))
    first, last = _range(since, until, [day["day"] for day in days if day["currencies"]])
    by_currency: dict[str, dict[str, Document]] = defaultdict(dict)
    for day in days:
        for each in day["currencies"]:
            if currency in (None, each["currency"]):
                _add_day(by_currency[each["currency"]], day["day"], each)
    rows = _rows(db, _parts(db, days, earliest, latest), currency) if by_currency else {}
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


def _bring_rollups_up_to_date(db: Db) -> None:
    """Raises Unavailable where that takes longer than some seconds."""
    if left := rollup.refresh(db, _PATIENCE):
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


_SUMMED = ("orders_count", "num_items_sold", *AMOUNTS)
_NO_ORDERS: Document = {"orders_count": 0, "num_items_sold": 0, **dict.fromkeys(AMOUNTS, NOTHING)}


def _add_day(by_day: dict[str, Document], day: str, figures: Document) -> None:
    for name in AMOUNTS:
        figures[name] = decimal(figures[name])
    known = by_day.get(day)
    by_day[day] = {name: known[name] + figures[name] for name in _SUMMED} if known else figures


def _of_currency(currency: str, by_day: dict[str, Document], rows: _Rows, calendar: list[str]) -> Document:
    sums = {name: sum((day[name] for day in by_day.values()), _NO_ORDERS[name]) for name in _SUMMED}
    without_orders = _derived(_NO_ORDERS)
    return {
        "currency": currency,
        **_derived(sums),
        **{of: sum(row["count"] for row in rows[of]) for of in (NEW, RETURNING)},
        "by_status": [
            {"status": row["key"], "orders_count": row["count"], "total": row["amount"]} for row in rows[STATUS]
        ],
        "by_day": [{"day": day, **(_derived(by_day[day]) if day in by_day else without_orders)} for day in calendar],
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


HOURS = 24


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
        "avg_order_value": _average(net, sums["orders_count"]),
    }


def _average(amount: Decimal, count: int) -> Decimal:
    """To the decimals the amount has, at least two."""
    exponent = amount.as_tuple().exponent
    unit = Decimal(1).scaleb(min(exponent if isinstance(exponent, int) else 0, -2))
    return (amount / count if count else NOTHING).quantize(unit, ROUND_HALF_UP)


# --- rollups of months and years --------------------------------------------------------------------------------------

_SPANS = (len("2026"), len("2026-11"), len("2026-11-2"), len("2026-11-22"))
"""A year, a month, ten days of it (so that one changed day takes few others to sum its month anew), a day."""


def _parts(db: Db, days: list[Document], since: date, until: date) -> list[str]:
    """The `_id`s in `rollup_spans` that make up these days: years and months that lie within these dates, else days."""
    tokens = {day["_id"]: day["token"] for day in days}
    parts: dict[str, list[str]] = defaultdict(list)
    for day in tokens:
        store, _, name = day.rpartition(":")
        whole_ones = (name[:length] for length in _SPANS[:2] if _is_whole(name[:length], since, until))
        parts[f"{store}:{next(whole_ones, name)}"].append(day)
    _bring_up_to_date(db, parts, tokens)
    return list(parts)


def _is_whole(span: str, since: date, until: date) -> bool:
    year, first, last = int(span[:4]), int(span[5:] or 1), int(span[5:] or 12)
    return since <= date(year, first, 1) and date(year, last, monthrange(year, last)[1]) <= until


def _bring_up_to_date(db: Db, spans: dict[str, list[str]], tokens: dict[str, int]) -> None:
    """Sum anew the spans that are not of the version of their days; before that, what they are made of.

    A version is the sum of the days' fencing tokens, read before their rollups. Tokens only grow, so one day summed
    anew makes it a greater one, and what a slower process has summed does not replace it.
    """
    versions = {span: sum(tokens[day] for day in days) for span, days in spans.items() if span not in tokens}
    known = {
        each["_id"]: each["version"] for each in db.rollup_spans.find({"_id": {"$in": list(versions)}}, {"version": 1})
    }
    for span, version in versions.items():
        if known.get(span) == version:
            continue
        store, _, name = span.rpartition(":")
        length = _SPANS[_SPANS.index(len(name)) + 1]
        smaller: dict[str, list[str]] = defaultdict(list)
        for day in spans[span]:
            smaller[day[: len(store) + 1 + length]].append(day)
        if length < _SPANS[-1]:
            _bring_up_to_date(db, smaller, tokens)
        _sum_up(db, span, list(smaller), version)


def _sum_up(db: Db, span: str, parts: list[str], version: int) -> None:
    by_currency: dict[str, list[Document]] = defaultdict(list)
    for row in db.rollup_spans.aggregate(total({"_id": {"$in": parts}}, {})):
        key = row.pop("_id")
        by_currency[key["currency"]].append({"of": key["of"], "key": key["key"], **row})
    limited = limit_rows(list(by_currency.values()))
    rollups = [{"currency": currency, "rows": rows} for currency, rows in zip(by_currency, limited, strict=True)]
    older = {"_id": span, "version": {"$lt": version}}
    write_newer(db.rollup_spans, [UpdateOne(older, {"$set": {"version": version, "rollups": rollups}}, upsert=True)])


def _rows(db: Db, parts: list[str], currency: str | None) -> dict[str, _Rows]:
    """What these parts add up to, by currency; of the products, those of most units sold, under the SKU they have
    now."""
    most = {"$cond": [{"$eq": ["$of", PRODUCT]}, TOP_PRODUCTS, MOST_GROUPS]}
    best_first = {"count": -1, "amount": -1, "_id.key": 1}
    largest = {
        "_id": {"currency": "$_id.currency", "of": "$_id.of"},
        "rows": {"$topN": {"n": most, "sortBy": best_first, "output": "$$ROOT"}},
        "number": {"$sum": 1},
        "count": {"$sum": "$count"},
        "amount": {"$sum": "$amount"},
    }
    summed = total({"_id": {"$in": parts}}, {} if currency is None else {"rollups.currency": currency})
    rows: dict[str, _Rows] = defaultdict(lambda: defaultdict(list))
    for group in db.rollup_spans.aggregate([*summed, {"$group": largest}]):
        of = group["_id"]["of"]
        found = [{**row, "key": row["_id"]["key"], "amount": decimal(row["amount"])} for row in group["rows"]]
        if of != PRODUCT:
            found = _with_rest(group, sorted(found, key=_by_key))
        rows[group["_id"]["currency"]][of] = found
    best = [row for of_currency in rows.values() for row in of_currency[PRODUCT]]
    renamed = products.current_skus(db, [row["key"][0] for row in best])
    for row in best:
        row["key"][0] = renamed.get(row["key"][0], row["key"][0])
    return rows


def _by_key(row: Document) -> list[tuple[bool, int | str]]:
    """The order of keys, numbers before texts: a rate's id may be either."""
    key = row["key"] if isinstance(row["key"], list) else [row["key"]]
    return [(isinstance(part, str), part) for part in key]


def _with_rest(group: Document, shown: list[Document]) -> list[Document]:
    """These rows of a group, and what all its others add up to as one row, which may be among these already."""
    if group["number"] == len(shown):
        return shown
    key, title = OTHERS[group["_id"]["of"]]
    named = [row for row in shown if row["key"] != key]
    count = whole(group["count"] - sum(row["count"] for row in named))
    amount = decimal(group["amount"]) - sum((row["amount"] for row in named), NOTHING)
    return [*named, {"key": key, "title": title, "count": count, "amount": amount}]
