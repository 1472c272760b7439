"""A product's SKUs: aggregation expressions that change them, and whether one product may take a SKU from another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.model import ProductDocument, ProductUpdate, is_owned_by_another_store
from pos_api.common.warning_messages import EventWarning, warn


def placeholder(product_id: str) -> str:
    """What stands for the SKU of a product that has none at the moment: lists, counts and files go on with it."""
    return f"{product_id} (no SKU)"


def sku_taken_warning(product: ProductDocument, sku: str) -> EventWarning:
    """That `sku` was taken from this product."""
    return warn("sku_taken", sku=sku, product=placeholder(product["_id"]))


def store_sku(store: str, sku: str) -> str:
    """How a SKU that another store gave is kept in `skus_of_other_stores`."""
    return external_id(store, sku)


def may_take_sku(product: ProductDocument, update: ProductUpdate) -> bool:
    """Whether the SKU of an update may be taken from this product. Of another store's product only one that this store
    gave it itself: current and former SKUs of the owning store stay."""
    if update.sku not in product["skus"] or not is_owned_by_another_store(product, update.store):
        return True
    given = store_sku(update.store, update.sku) in product.get("skus_of_other_stores", ())
    return given and product["sku"] != update.sku


def with_current_sku(product_id: str, sku: str) -> dict[str, Any]:
    """Expressions that make `sku` a product's current one; those it had are former ones now."""
    return {
        "sku": {"$literal": sku},
        "skus": _without(sku, placeholder(product_id), and_then=[{"$literal": sku}]),
    }


def without_sku(product: ProductDocument, sku: str) -> dict[str, Any]:
    """Expressions that take a SKU from a product, which has a placeholder instead where it was the current one."""
    is_current = {"$eq": ["$sku", {"$literal": sku}]}
    instead = {"$literal": placeholder(product["_id"])}
    changes = {
        "sku": {"$cond": [is_current, instead, "$sku"]},
        "skus": _without(sku, and_then={"$cond": [is_current, [instead], []]}),
    }
    if given := product.get("skus_of_other_stores"):
        changes["skus_of_other_stores"] = no_longer_of_other_stores(given, sku)
    return changes


def no_longer_of_other_stores(given: Iterable[str], sku: str) -> dict[str, Any]:
    """`skus_of_other_stores` without the entries for a SKU."""
    gone = [each for each in given if each.partition(":")[2] == sku]
    return {"$setDifference": ["$skus_of_other_stores", {"$literal": gone}]}


def _without(*gone: str, and_then: Any) -> dict[str, Any]:
    kept = {"$filter": {"input": "$skus", "cond": {"$not": [{"$in": ["$$this", {"$literal": gone}]}]}}}
    return {"$concatArrays": [kept, and_then]}
