"""Settings, for admins: one module for each page. Importing this package adds them all."""

from __future__ import annotations

from pos_api.web.dashboard.settings import index, keys, store, store_connection, store_guide, stores
from pos_api.web.dashboard.settings.blueprint import blp

__all__ = ["blp", "index", "keys", "store", "store_connection", "store_guide", "stores"]
