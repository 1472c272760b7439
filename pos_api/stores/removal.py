"""The exchange with a store is ended, or a store from which nothing ever came is removed."""

from __future__ import annotations

from collections.abc import Iterable

from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.staff import audit
from pos_api.stock import sync_switch
from pos_api.stores.model import DEFAULT


def disconnect_store(db: Db, name: str, proofs: Iterable[str] = ()) -> None:
    """End the exchange with a store: it is sent no stock any more; its API keys, the key pair of its REST API and the
    secrets of its webhooks are deleted, and of its settings the `proofs`, by which its kind knows whose a delivery is.
    All that came from it stays; names and prices of its products, and what its customers are called, are from now on
    what the next store says that has them. Raises NotFound.

    The key and the secret of the default store are settings, which only whoever runs the service can change.
    """
    names = ("rest", "webhook_secret", "former_webhook_secret", *(f"settings.{setting}" for setting in proofs))
    deleted = {"$set": {"keys": []}, "$unset": dict.fromkeys(names, "")}
    with audit.act(db, "store.disconnected", target=name):
        sync_switch.switch_off_if_on(db, name, sync_switch.DISCONNECTED)
        if not db.stores.update_one({"_id": name}, deleted).matched_count and name != DEFAULT:
            raise NotFound(f"There is no store {name!r}.")
        products = {"$or": [{"owning_store": name}, {"owning_store": {"$exists": False}, "opening_store": name}]}
        db.products.update_many(products, {"$set": {"owning_store": ""}})
        db.customers.update_many({"owning_store": name}, {"$unset": {"owning_store": ""}})


def remove_store(db: Db, name: str) -> None:
    """Remove a store from which nothing ever came. Raises Invalid for the default one, NotFound, and Conflict where
    something came from it: its orders explain stock and figures, so they and their store stay; or where another store
    takes payments for its orders."""
    if name == DEFAULT:
        raise Invalid(f"{DEFAULT!r} is the shop of the settings and can't be removed.")
    if db.stores.find_one({"_id": name}, {"_id": 1}) is None:
        raise NotFound(f"There is no store {name!r}.")
    if found := _came_from(db, name):
        raise Conflict(
            f"{name!r} has {found}, which explain stock and figures, so it stays."
            f" `pos-api store disconnect {name}` ends the exchange with it."
        )
    if paid := db.stores.find_one({"settings.orders_of": name}, {"_id": 1}):
        raise Conflict(f"{paid['_id']!r} takes payments for the orders of {name!r}; give it another --orders-of first.")
    with audit.act(db, "store.removed", target=name):
        db.stores.delete_one({"_id": name})
        sync_switch.switch_off_if_on(db, name, sync_switch.DISCONNECTED)
        for state in (db.comparisons, db.stock_sync):
            state.delete_one({"_id": name})
        db.stock_refusals.delete_many({"store": name})
        db.imports.delete_one({"_id": name})
        db.items.delete_many({"store": name})  # those that staff have linked


def _came_from(db: Db, name: str) -> str | None:
    """What the database holds of a store: orders, products, customers, payments or whatever else it sends; None
    for nothing."""
    linked = {"external_ids": {"$regex": f"^{name}:"}}  # a store's name is a slug, so it needs no escaping
    for found, collection, wanted in (
        ("orders", db.orders, {"store": name}),
        ("products", db.products, linked),
        ("customers", db.customers, linked),
        ("payments", db.payments, {"store": name}),
        ("cash sessions", db.cash_sessions, {"store": name}),
        ("customers' subscriptions", db.customer_subscriptions, {"store": name}),
        ("reports", db.reports, {"store": name}),
        ("deliveries", db.inbox, {"store": name}),
    ):
        if collection.find_one(wanted, {"_id": 1}):
            return found
    return None
