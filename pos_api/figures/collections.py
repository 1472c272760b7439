"""The collections of figures. All follow from the orders."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel

from pos_api.database.collections import Collection, present

COLLECTIONS = (
    Collection(
        "stats_blocks",
        "the sums of a block of orders, by day and currency",
        (IndexModel([("days", ASCENDING), ("store", ASCENDING)]), present("stale")),
        in_backup=False,
    ),
    Collection(
        "stats_days",
        "the figures of each day, by currency",
        (IndexModel([("day", ASCENDING), ("store", ASCENDING)]),),
        in_backup=False,
    ),
    Collection("stats_sums", "all sums of days, ten days, months and years", in_backup=False),
    Collection("stats_firsts", "each customer's first order in a store", (IndexModel("orders"),), in_backup=False),
    Collection("stats_turns", "the last fencing token, and up to when changes were noted", in_backup=False),
)
