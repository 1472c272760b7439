"""How the sending of one product's stock to stores fares."""

from __future__ import annotations

from dataclasses import dataclass

from pos_api.common.quantity import Quantity
from pos_api.database.client import Db
from pos_api.stock.model import StoredStockRefusal
from pos_api.stock.store_sync import refusals, states, unsent_units


@dataclass(frozen=True, slots=True)
class ProductAtStore:
    """A store with stock sync on: the units that it has still to be sent (`waiting`), and the movement that it did not
    take (`refusal`)."""

    store: str
    waiting: Quantity
    refusal: StoredStockRefusal | None


def at_stores(db: Db, product: str) -> list[ProductAtStore]:
    """A product (`_id`) at each store with stock sync on."""
    stores = sorted(each["_id"] for each in states(db).find({"on": True}, {"_id": 1}))
    keys = [f"{store}:{product}" for store in stores]
    refused = {each["store"]: each for each in refusals(db).find({"_id": {"$in": keys}})} if keys else {}
    return [
        ProductAtStore(store, unsent_units(db, store, [product]).get(product, 0), refused.get(store))
        for store in stores
    ]
