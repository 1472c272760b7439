"""How the sending of stock to a store fares, for the API and the command line."""

from __future__ import annotations

from typing import Any

from pos_api.catalogue.queries import current_skus
from pos_api.database.client import Db, Document
from pos_api.stock.model import StoredStockSync
from pos_api.stock.store_sync import UNSENT, refusals, states

_MOST_REFUSED = 500


def status(db: Db, store: str) -> Document:
    """The state of a store's stock sync, as `GET /api/stores/<store>/stock-sync` shows it."""
    state: StoredStockSync = states(db).find_one({"_id": store}) or {"_id": store, "on": False}
    refused = refused_products(db, store)
    return {
        "store": store,
        "on": state["on"],
        "since": state.get("since"),
        "aligned_at": state.get("aligned_at"),
        "off_because": state.get("off_because"),
        "waiting": waiting(db, store),
        "refused": refused,
        "last_applied_at": state.get("last_applied_at"),
        "last_error": _last_error(state),
        "failures": state.get("failures", 0),
        "next_attempt_at": state.get("next_attempt_at"),
        "plugin": state.get("plugin"),
    }


def _last_error(state: StoredStockSync) -> Document | None:
    message = state.get("last_error")
    return {"at": state.get("last_error_at"), "message": message} if message else None


def waiting(db: Db, store: str) -> Document:
    """What the store has still to be sent: movements, of how many products, and since when the oldest waits."""
    by_product: list[Document] = [
        {"$match": {"unsent.store": store}},
        {"$group": {"_id": "$sku", "movements": {"$sum": 1}, "oldest": {"$min": "$at"}}},
        {
            "$group": {
                "_id": None,
                "movements": {"$sum": "$movements"},
                "products": {"$sum": 1},
                "oldest_at": {"$min": "$oldest"},
            }
        },
    ]
    found: dict[str, Any] = next(db.stock_movements.aggregate(by_product, hint=UNSENT), {})
    names = {"movements": 0, "products": 0, "oldest_at": None}
    return {name: found.get(name, default) for name, default in names.items()}


def refused_products(db: Db, store: str) -> list[Document]:
    """The products of which the store did not take a movement, the latest first; at most 500."""
    found = list(refusals(db).find({"store": store}).sort("at", -1).limit(_MOST_REFUSED))
    skus = current_skus(db, [each["product"] for each in found])
    names = ("product", "outcome", "message", "at")
    return [
        {"sku": skus.get(each["product"], each["product"]), **{name: each[name] for name in names}}  # type: ignore[literal-required]
        for each in found
    ]
