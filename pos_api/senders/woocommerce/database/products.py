"""Products and variations as REST gives them."""

from __future__ import annotations

from collections.abc import Iterable

from pos_api.common.quantity import quantity
from pos_api.senders.woocommerce.database.connection import Database, Meta, Rows
from pos_api.senders.woocommerce.database.settings import Settings
from pos_api.senders.woocommerce.database.values import first_values, times
from pos_api.senders.woocommerce.rows import Row


def read_products(database: Database, settings: Settings, ids: Iterable[int]) -> Rows:
    """These products and variations, whatever their status, by ascending id. Raises ShopError."""
    wanted = list(ids)
    rows = database.rows(
        "SELECT ID AS id, post_title AS name, post_parent AS parent_id, post_type AS type, post_status AS status, "
        "post_date_gmt AS created, post_modified_gmt AS modified FROM {posts} "
        "WHERE post_type IN ('product', 'product_variation') AND ID IN [] ORDER BY ID",
        [wanted],
    )
    metas = database.meta("postmeta", "post_id", {*wanted, *(row["parent_id"] for row in rows)})
    return [_product(row, metas, settings) for row in rows]


def read_variations(database: Database, settings: Settings, product_ids: Iterable[int]) -> dict[int, Rows]:
    """The variations of these products that are not in the trash, by product. Raises ShopError."""
    wanted = list(product_ids)
    found = database.rows(
        "SELECT ID AS id FROM {posts} WHERE post_type = 'product_variation' "
        "AND post_status NOT IN ('trash', 'auto-draft') AND post_parent IN [] ORDER BY ID",
        [wanted],
    )
    variations: dict[int, Rows] = {product_id: [] for product_id in wanted}
    for row in read_products(database, settings, [each["id"] for each in found]):
        variations[row["parent_id"]].append(row)
    return variations


def _product(row: Row, metas: Meta, settings: Settings) -> Row:
    meta, parent = first_values(metas[row["id"]]), first_values(metas[row["parent_id"]])
    variation = row["type"] == "product_variation"
    managed = meta.get("_manage_stock") == "yes"
    shared = variation and not managed and parent.get("_manage_stock") == "yes"
    return {
        "id": row["id"],
        "parent_id": row["parent_id"] if variation else 0,
        "name": row["name"],
        "status": row["status"],
        "sku": meta.get("_sku") or (parent.get("_sku", "") if variation else ""),
        "price": meta.get("_price", ""),
        "manage_stock": "parent" if shared else managed,
        "stock_quantity": quantity(meta["_stock"]) if managed and meta.get("_stock") else None,
        **times("date_created", row["created"], settings.timezone),
        **times("date_modified", row["modified"], settings.timezone),
    }
