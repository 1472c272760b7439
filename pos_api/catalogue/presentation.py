"""What is shown of a product and of its ledger, by the API and in CSV files. A field that is not named here is shown
nowhere. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pos_api.catalogue.model import ProductDocument, details_of, owning_store
from pos_api.database.client import Document
from pos_api.stock.model import person_of


def product(stored: ProductDocument) -> Document:
    """A stored product."""
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
        "home": owning_store(stored),
        "created_at": stored["created_at"],
    }


def movement(stored: Mapping[str, Any]) -> Document:
    """A stored movement of a product's stock. Its cause is either a person or a delivery."""
    by = person_of(stored["cause"])
    return {
        **{name: stored[name] for name in ("seq", "at", "quantity", "balance", "reason")},
        "order": stored.get("order"),
        "by": by,
        "event_key": None if by is not None else stored["cause"],
        "note": stored.get("note", ""),
    }
