"""Settings, for admins: one module for each page. Importing this package adds them all."""

from __future__ import annotations

from pos_api.web.dashboard.settings import (
    audit_log,
    index,
    keys,
    retention,
    store,
    store_connection,
    store_guide,
    stores,
    users,
)
from pos_api.web.dashboard.settings.blueprint import blp

__all__ = [
    "audit_log",
    "blp",
    "index",
    "keys",
    "retention",
    "store",
    "store_connection",
    "store_guide",
    "stores",
    "users",
]
