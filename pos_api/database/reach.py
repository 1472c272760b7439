"""How far a page of a list looks where several filters have to fit, and no index has them together.

What a page costs must not grow with what was ever stored, also where filters that many rows fit never fit together. So
it goes through the rows of the filter that fewest rows fit, in a few windows, until the page is full or a number of
rows was looked at; it has those that fit, and says where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from pymongo.collection import Collection

from pos_api.database.client import Document

MOST_LOOKED_AT = 5_000
"""Rows of the filter that fewest rows fit."""
_FIRST_WINDOW = 250
Position: TypeAlias = tuple[datetime, str]
"""Where a list stands: the time that it is sorted by, and `_id`, of a row."""


@dataclass(frozen=True, slots=True)
class Way:
    """A filter by which rows can be gone through: a query that an index with the list's order answers, and that index;
    without documents, but for orders that were deleted in one store."""

    query: Document
    index: str | Sequence[tuple[str, int]]
    is_whole: bool = False
    """Whether it is all that is asked for, so that each row that it finds is in the list."""


@dataclass(frozen=True, slots=True)
class List:
    """A list that is sorted by a time (`field`) and `_id`, newest first; what is read of its rows, and how many
    milliseconds one query may take."""

    rows: Collection[Any]
    field: str
    read: Mapping[str, Any]
    longest: int | None = None

    @property
    def order(self) -> list[tuple[str, int]]:
        """As `sort` takes it."""
        return [(self.field, -1), ("_id", -1)]

    def position(self, row: Document) -> Position:
        """Where the list stands at a row."""
        return row[self.field], row["_id"]


def rarest(of: List, ways: Sequence[Way], after: Position | None = None) -> Way:
    """The one of these ways that fewest rows fit, by how far back the newest of each go that come after a position."""
    return ways[0] if len(ways) == 1 else _rarest(of, ways, after)[0]


def find(
    of: List, ways: Sequence[Way], query_by: Callable[[Way], Document], limit: int, after: Position | None
) -> tuple[list[Document], Position | None]:
    """Up to `limit` rows from `after` on, and after which row there may be more, None where there are none. `query_by`
    makes the whole query of whoever goes one of the ways."""
    way, end = _rarest(of, ways, after)
    found: list[Document] = []
    looked_at = min(_FIRST_WINDOW, MOST_LOOKED_AT)
    while True:
        cursor = of.rows.find(between(query_by(way), of.field, after, end), of.read).sort(of.order).hint(way.index)
        found += cursor.limit(limit + 1 - len(found)).max_time_ms(of.longest)
        if len(found) > limit:
            found.pop()
            return found, of.position(found[-1])
        if end is None or looked_at >= MOST_LOOKED_AT:
            return found, end
        size = _next_window(looked_at, len(found), limit + 1)
        after, end = end, _end_of(of, way, end, size)
        looked_at += size


def between(
    query: Document, field: str, after: Position | None, last: Position | None = None, *, exact: bool = True
) -> Document:
    """The query, of which the time may be bounded already, for rows after one and up to another; also those of the same
    time, where it need not be exact. Written as `$or`, the planner would take the first for two indexes and a sort."""
    bounds, none_of = dict(query.get(field, {})), list(query.get("$nor", ()))
    if after is not None:
        bounds["$lte"] = min(after[0], bounds.get("$lte", after[0]))
        none_of.append({field: after[0], "_id": {"$gte": after[1]}})
    if last is not None:
        bounds["$gte"] = max(last[0], bounds.get("$gte", last[0]))
        none_of.append({field: last[0], "_id": {"$lt": last[1]}})
    return {**query, **({field: bounds} if bounds else {}), **({"$nor": none_of} if none_of and exact else {})}


def _next_window(looked_at: int, found: int, wanted: int) -> int:
    """The number of rows in which the rest is found, if as many fit as so far, and half as many more; at least as many
    as were looked at, so that there are few windows, and of all that may be looked at where none was found yet."""
    left = MOST_LOOKED_AT - looked_at
    likely = looked_at * (wanted - found) * 3 // (found * 2) + 1 if found else left
    return min(left, max(likely, looked_at))


def _rarest(of: List, ways: Sequence[Way], after: Position | None) -> tuple[Way, Position | None]:
    """As `rarest`, and the last row of the first window of it; None where there are fewer."""
    reached: list[tuple[Position, Way]] = []
    for way in ways:
        if way.is_whole:
            return way, None
        end = _end_of(of, way, after, min(_FIRST_WINDOW, MOST_LOOKED_AT))
        if end is None:
            return way, None
        reached.append((end, way))
    end, way = min(reached, key=lambda each: each[0])
    return way, end


def _end_of(of: List, way: Way, after: Position | None, size: int) -> Position | None:
    """The last of so many rows that come after a position on this way; None where there are fewer. An index answers
    that without documents as long as only the time bounds it: so those of the position's own time are counted too,
    unless they are so many that it would not be passed."""
    last = _nth(of, way, between(way.query, of.field, after, exact=False), size)
    if last is not None and after is not None and last >= after:
        last = _nth(of, way, between(way.query, of.field, after), size)
    return last


def _nth(of: List, way: Way, query: Document, number: int) -> Position | None:
    found = of.rows.find(query, {of.field: 1}).sort(of.order).hint(way.index).skip(number - 1).limit(1)
    last = next(found.max_time_ms(of.longest), None)
    return of.position(last) if last else None
