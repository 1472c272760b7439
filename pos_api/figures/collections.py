"""The collections of figures. All follow from the orders, and are made anew from them where they are missing."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from pos_api.database.collections import Collection, present

COLLECTIONS = (
    Collection(
        "rollup_buckets",
        "the rollups of a bucket of orders, by day and currency",
        (IndexModel([("days", ASCENDING), ("store", ASCENDING)]), present("stale")),
        in_backup=False,
    ),
    Collection(
        "rollup_days",
        "the figures of each day of a store, by currency",
        (IndexModel([("day", ASCENDING), ("store", ASCENDING)]),),
        in_backup=False,
    ),
    Collection("rollup_spans", "all rollups of days, ten days, months and years of a store", in_backup=False),
    Collection("first_orders", "each customer's first order in a store", (IndexModel("orders"),), in_backup=False),
    Collection("rollup_state", "the last fencing token, and up to when changes were noted", in_backup=False),
)
