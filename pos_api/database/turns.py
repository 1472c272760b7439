"""What every process would do now and then, and one does."""

from __future__ import annotations

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from pos_api.database.client import Document


def is_due(collection: Collection[Document], name: str, seconds: float) -> bool:
    """Whether something was last begun more than so many seconds ago, by the database's clock; it is taken for begun
    now. So of several processes that ask at once, one is told that it is due. `name` is the `_id` of the document that
    keeps it in this collection."""
    before = {"$subtract": ["$$NOW", int(seconds * 1000)]}
    try:
        found = collection.update_one(
            {"_id": name, "$expr": {"$lte": ["$begun_at", before]}}, [{"$set": {"begun_at": "$$NOW"}}], upsert=True
        )
    except DuplicateKeyError:  # it is there, and was begun later than that
        return False
    return found.matched_count > 0 or found.upserted_id is not None
