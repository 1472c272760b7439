"""Writes that never replace what was read later."""

from __future__ import annotations

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from pos_api.database.client import Document
from pos_api.database.write_errors import only_collisions


def write_newer(collection: Collection[Document], operations: list[UpdateOne]) -> None:
    """Updates that insert where nothing is, and else leave what was read later: a collision means just that."""
    if not operations:
        return
    try:
        collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        only_collisions(error)
