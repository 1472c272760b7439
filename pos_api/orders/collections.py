"""The collections of orders."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection, present
from pos_api.outbox.collections import unpublished

_NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]

COLLECTIONS = (
    Collection(
        "orders",
        "every order, of whatever sender, with the stock that it holds",
        (
            IndexModel(_NEWEST_FIRST),
            IndexModel([("status", ASCENDING), ("store", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("store", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("customer", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("skus", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("search", ASCENDING), *_NEWEST_FIRST]),
            IndexModel(_NEWEST_FIRST, name="deleted", partialFilterExpression={"deleted_at": {"$exists": True}}),
            IndexModel(_NEWEST_FIRST, name="unmatched", partialFilterExpression={"unmatched.0": {"$exists": True}}),
            IndexModel(_NEWEST_FIRST, name="unlinked", partialFilterExpression={"unlinked": {"$exists": True}}),
            IndexModel(
                [("store", ASCENDING), ("skus", ASCENDING)],
                name="reserved_by_sku",
                partialFilterExpression={"stock_rule": "reserved"},
            ),
            present("parent"),
            IndexModel("changed_at"),
            present("closed_at"),
            IndexModel("transaction_id", partialFilterExpression={"transaction_id": {"$gt": ""}}),
            unpublished(),
            IndexModel([("rollup_bucket", ASCENDING), ("_id", ASCENDING)]),  # whose orders are then known from it alone
        ),
        former_indexes=("status_1_created_at_-1__id_-1", "reserved", "order_id_1"),
    ),
    Collection("upkeep", "how far stored orders were brought to what is kept of them now", in_backup=False),
)
