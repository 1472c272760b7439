"""The collections of the catalogue."""

from __future__ import annotations

from pymongo import IndexModel

from pos_api.database.collections import Collection, present

COLLECTIONS = (
    Collection(
        "products",
        "each product with its stock",
        (
            IndexModel("skus", unique=True),
            IndexModel("shop_ids"),
            present("shared_ids"),
            IndexModel("search"),
            present("low_stock_threshold"),
            present("variation_of.parent"),
            present("deleted_ids.because"),
        ),
    ),
    Collection("goods_without_stock", "goods of which the shop keeps no stock", (IndexModel("sku"),)),
)
