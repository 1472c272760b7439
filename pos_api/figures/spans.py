"""Rollups of days, ten days, months and years of a store: which make up a range, and what they add up to."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import date
from functools import cache
from typing import TypeAlias

from pymongo import UpdateOne

from pos_api.catalogue import queries as catalogue
from pos_api.common.batches import in_batches
from pos_api.common.money import decimal
from pos_api.common.quantity import whole
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.figures.adding_up import added_up
from pos_api.figures.measures import NOTHING, OTHERS, PRODUCT, total
from pos_api.figures.writes import write_newer

MOST_GROUPS = 1_000
"""So many statuses, tax rates and payment methods are listed by themselves."""

_AT_ONCE = 8
"""So many spans are summed up by one command; each may have megabytes."""

Rows: TypeAlias = dict[str, list[Document]]
"""What rows are of, and the rows."""

_SPANS = (len("2026"), len("2026-11"), len("2026-11-2"), len("2026-11-22"))
"""A year, a month, ten days of it (so that one changed day takes few others to sum its month anew), a day."""


def parts_of(db: Db, days: list[Document], since: date, until: date) -> list[str]:
    """The `_id`s in `rollup_spans` that make up these days: years, months and ten days that lie within these dates,
    else days."""
    tokens = {day["_id"]: day["token"] for day in days}

    @cache
    def left_out(ten_days: str) -> int:
        """How many letters at the end of a day's name are not in that of the longest span that it is in."""
        whole_ones = (length for length in _SPANS[:-1] if _is_whole(ten_days[:length], since, until))
        return _SPANS[-1] - next(whole_ones, _SPANS[-1])

    parts: dict[str, list[str]] = defaultdict(list)
    for day in tokens:
        parts[day[: len(day) - left_out(day[-_SPANS[-1] : -1])]].append(day)
    _bring_up_to_date(db, parts, tokens)
    return list(parts)


def widened(db: Db, since: date, until: date, store: str | None) -> tuple[date, date]:
    """These dates; where one is within a month and no day of the store (of any store) lies beyond it, the earliest or
    the latest date that there is: whole months and years can be read then."""
    of_store = {} if store is None else {"store": store}
    if since.day > 1 and not db.rollup_days.find_one({"day": {"$lt": since.isoformat()}, **of_store}, {"_id": 1}):
        since = date.min
    is_within = until.day < monthrange(until.year, until.month)[1]
    if is_within and not db.rollup_days.find_one({"day": {"$gt": until.isoformat()}, **of_store}, {"_id": 1}):
        until = date.max
    return since, until


@at_one_primary
def sum_up_all(db: Db) -> None:
    """Bring all spans up to date with the days, so that no look has to wait for that."""
    days = list(db.rollup_days.find({}, {"token": 1}))
    parts_of(db, days, date.min, date.max)


def _is_whole(span: str, since: date, until: date) -> bool:
    """Whether a year, a month or ten days of it lie within these dates."""
    year, first, last = int(span[:4]), int(span[5:7] or 1), int(span[5:7] or 12)
    start, end = date(year, first, 1), date(year, last, monthrange(year, last)[1])
    if len(span) == _SPANS[2]:
        tens = int(span[-1]) * 10
        start, end = start.replace(day=max(tens, 1)), end.replace(day=min(tens + 9, end.day))
    return since <= start and end <= until


def _bring_up_to_date(db: Db, spans: dict[str, list[str]], tokens: dict[str, int]) -> None:
    """Sum anew the spans that are not of the version of their days; before that, what they are made of.

    A version is the sum of the days' fencing tokens, read before their rollups. Tokens only grow, so one day summed
    anew makes it a greater one, and what a slower process has summed does not replace it.
    """
    versions = {span: sum(tokens[day] for day in days) for span, days in spans.items() if span not in tokens}
    if not versions:
        return
    known = {
        each["_id"]: each["version"] for each in db.rollup_spans.find({"_id": {"$in": list(versions)}}, {"version": 1})
    }
    parts = {span: _parts(span, spans[span]) for span, version in versions.items() if known.get(span) != version}
    _bring_up_to_date(db, {part: days for of_span in parts.values() for part, days in of_span.items()}, tokens)
    for some in in_batches(parts, _AT_ONCE):
        _sum_up(db, {span: list(parts[span]) for span in some}, versions)


def _parts(span: str, days: list[str]) -> dict[str, list[str]]:
    """What a span is made of that has these days: months of a year, ten days of a month, days of these."""
    store, _, name = span.rpartition(":")
    length = len(store) + 1 + _SPANS[_SPANS.index(len(name)) + 1]
    parts: dict[str, list[str]] = defaultdict(list)
    for day in days:
        parts[day[:length]].append(day)
    return parts


def _sum_up(db: Db, spans: dict[str, list[str]], versions: dict[str, int]) -> None:
    """Sum up these spans, each from its parts."""
    span_of = {part: span for span, parts in spans.items() for part in parts}
    position = {"$indexOfArray": [{"$literal": list(span_of)}, "$_id"]}
    span = {"$arrayElemAt": [{"$literal": list(span_of.values())}, position]}
    sums = added_up(db.rollup_spans, {"_id": {"$in": list(span_of)}}, {}, span)
    updates = []
    for name in spans:
        older = {"_id": name, "version": {"$lt": versions[name]}}
        new = {"version": versions[name], "rollups": [each.rollup for each in sums.get(name, [])]}
        updates.append(UpdateOne(older, {"$set": new}, upsert=True))
    ensure_one_term(db)  # or they may lack what was summed up just before
    write_newer(db.rollup_spans, updates)


def rows_of(db: Db, parts: list[str], currency: str | None, products: int) -> dict[str, Rows]:
    """What these parts add up to, by currency; of the products, so many of those of most units sold, under the SKU they
    have now."""
    most = {"$cond": [{"$eq": ["$of", PRODUCT]}, products, MOST_GROUPS]}
    best_first = {"count": -1, "amount": -1, "_id.key": 1}
    largest = {
        "_id": {"currency": "$_id.currency", "of": "$_id.of"},
        "rows": {"$topN": {"n": most, "sortBy": best_first, "output": "$$ROOT"}},
        "number": {"$sum": 1},
        "count": {"$sum": "$count"},
        "amount": {"$sum": "$amount"},
    }
    summed = total({"_id": {"$in": parts}}, {} if currency is None else {"rollups.currency": currency})
    rows: dict[str, Rows] = defaultdict(lambda: defaultdict(list))
    for group in db.rollup_spans.aggregate([*summed, {"$group": largest}]):
        of = group["_id"]["of"]
        found = [{**row, "key": row["_id"]["key"], "amount": decimal(row["amount"])} for row in group["rows"]]
        if of != PRODUCT:
            found = _with_rest(group, sorted(found, key=_by_key))
        rows[group["_id"]["currency"]][of] = found
    best = [row for of_currency in rows.values() for row in of_currency[PRODUCT]]
    renamed = catalogue.current_skus(db, [row["key"][0] for row in best])
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
