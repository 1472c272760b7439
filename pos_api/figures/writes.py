"""Writes that never replace what was read later."""

from __future__ import annotations

from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from pos_api.database.client import Document
from pos_api.database.write_errors import only_collisions


def write_newer(collection: Collection[Document], operations: list[UpdateOne]) -> list[Any]:
    """Updates that insert where nothing is, and else leave what was read later: a collision means just that. Returns
    the `_id`s of what was inserted."""
    if not operations:
        return []
    try:
        return list((collection.bulk_write(operations, ordered=False).upserted_ids or {}).values())
    except BulkWriteError as error:
        only_collisions(error)
        return [each["_id"] for each in error.details["upserted"]]


def insert_where_none(collection: Collection[Document], documents: list[Document]) -> list[str]:
    """Insert those that are not there yet; returns the `_id`s of the others."""
    if not documents:
        return []
    try:
        collection.bulk_write([InsertOne(each) for each in documents], ordered=False)
    except BulkWriteError as error:
        return [documents[index]["_id"] for index in only_collisions(error)]
    return []
