"""Rollups added up by the database: what days have in buckets, and what longer spans have in shorter ones.

Their rows come and go as bytes, for most of them are only stored again: to read them would take most of the time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bson import decode
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo.collection import Collection

from pos_api.database.client import Document
from pos_api.figures import measures
from pos_api.figures.measures import limit_rows, total


@dataclass(frozen=True, slots=True)
class Sum:
    """What rows of one currency and kind add up to: `rollup` as it is stored, with its `currency` and `rows`."""

    currency: str
    of: str
    rollup: Mapping[str, Any]

    @property
    def rows(self) -> list[Document]:
        """Its rows, read."""
        rollup = self.rollup
        rows: list[Document] = (decode(rollup.raw) if isinstance(rollup, RawBSONDocument) else rollup)["rows"]
        return rows


def added_up(
    collection: Collection[Document], documents: Document, rollups: Document, name: Any
) -> dict[str, list[Sum]]:
    """What the rollups that match of these documents add up to, by their name (an expression), within MOST_ROWS."""
    adding = total(documents, rollups, name)
    sums: dict[str, list[Sum]] = defaultdict(list)
    numbers: Counter[tuple[str, str]] = Counter()
    raw = collection.with_options(codec_options=DEFAULT_RAW_BSON_OPTIONS)
    for each in raw.aggregate([*adding, *_by_kind()]):
        group = each["_id"]
        of, currency = group["of"], group["currency"]
        sums[group["name"]].append(Sum(currency, of, each["rollup"]))
        numbers[group["name"], of] += each["number"]
    large = {name for (name, of), number in numbers.items() if number > measures.MOST_ROWS.get(of, number)}
    if large:
        sums.update(_limited(collection, [*adding, {"$match": {"_id.name": {"$in": list(large)}}}]))
    return sums


def _by_kind() -> list[Document]:
    """Stages that put rows of one kind together, as many as there may be and the one of the others, and count them
    without that one."""
    row = {"of": "$_id.of", "key": "$_id.key", "title": "$title", "count": "$count", "amount": "$amount"}
    some = {"$firstN": {"n": max(measures.MOST_ROWS.values()) + 1, "input": row}}
    kind = {name: f"$_id.{name}" for name in ("name", "currency", "of")}
    others = [{"of": of, "key": key} for of, (key, _) in measures.OTHERS.items()]
    is_of_others = {"$in": [{"of": "$_id.of", "key": "$_id.key"}, {"$literal": others}]}
    return [
        {"$group": {"_id": kind, "rows": some, "number": {"$sum": {"$cond": [is_of_others, 0, 1]}}}},
        {"$project": {"number": 1, "rollup": {"currency": "$_id.currency", "rows": "$rows"}}},
    ]


def _limited(collection: Collection[Document], adding: list[Document]) -> Iterator[tuple[str, list[Sum]]]:
    """What adds up to more rows than MOST_ROWS, limited to them; one after the other, as each may have very many."""
    rows = collection.aggregate([*adding, {"$sort": {"_id.name": 1}}])
    for name, of_name in groupby(rows, lambda row: str(row["_id"]["name"])):
        by_currency: dict[str, list[Document]] = defaultdict(list)
        for row in of_name:
            key = row.pop("_id")
            by_currency[key["currency"]].append({"of": key["of"], "key": key["key"], **row})
        limited = dict(zip(by_currency, limit_rows(list(by_currency.values())), strict=True))
        yield name, [each for currency, some in limited.items() for each in _split(currency, some)]


def _split(currency: str, rows: list[Document]) -> Iterator[Sum]:
    by_kind: dict[str, list[Document]] = defaultdict(list)
    for row in rows:
        by_kind[row["of"]].append(row)
    for of, some in by_kind.items():
        yield Sum(currency, of, {"currency": currency, "rows": some})
