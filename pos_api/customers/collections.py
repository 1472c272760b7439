"""The collections of customers."""

from __future__ import annotations

from pymongo import DESCENDING, IndexModel

from pos_api.database.collections import Collection, present

COLLECTIONS = (
    Collection(
        "customers",
        "one record per e-mail address, else per customer id of a store",
        (
            IndexModel("search"),
            IndexModel("shop_ids"),
            IndexModel([("last_order_at", DESCENDING), ("_id", DESCENDING)]),
        ),
    ),
    Collection(
        "erasures",
        "who was erased and until when, by a keyed hash of the e-mail address",
        (IndexModel("changed_at"), present("due_at")),
        kept_by_restore=True,
        lists_added_to=("times",),
    ),
    Collection("erasure_keys", "the key of these hashes", kept_by_restore=True),
    Collection(
        "erased_orders",
        "the ids of orders saved without personal data",
        (present("due_at"),),
        kept_by_restore=True,
    ),
)
