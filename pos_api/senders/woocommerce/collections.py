"""The collections of what is read from shops."""

from __future__ import annotations

from pos_api.database.collections import Collection

COLLECTIONS = (
    Collection("pulls", "of each connected shop: how far it was imported and compared, and the latest comparison"),
)
