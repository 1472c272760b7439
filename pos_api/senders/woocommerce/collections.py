"""The collections of what is read from WooCommerce shops."""

from __future__ import annotations

from pos_api.database.collections import Collection

COLLECTIONS = (
    Collection("imports", "of each shop that was imported: how far, and its last order when the store went live"),
)
