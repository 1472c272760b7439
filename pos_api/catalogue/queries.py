"""Reading the catalogue: lists, one product, its ledger."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pos_api.catalogue import collections
from pos_api.catalogue.model import ProductDocument
from pos_api.common.text_search import product_words
from pos_api.database.client import Db, Document
from pos_api.errors import NotFound


@dataclass(frozen=True, slots=True)
class Filter:
    """Which products a list shows; None leaves a filter out. `words` are beginnings of words of name and SKU."""

    sku: str | None = None
    words: str | None = None
    low_stock: bool = False
    archived: bool = False


def find(db: Db, wanted: Filter, *, after: str | None = None, limit: int = 0) -> Iterator[ProductDocument]:
    """The products that match, by `_id`, from the one after `after` on; without `limit` all of them."""
    conditions: list[dict[str, Any]] = [{"archived": True if wanted.archived else {"$ne": True}}]
    if after is not None:
        conditions.append({"_id": {"$gt": after}})
    if wanted.sku is not None:
        conditions.append({"skus": wanted.sku.strip()})
    conditions += [{"search": {"$regex": f"^{re.escape(word)}"}} for word in product_words(wanted.words or "")]
    if wanted.low_stock:
        conditions.append({"low_stock_threshold": {"$exists": True}})  # lets the index be used
        conditions.append({"$expr": {"$lte": ["$stock", "$low_stock_threshold"]}})
    found = collections.products(db).find({"$and": conditions}).sort("_id", 1).limit(limit)
    return found.hint("low_stock_threshold_1") if wanted.low_stock else found


def get(db: Db, sku: str) -> ProductDocument:
    """The product that goes, or went formerly, under this SKU. Raises NotFound."""
    product = collections.products(db).find_one({"skus": sku.strip()})
    if product is None:
        raise NotFound(f"There is no product with SKU {sku.strip()!r}.")
    return product


def id_and_skus(db: Db, sku: str) -> tuple[str, list[str]] | None:
    """The `_id` and all SKUs, current and former, of the product that a SKU finds; None where it finds none."""
    product = collections.products(db).find_one({"skus": sku}, {"skus": 1})
    return (product["_id"], product["skus"]) if product else None


def current_skus(db: Db, ids: Iterable[str]) -> dict[str, str]:
    """The current SKU of each of these products, by `_id`."""
    wanted = sorted(set(ids))
    found = collections.products(db).find({"_id": {"$in": wanted}}, {"sku": 1}) if wanted else ()
    return {product["_id"]: product["sku"] for product in found}


def movements(db: Db, sku: str, *, before: int | None = None, limit: int = 0) -> list[Document]:
    """The ledger of a product, newest first, from the one before number `before` on. Raises NotFound."""
    query: dict[str, Any] = {"sku": get(db, sku)["_id"]}
    if before is not None:
        query["seq"] = {"$lt": before}
    return list(db.stock_movements.find(query).sort("seq", -1).limit(limit))


def all_movements(db: Db, sku: str) -> Iterator[Document]:
    """The entire ledger of a product, newest first, read as it is taken. Raises NotFound."""
    return iter(db.stock_movements.find({"sku": get(db, sku)["_id"]}).sort("seq", -1))
