"""The collections of the stock."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from pos_api.database.collections import Collection, present
from pos_api.outbox.collections import unpublished

COLLECTIONS = (
    Collection(
        "stock_movements",
        "the ledger: every movement of a product's stock, with the balance after it",
        (
            IndexModel([("sku", ASCENDING), ("seq", ASCENDING)], unique=True),
            IndexModel(
                [("sku", ASCENDING), ("order", ASCENDING), ("n", ASCENDING)],
                unique=True,
                partialFilterExpression={"order": {"$exists": True}},
            ),
            present("order"),
            unpublished(),
        ),
    ),
)
