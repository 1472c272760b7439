"""Stock: the products and why each has the stock that it has."""

from __future__ import annotations

from pos_api.web.dashboard.stock import changes, imports, items, product, product_list, sync, unknown
from pos_api.web.dashboard.stock.blueprint import blp

__all__ = ["blp", "changes", "imports", "items", "product", "product_list", "sync", "unknown"]
