"""The collections of what is read from stores: of all kinds, and of each. A backup reads look-ups before reports: one
that is done meanwhile is only done twice."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from pos_api.database.collections import Collection
from pos_api.outbox.collections import unpublished
from pos_api.senders.woocommerce import collections as woocommerce

COLLECTIONS = (
    Collection(
        "comparisons",
        "of each store that is compared: when it is due, who has it, the latest report",
        (unpublished(),),
    ),
    Collection(
        "lookups",
        "what has to be looked up at a provider: when it is due, who has it",
        (IndexModel([("store", ASCENDING), ("due_at", ASCENDING)]),),
    ),
    Collection("reports", "what stores that report in parts have said about each thing", (IndexModel("store"),)),
    *woocommerce.COLLECTIONS,
)
