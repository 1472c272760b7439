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


def reserved_in_stores(db: Db, stores: Iterable[str], product: str) -> Quantity:
    """Units of one product that the orders of all these stores hold so. MongoDB adds them up, as a product that sells
    well may be in very many."""
    query: Document = {"stock_rule": "reserved", "store": {"$in": sorted(stores)}, "skus": product}
    held = _units_of(product, "$held", "sku", "quantity")
    taken = _units_of(product, "$line_items", "product", "reduced_stock")
    added_up: list[Document] = [
        {"$match": {**query, "held.sku": product}},
        {"$group": {"_id": None, "units": {"$sum": {"$subtract": [held, taken]}}}},
    ]
    found = next(iter(db.orders.aggregate(added_up, hint="reserved_by_sku")), {"units": 0})
    return whole(found["units"])


def _units_of(product: str, rows: str, name: str, units: str) -> Document:
    """An aggregation expression: the units of a product in rows that name it."""
    of_product = {"$filter": {"input": rows, "cond": {"$eq": [f"$$this.{name}", {"$literal": product}]}}}
    return {"$sum": {"$map": {"input": of_product, "in": f"$$this.{units}"}}}


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
