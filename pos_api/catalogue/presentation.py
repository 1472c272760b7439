"""What is shown of a product and of its ledger, by the API and in CSV files. A field that is not named here is shown
nowhere. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pos_api.catalogue.external_ids import number_of
from pos_api.catalogue.model import ItemDocument, ProductDocument, details_of, owning_store
from pos_api.common.quantity import whole
from pos_api.database.client import Document
from pos_api.stock.model import person_of


def product(stored: ProductDocument, items: Mapping[str, ItemDocument] | None = None) -> Document:
    """A stored product; `items` has those that it may be linked to, by `_id`."""
    threshold = stored.get("low_stock_threshold")
    return {
        "sku": stored["sku"],
        "former_skus": [sku for sku in stored["skus"] if sku != stored["sku"]],
        "name": stored["name"],
        "price": stored.get("price"),
        "stock": stored["stock"],
        "low_stock_threshold": threshold,
        "low_stock": threshold is not None and stored["stock"] <= threshold,
        "archived": stored.get("archived", False),
        **details_of(stored),
        "shop_ids": stored.get("external_ids", []),
        "links": [link(items[each]) for each in stored.get("external_ids", ()) if each in items] if items else [],
        "home": owning_store(stored),
        "created_at": stored["created_at"],
    }


def link(stored: ItemDocument) -> Document:
    """What a product shows of an item of an ordering app that it is linked to; `available` is None while the app has
    not said."""
    return {
        "store": stored["store"],
        "item": number_of(stored["_id"]),
        "available": stored.get("available"),
        "archived": not stored.get("exists", True),
    }


def item(stored: ItemDocument, linked: ProductDocument | None) -> Document:
    """A stored item, and the SKU of the product that it is linked to."""
    return {**link(stored), "name": stored.get("name"), "sku": linked["sku"] if linked else None}


def ledger_movement(stored: Mapping[str, Any]) -> Document:
    """A stored movement as its product's ledger shows it: also whether it is what brought the stock below zero, and
    what became of it at each store that it was, or is, to be sent to."""
    before = whole(stored["balance"] - stored["quantity"])
    waiting = [_at_store(each["store"], "waiting") for each in stored.get("unsent", ())]
    ended = [_at_store(each["store"], each["outcome"], each) for each in stored.get("sent", ())]
    return {
        **movement(stored),
        "oversold": before >= 0 > stored["balance"],
        "stores": sorted((*ended, *waiting), key=lambda each: str(each["store"])),
    }


def _at_store(store: str, state: str, sent: Mapping[str, Any] = MappingProxyType({})) -> Document:
    return {
        "store": store,
        "state": state,
        "at": sent.get("at"),
        "quantity": sent.get("quantity"),
        "message": sent.get("message", ""),
    }


def movement(stored: Mapping[str, Any]) -> Document:
    """A stored movement of a product's stock. Its cause is a person, a delivery, or that a store and the stock here
    were made equal (see `note`)."""
    by = person_of(stored["cause"])
    return {
        **{name: stored[name] for name in ("seq", "at", "quantity", "balance", "reason")},
        "order": stored.get("order"),
        "by": by,
        "event_key": None if by is not None or stored["cause"].startswith("store:") else stored["cause"],
        "note": stored.get("note", ""),
    }
