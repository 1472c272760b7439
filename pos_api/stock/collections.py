"""The collections of the stock."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from pos_api.database.collections import Collection
from pos_api.outbox.collections import unpublished

COLLECTIONS = (
    Collection(
        "stock_movements",
        "the ledger: every movement of a product's stock, with the balance after it",
        (
            IndexModel([("sku", ASCENDING), ("seq", ASCENDING)], unique=True),
            IndexModel(
                [("order", ASCENDING), ("sku", ASCENDING), ("n", ASCENDING)],
                unique=True,
                partialFilterExpression={"order": {"$exists": True}},
            ),
            unpublished(),
            IndexModel(
                [("unsent.store", ASCENDING), ("sku", ASCENDING), ("seq", ASCENDING)],
                partialFilterExpression={"unsent.store": {"$exists": True}},
            ),
            IndexModel(
                [("unsent.store", ASCENDING), ("at", ASCENDING)],
                partialFilterExpression={"unsent.store": {"$exists": True}},
            ),
        ),
        former_indexes=("sku_1_order_1_n_1", "order_1"),
    ),
    Collection("stock_sync", "of each store that stock is sent to: whether it is on, and how the sending fares"),
    Collection(
        "stock_refusals",
        "products of which a store did not take a movement, until both are in sync again",
        (IndexModel([("store", ASCENDING), ("at", ASCENDING)]),),
    ),
)
