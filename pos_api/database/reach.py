"""How far a page of a list looks where several filters have to fit, and no index has them together.

What a page costs must not grow with what was ever stored, also where filters that many rows fit never fit together. So
it looks at a number of rows, has those that fit, and says where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from pymongo.collection import Collection

MOST_LOOKED_AT = 5_000
"""Rows of the filter that fewest rows fit."""
Position: TypeAlias = tuple[datetime, str]
"""Where a list stands: the time that it is sorted by, and `_id`, of a row."""


def reach(collection: Collection[Any], filters: Iterable[dict[str, Any]], field: str) -> Position | None:
    """The last row that a page looks at, of a list that is sorted by this field and `_id`, newest first; None where it
    looks at all that is left. Each of `filters` is a query that an index with the list's order answers without
    documents, from where the page starts."""
    newest_first = [(field, -1), ("_id", -1)]
    farthest: Position | None = None
    for each in filters:
        found = collection.find(each, {field: 1}).sort(newest_first).skip(MOST_LOOKED_AT - 1).limit(1)
        last = next(found, None)
        if last is None:
            return None
        position = (last[field], last["_id"])
        farthest = min(farthest or position, position)
    return farthest


def end_at(query: dict[str, Any], field: str, last: Position) -> None:
    """Let a query, of which the time may be bounded already, end at this row."""
    moment, key = last
    bounds = query.setdefault(field, {})
    bounds["$gte"] = max(moment, bounds.get("$gte", moment))
    query.setdefault("$nor", []).append({field: moment, "_id": {"$lt": key}})
