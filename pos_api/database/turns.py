"""What every process would do now and then, and one does."""

from __future__ import annotations

from pymongo.collection import Collection

from pos_api.database.client import Document


def is_due(collection: Collection[Document], name: str, seconds: float) -> bool:
    """Whether something was last begun so many seconds ago or more, by the database's clock; it counts as begun now. So
    of several processes that ask at once it is due for one only. `name` is the `_id` of the document in this collection
    that says when it was begun."""
    earlier = {"$subtract": ["$$NOW", int(seconds * 1000)]}
    begun = [{"$set": {"begun_at": "$$NOW"}}]
    if collection.update_one({"_id": name, "$expr": {"$lte": ["$begun_at", earlier]}}, begun).matched_count:
        return True
    never_before = {"$set": {"begun_at": {"$ifNull": ["$begun_at", "$$NOW"]}}}
    return collection.update_one({"_id": name}, [never_before], upsert=True).upserted_id is not None
