"""The collections of the catalogue, and typed handles of them."""

from __future__ import annotations

from typing import cast

from pymongo import ASCENDING, IndexModel
from pymongo import collection as mongo

from pos_api.catalogue.model import GoodsWithoutStockDocument, ItemDocument, ProductDocument
from pos_api.database.client import Db
from pos_api.database.collections import Collection, present
from pos_api.outbox.collections import unpublished

COLLECTIONS = (
    Collection(
        "products",
        "each product with its stock",
        (
            IndexModel("skus", unique=True),
            IndexModel("external_ids"),
            present("ids_with_shared_stock"),
            IndexModel("search"),
            present("low_stock_threshold"),
            IndexModel(  # without the stock, so that a sale changes it only where a product's stock gets below zero
                [("_id", ASCENDING), ("archived", ASCENDING)],
                name="negative_stock",
                partialFilterExpression={"stock": {"$lt": 0}},
            ),
            present("variation_of.parent"),
            present("deleted_ids.because"),
            unpublished(),
        ),
        former_indexes=("below_zero",),
    ),
    Collection("goods_without_stock", "goods of which the shop keeps no stock", (IndexModel("sku"),)),
    Collection(
        "items",
        "items of ordering apps, which staff link to products",
        (IndexModel([("store", ASCENDING), ("item", ASCENDING)]),),
    ),
    Collection(
        "product_imports",
        "CSV files of products that somebody looks at before they are applied, for a day",
        (IndexModel("expires_at", expireAfterSeconds=0),),
        in_backup=False,
    ),
    Collection(
        "product_import_rows",
        "the rows of these files that change something or can't be applied",
        (
            IndexModel([("import", ASCENDING), ("line", ASCENDING)]),
            IndexModel([("import", ASCENDING), ("state", ASCENDING), ("line", ASCENDING)]),
            IndexModel("expires_at", expireAfterSeconds=0),
        ),
        in_backup=False,
    ),
)


def products(db: Db) -> mongo.Collection[ProductDocument]:
    """The products, typed."""
    return cast(mongo.Collection[ProductDocument], db.products)


def goods_without_stock(db: Db) -> mongo.Collection[GoodsWithoutStockDocument]:
    """The goods without stock, typed."""
    return cast(mongo.Collection[GoodsWithoutStockDocument], db.goods_without_stock)


def items(db: Db) -> mongo.Collection[ItemDocument]:
    """The items of ordering apps, typed."""
    return cast(mongo.Collection[ItemDocument], db.items)
