"""Links between products and stores: external ids, SKUs that a store gives or gives away, and stock that a variation
shares with its parent. Everything that changes them is written here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from pos_api.catalogue import collections, product_events
from pos_api.catalogue.matching import Candidates, KnownProduct, Match, NewExternalId, NewSku
from pos_api.catalogue.model import ProductDocument, ProductUpdate, is_owned_by_another_store
from pos_api.catalogue.product_events import Cause
from pos_api.catalogue.skus import may_take_sku, store_sku, with_current_sku, without_sku
from pos_api.common.text_search import newer_words_first, product_words
from pos_api.database.client import Db
from pos_api.database.write_errors import only_collisions

_NEW_SKUS_PER_BATCH = 20
"""So many new SKUs of one product are taken from the lines of one batch; lines with more of them are matched by their
id all the same."""


class DiscoveredLinks:
    """What the lines of a batch show about products: external ids and new SKUs. The candidates show it at once, for the
    lines that follow; the database when it is written."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self._writes: list[UpdateOne] = []
        self._causes: dict[str, Cause] = {}
        self._new_skus: Counter[str] = Counter()

    def add(self, match: Match) -> None:
        """Take note of what a match shows about its product, if it shows anything."""
        if match.product is None or match.discovery is None:
            return
        if isinstance(match.discovery, NewExternalId):
            self._link(match.product, match.discovery)
            return
        self._new_skus[match.product.id] += 1
        if self._new_skus[match.product.id] <= _NEW_SKUS_PER_BATCH:  # else a sender that gives all products one id
            self._name(match.product, match.discovery)

    def write(self, db: Db) -> None:
        """Write what was noted. A SKU that became another product's meanwhile stays with that one."""
        writes, self._writes = self._writes, []
        causes, self._causes = self._causes, {}
        if writes:
            with product_events.changing(db, {"_id": {"$in": sorted(causes)}}, causes):
                try:
                    db.products.bulk_write(writes, ordered=False)
                except BulkWriteError as error:
                    only_collisions(error)

    def _link(self, product: KnownProduct, new: NewExternalId) -> None:
        self._causes[product.id] = Cause(new.store, f"a line with {new.external_id}")
        self._writes.append(UpdateOne({"_id": product.id}, {"$addToSet": {"external_ids": new.external_id}}))
        self._candidates.put(
            replace(
                product,
                external_ids=product.external_ids | {new.external_id},
                stores=product.stores | {new.store},
            )
        )

    def _name(self, product: KnownProduct, new: NewSku) -> None:
        self._causes[product.id] = Cause(new.store, f"a line with {new.sku}")
        words = newer_words_first(product_words(new.sku), kept="$search")
        if new.renames:
            changes = with_current_sku(product.id, new.sku)
            named = replace(product, sku=new.sku, skus=product.skus | {new.sku})
        else:
            changes = _with_sku_of_another_store(new.store, new.sku)
            count = product.skus_of_other_stores + 1
            named = replace(product, skus=product.skus | {new.sku}, skus_of_other_stores=count)
        self._writes.append(UpdateOne({"_id": product.id}, [{"$set": {**changes, "search": words}}]))
        self._candidates.put(named)


def _with_sku_of_another_store(store: str, sku: str) -> dict[str, Any]:
    """Expressions that let a product be found by one SKU more, which is not its owning store's."""
    return {
        "skus": _with("$skus", sku),
        "skus_of_other_stores": _with({"$ifNull": ["$skus_of_other_stores", []]}, store_sku(store, sku)),
    }


def _with(kept: Any, value: str) -> dict[str, Any]:
    added = [{"$literal": value}]
    return {"$cond": [{"$in": [{"$literal": value}, kept]}, kept, {"$concatArrays": [kept, added]}]}


# --- of products that a store reports -------------------------------------------------------------------------------


def link(db: Db, product: ProductDocument, update: ProductUpdate) -> None:
    """Let a product have the external id of an update."""
    changes: dict[str, Any] = {"$addToSet": {"external_ids": update.external_id}}
    if is_owned_by_another_store(product, update.store):
        changes["$set"] = {f"linked_at.{update.external_id}": update.modified_at}
    collections.products(db).update_one({"_id": product["_id"]}, changes)


def unlink(db: Db, product: ProductDocument, external_id: str) -> None:
    """Take an external id of another store from a product: it is another product's there."""
    changes = {"$pull": {"external_ids": external_id}, "$unset": {f"linked_at.{external_id}": ""}}
    collections.products(db).update_one({"_id": product["_id"]}, changes)


def add_sku(db: Db, product: ProductDocument, update: ProductUpdate) -> None:
    """Let another store's product be found by the SKU of an update, too."""
    words = product_words(product["sku"], update.sku, *product["skus"], product["name"])
    names = {"skus": update.sku, "skus_of_other_stores": store_sku(update.store, update.sku)}
    changes = {"$addToSet": names, "$set": {f"linked_at.{update.external_id}": update.modified_at, "search": words}}
    collections.products(db).update_one({"_id": product["_id"]}, changes)


def take_sku(db: Db, product: ProductDocument, update: ProductUpdate) -> bool:
    """Take the SKU of an update from another product. False where a newer update gave it to that one, or it is another
    store's (see `may_take_sku`)."""
    if not may_take_sku(product, update):
        return False
    older = [{"sku": {"$ne": update.sku}}, {"synced_at": {"$not": {"$gt": update.modified_at}}}]
    changes = [{"$set": without_sku(product, update.sku)}]
    return collections.products(db).update_one({"_id": product["_id"], "$or": older}, changes).matched_count == 1


# --- shared stock ---------------------------------------------------------------------------------------------------


def share_stock(db: Db, parent: ProductDocument, update: ProductUpdate) -> None:
    """Let a variation's SKU find its parent, which keeps the stock of both."""
    products, sku = collections.products(db), update.sku
    words = product_words(parent["sku"], sku, *parent["skus"], parent["name"])
    names = {"skus": sku}
    if sku not in parent["skus"] and is_owned_by_another_store(parent, update.store):
        names["skus_of_other_stores"] = store_sku(update.store, sku)
    changed = {f"shared_stock_variations.{update.external_id}": update.modified_at, "search": words}
    products.update_one({"_id": parent["_id"]}, {"$addToSet": names, "$set": changed})


def move_id_to_parent(db: Db, product: ProductDocument, parent: ProductDocument, update: ProductUpdate) -> None:
    """Let a variation that was a product of its own be one without the id of an update, as its parent keeps the stock
    now. Its ledger is found by that id when the stock is its own again."""
    changes: dict[str, Any] = {"$pull": {"external_ids": update.external_id}}
    if not is_owned_by_another_store(product, update.store):
        changes["$addToSet"] = {"ids_with_shared_stock": update.external_id}
        changes["$set"] = {"stock_parent": parent["_id"]}
    collections.products(db).update_one({"_id": product["_id"]}, changes)


def end_shared_stock(db: Db, parent: ProductDocument, external_id: str) -> None:
    """A variation's stock is its parent's no more."""
    unset = {"$unset": {f"shared_stock_variations.{external_id}": ""}}
    collections.products(db).update_one({"_id": parent["_id"]}, unset)
