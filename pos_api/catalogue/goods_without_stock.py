"""Goods that a store sells without keeping stock of them: services, bundles, gift wrap. They are no products here, but
their SKUs are known: their lines are no trouble, and move nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from pos_api.catalogue import collections
from pos_api.catalogue.matching import LineReference
from pos_api.catalogue.model import GoodsWithoutStockDocument, ProductUpdate
from pos_api.database.client import Db


@dataclass(frozen=True, slots=True)
class GoodsWithoutStock:
    """Some of these goods, by external id, and by store and SKU."""

    external_ids: frozenset[str] = frozenset()
    skus: frozenset[tuple[str, str]] = frozenset()

    def include(self, line: LineReference) -> bool:
        """Whether a line is about one of them."""
        return line.external_id in self.external_ids or (line.store, line.sku) in self.skus


def add(db: Db, update: ProductUpdate) -> None:
    """Note that the store keeps no stock of what this update is about, unless what is known is newer."""
    goods: GoodsWithoutStockDocument = {
        "_id": update.external_id,
        "store": update.store,
        "sku": update.sku,
        "at": update.modified_at,
    }
    not_newer = {"_id": update.external_id, "at": {"$not": {"$gt": update.modified_at}}}
    with suppress(DuplicateKeyError):
        collections.goods_without_stock(db).replace_one(not_newer, goods, upsert=True)


def remove(db: Db, external_id: str, at: datetime) -> bool:
    """The store keeps stock of this now; False where a newer report says that it does not."""
    goods = collections.goods_without_stock(db)
    goods.delete_one({"_id": external_id, "at": {"$lte": at}})
    return goods.find_one({"_id": external_id}, {"_id": 1}) is None


def find(db: Db, external_ids: Iterable[str], skus: Iterable[str]) -> GoodsWithoutStock:
    """Those that have one of these external ids or SKUs, in one query."""
    wanted = [{"_id": {"$in": sorted(set(external_ids))}}, {"sku": {"$in": sorted(set(skus))}}]
    found = list(collections.goods_without_stock(db).find({"$or": wanted}))
    return GoodsWithoutStock(
        frozenset(each["_id"] for each in found), frozenset((each["store"], each["sku"]) for each in found)
    )
