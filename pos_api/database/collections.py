"""Collections are declared: by each package those that it owns, in its `collections.py`; nothing else is written.

`pos_api.collections` has all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: its name, what it holds in a line, its indexes besides `_id`."""

    name: str
    holds: str
    indexes: tuple[IndexModel, ...] = ()
    in_backup: bool = True
    """False where it follows from other collections and is made anew after a restore: read while the service works,
    it would not fit them; and for sessions, which no restore brings back."""
    kept_by_restore: bool = False
    """Whether a restore adds to it and replaces nothing, so that what was recorded since the backup stays."""
    lists_added_to: tuple[str, ...] = ()
    """Of what a restore keeps: fields with lists to which the backup's entries are added, in a document that is there
    already."""
    former_indexes: tuple[str, ...] = ()
    """Names of indexes that an earlier version made and that no query needs any more."""


def present(field: str, direction: int = ASCENDING, **options: Any) -> IndexModel:
    """An index of the documents that have this field. (A sparse one is no part of the stable API.)"""
    return IndexModel([(field, direction)], partialFilterExpression={field: {"$exists": True}}, **options)


def ensure_indexes(db: Database[dict[str, Any]], collections: Iterable[Collection]) -> None:
    """Make every index, then drop those of earlier versions; without effect where that is done, and safe from several
    processes at once."""
    for each in collections:
        if each.indexes:
            db[each.name].create_indexes(list(each.indexes))
        if each.former_indexes:
            _drop_indexes(db, each)


def _drop_indexes(db: Database[dict[str, Any]], collection: Collection) -> None:
    there = db[collection.name].index_information()
    for name in collection.former_indexes:
        if name in there:
            with suppress(OperationFailure):  # another process was faster; what could not be dropped costs only time
                db[collection.name].drop_index(name)
