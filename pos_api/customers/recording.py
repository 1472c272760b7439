"""Customers are recorded as orders name them, where nobody is sent events of customers."""

from __future__ import annotations

from pymongo.errors import BulkWriteError, DuplicateKeyError

from pos_api.customers.model import Purchases
from pos_api.database.client import Db, Document
from pos_api.database.update_many import value_by_id
from pos_api.database.write_errors import only_collisions

_ATTEMPTS = 50


def record(db: Db, customers: list[Purchases]) -> None:
    """Record these customers, each once.

    One alone costs one round trip. Of several most are new, and to insert them costs a fraction of an update. Those
    that collide on their `_id` are known, and are updated together; where one was removed in between, it is made anew.
    """
    for _ in range(_ATTEMPTS):
        customers = _insert(db, customers) if len(customers) > 1 else _upsert(db, customers[0])
        if not customers or _update(db, customers) == len(customers):
            return
    raise RuntimeError(f"{len(customers)} customers were removed {_ATTEMPTS} times while they were recorded")


def _insert(db: Db, customers: list[Purchases]) -> list[Purchases]:
    """Insert the records of these customers; returns those who have one."""
    try:
        db.customers.insert_many([_new_record(each) for each in customers], ordered=False)
    except BulkWriteError as error:
        return [customers[index] for index in only_collisions(error)]
    return []


def _upsert(db: Db, customer: Purchases) -> list[Purchases]:
    """Record a customer who is new, or known by nothing newer and of the same store; else returns the customer."""
    of_orders, store = _of_orders(customer), customer.profile["owning_store"]
    nothing_newer = {
        "_id": customer.key,
        "owning_store": {"$in": [store, None]},
        "as_of": {"$not": {"$gt": customer.profile["as_of"]}},
    }
    update = {
        "$set": customer.profile,
        "$min": {"first_order_at": of_orders["first_order_at"]},
        "$max": {"last_order_at": of_orders["last_order_at"]},
        "$addToSet": {"external_ids": {"$each": of_orders["external_ids"]}},
        "$inc": {"orders_seen": of_orders["orders_seen"]},
    }
    try:
        db.customers.update_one(nothing_newer, update, upsert=True)
    except DuplicateKeyError:
        return [customer]
    return []


def _new_record(customer: Purchases) -> Document:
    return {"_id": customer.key, **customer.profile, **_of_orders(customer)}


def _of_orders(customer: Purchases) -> Document:
    return {
        "first_order_at": customer.first_order_at,
        "last_order_at": customer.last_order_at,
        "external_ids": list(customer.external_ids),
        "orders_seen": customer.orders,
    }


def _update(db: Db, customers: list[Purchases]) -> int:
    """Update the records of these customers; returns how many there were. From then on `remove_unused` leaves them
    alone."""
    new = {each.key: {"profile": each.profile, "of_orders": _of_orders(each)} for each in customers}
    merged = {"$let": {"vars": {"new": value_by_id(new)}, "in": _MERGED}}
    return db.customers.update_many({"_id": {"$in": list(new)}}, [{"$replaceWith": merged}]).matched_count


_OF_OWNING_STORE: Document = {
    "$eq": [{"$ifNull": ["$owning_store", "$$new.profile.owning_store"]}, "$$new.profile.owning_store"]
}
_NOTHING_NEWER: Document = {"$gte": ["$$new.profile.as_of", {"$ifNull": ["$as_of", "$$new.profile.as_of"]}]}
_KNOWN_IDS: Document = {"$ifNull": ["$external_ids", []]}
_MERGED: Document = {
    "$mergeObjects": [
        "$$ROOT",
        {"$cond": [{"$and": [_OF_OWNING_STORE, _NOTHING_NEWER]}, "$$new.profile", {}]},
        {
            "first_order_at": {"$min": ["$first_order_at", "$$new.of_orders.first_order_at"]},
            "last_order_at": {"$max": ["$last_order_at", "$$new.of_orders.last_order_at"]},
            "external_ids": {
                "$concatArrays": [_KNOWN_IDS, {"$setDifference": ["$$new.of_orders.external_ids", _KNOWN_IDS]}]
            },
            "orders_seen": {"$add": [{"$ifNull": ["$orders_seen", 0]}, "$$new.of_orders.orders_seen"]},
        },
    ]
}
"""A record as it is after orders: their profile where the record is that store's and has nothing newer."""
