"""The collections of customers' subscriptions."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection
from pos_api.outbox.collections import unpublished

_NEWEST_FIRST = [("listed_at", DESCENDING), ("_id", DESCENDING)]

COLLECTIONS = (
    Collection(
        "customer_subscriptions",
        "customers' subscriptions at payment providers, with their history",
        (
            IndexModel(_NEWEST_FIRST),
            IndexModel([("store", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("status", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("store", ASCENDING), ("status", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("customer", ASCENDING), *_NEWEST_FIRST]),
            unpublished(),
        ),
    ),
)
