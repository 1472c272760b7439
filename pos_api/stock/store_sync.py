"""Which stores are sent the movements of stock that they did not cause themselves (`stock_sync` is on there), and how a
movement is marked for them. A store is added to what a movement is marked with in the same write that makes the
movement, so no crash loses one; the mark goes when the store has answered (`senders.woocommerce.stock_push`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from pymongo.collection import Collection

from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Db, Document
from pos_api.database.recently_read import RecentlyRead
from pos_api.stock.model import Movement, StoredStockRefusal, StoredStockSync

ALIGNED = "reconcile"
"""The reason of a movement that brings a product's stock here to a store's: its cause is `store:` and the store."""
STORE_ALIGNED = "shop_aligned"
"""The reason of a movement that brings a store's stock of a product to the stock here (`store_quantity`)."""

_ATTRIBUTE = "_pos_synced_stores"
UNSENT = "unsent.store_1_sku_1_seq_1"
"""The index of movements that stores have still to be sent."""
UNSENT_BY_AGE = "unsent.store_1_at_1"
"""The index that finds the oldest of them."""


def synced_stores(db: Db) -> RecentlyRead[frozenset[str]]:
    """The stores with stock sync on, known without a query; one for each database handle, on which it is kept."""
    found: RecentlyRead[frozenset[str]] = vars(db).get(_ATTRIBUTE) or vars(db).setdefault(
        _ATTRIBUTE, RecentlyRead(db, _read)
    )
    return found


def _read(db: Db) -> frozenset[str]:
    return frozenset(each["_id"] for each in states(db).find({"on": True}, {"_id": 1}))


def mark_unsent(db: Db, movement: Movement, store: str | None) -> None:
    """Mark a movement that is about to be made for each store that has to be sent it: those with stock sync on, but for
    the `store` that caused it. What a product's ledger starts with is sent to none, nor is what moved nothing."""
    if movement["quantity"] and movement["reason"] != "opening":
        stores = sorted(synced_stores(db).value() - {store})
        if stores:
            movement["unsent"] = [{"store": each} for each in stores]


def units_for_store(movement: Movement) -> Quantity:
    """The units by which a store's stock is to change for this movement."""
    return movement.get("store_quantity", movement["quantity"])


def unsent_units(db: Db, store: str, products: Iterable[str] | None = None) -> dict[str, Quantity]:
    """Units by product that have still to be sent to a store: of these products, or of all."""
    query: Document = {"unsent.store": store}
    if products is not None:
        query["sku"] = {"$in": sorted(products)}
    units: dict[str, Quantity] = {}
    for movement in db.stock_movements.find(query, {"sku": 1, "quantity": 1, "store_quantity": 1}, hint=UNSENT):
        sent = units_for_store(cast(Movement, movement))
        units[movement["sku"]] = whole(units.get(movement["sku"], 0) + sent)
    return units


def unsent_in_order(db: Db, store: str, product: str) -> list[Quantity]:
    """The units of each movement of a product that a store has still to be sent, the oldest first."""
    fields = {"quantity": 1, "store_quantity": 1}
    found = db.stock_movements.find({"unsent.store": store, "sku": product}, fields, hint=UNSENT).sort("seq", 1)
    return [units_for_store(cast(Movement, movement)) for movement in found]


def is_on(db: Db, store: str) -> bool:
    """Whether stock is sent to a store."""
    return states(db).find_one({"_id": store, "on": True}, {"_id": 1}) is not None


def is_aligned(db: Db, store: str) -> bool:
    """Whether both sides were made equal to the end since stock sync of a store was last switched on."""
    return states(db).find_one({"_id": store, "aligned_at": {"$exists": True}}, {"_id": 1}) is not None


def states(db: Db) -> Collection[StoredStockSync]:
    """The collection of the stores' states."""
    return cast("Collection[StoredStockSync]", db.stock_sync)


def refusals(db: Db) -> Collection[StoredStockRefusal]:
    """The collection of products of which a store did not take a movement."""
    return cast("Collection[StoredStockRefusal]", db.stock_refusals)
