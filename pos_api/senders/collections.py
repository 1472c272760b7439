"""The collections of what is read from stores, whatever their kind."""

from __future__ import annotations

from pos_api.database.collections import Collection

COLLECTIONS = (
    Collection("comparisons", "of each store that is compared: when it is due, who has it, the latest report"),
)
