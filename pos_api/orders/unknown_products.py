"""What the latest orders sold and no product here is known for: SKUs, and items of ordering apps without a link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pos_api.catalogue.external_ids import external_id, item_number
from pos_api.database.client import Db, Document

LOOKED_AT = 2000
"""So many orders are looked at, the latest that name something unknown: the cost does not grow with the history."""
_NEWEST_FIRST = [("created_at", -1), ("_id", -1)]


@dataclass(slots=True)
class Unknown:
    """Something unknown (a SKU, or an item's external id): what the latest order calls it, how many orders name it, and
    that latest order."""

    key: str
    name: str
    orders: int
    latest_order: str
    latest_at: datetime
    stores: list[str]


def unknown_skus(db: Db) -> list[Unknown]:
    """The SKUs that orders named and no product has, the most ordered first. That a product has been made since ends
    it, though the order itself stays without one."""
    query = {"unmatched.0": {"$exists": True}}
    found = grouped(_latest(db, query, "unmatched"), lambda order: order["unmatched"], lambda _, line: str(line["sku"]))
    skus = [each.key for each in found]
    known = {sku for each in db.products.find({"skus": {"$in": skus}}, {"skus": 1}) for sku in each["skus"]}
    return [each for each in found if each.key not in known]


def unlinked_items(db: Db) -> dict[str, Unknown]:
    """The items that orders named while they had no link, by external id."""
    found = grouped(
        _latest(db, {"unlinked": {"$exists": True}}, "unlinked"),
        lambda order: [external_id(order["store"], each) for each in order["unlinked"]],
        lambda order, line: external_id(order["store"], item_number(line)),
    )
    return {each.key: each for each in found}


def grouped(
    orders: Iterable[Mapping[str, Any]],
    keys: Callable[[Mapping[str, Any]], Iterable[str]],
    key_of_line: Callable[[Mapping[str, Any], Mapping[str, Any]], str],
) -> list[Unknown]:
    """What these orders, the latest first, name, the most ordered first. Pure."""
    found: dict[str, Unknown] = {}
    for order in orders:
        names = {key_of_line(order, line): str(line.get("name") or "") for line in order["line_items"]}
        for key in keys(order):
            known = found.get(key)
            if known is None:
                found[key] = Unknown(key, names.get(key, ""), 1, order["_id"], order["created_at"], [order["store"]])
                continue
            known.orders += 1
            known.name = known.name or names.get(key, "")
            if order["store"] not in known.stores:
                known.stores.append(order["store"])
    return sorted(found.values(), key=lambda each: -each.orders)


def _latest(db: Db, query: Document, index: str) -> Iterable[Document]:
    fields = dict.fromkeys(("store", "created_at", "unmatched", "unlinked"), 1)
    fields |= {f"line_items.{name}": 1 for name in ("sku", "name", "product_id", "variation_id")}
    return db.orders.find(query, fields, hint=index).sort(_NEWEST_FIRST).limit(LOOKED_AT)
