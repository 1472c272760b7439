"""The collections of customers, and a typed handle of their records."""

from __future__ import annotations

from typing import cast

from pymongo import DESCENDING, IndexModel
from pymongo import collection as mongo

from pos_api.customers.model import CustomerDocument
from pos_api.database.client import Db
from pos_api.database.collections import Collection, present
from pos_api.outbox.collections import unpublished

COLLECTIONS = (
    Collection(
        "customers",
        "one record per e-mail address, else per customer id of a store",
        (
            IndexModel("search"),
            IndexModel("external_ids"),
            IndexModel([("last_order_at", DESCENDING), ("_id", DESCENDING)]),
            unpublished(),
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


def customers(db: Db) -> mongo.Collection[CustomerDocument]:
    """The customers' records, typed."""
    return cast(mongo.Collection[CustomerDocument], db.customers)
