"""Units that orders keep back for their buyers, and that the shop has not taken from its stock yet."""

from __future__ import annotations

from collections.abc import Iterable

from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Db, Document


def reserved_units(db: Db, store: str, sku: str | None = None) -> dict[str, Quantity]:
    """Units by product that a store's orders hold here and not in the shop, which takes them when they are paid: of one
    product, or of all."""
    query: Document = {"stock_rule": "reserved", "store": store}
    if sku is not None:
        query["skus"] = sku
    return _untaken(db, query)


def reserved_in_stores(db: Db, stores: Iterable[str], sku: str) -> Quantity:
    """Units of one product that the orders of all these stores hold so."""
    query: Document = {"stock_rule": "reserved", "store": {"$in": sorted(stores)}, "skus": sku}
    return _untaken(db, query).get(sku, 0)


def _untaken(db: Db, query: Document) -> dict[str, Quantity]:
    reserved: dict[str, Quantity] = {}
    for order in db.orders.find(query, {"held": 1, "line_items": 1}, hint="reserved_by_sku"):
        taken: dict[str, Quantity] = {}
        for line in order["line_items"]:
            if "product" in line:
                taken[line["product"]] = taken.get(line["product"], 0) + line.get("reduced_stock", 0)
        for each in order["held"]:
            units = each["quantity"] - taken.get(each["sku"], 0)
            reserved[each["sku"]] = whole(reserved.get(each["sku"], 0) + units)
    return reserved
