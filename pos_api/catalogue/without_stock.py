"""Goods that a shop sells without keeping stock of them: services, bundles, gift wrap. They are no products here, but
their SKUs are known: their lines are no trouble, and move nothing.

One of them: `_id` (`store:product id`), `store`, `sku`, and `at`, the shop's time of the newest report of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from pos_api.database.client import Db


@dataclass(frozen=True, slots=True)
class Known:
    """Some of these goods, by `store:product id` and by store and SKU."""

    ids: frozenset[str] = frozenset()
    skus: frozenset[tuple[str, str]] = frozenset()


def remember(db: Db, key: str, store: str, sku: str, at: datetime) -> None:
    """Note that a shop sells `key` (`store:product id`) without keeping stock of it, unless what is known is newer."""
    not_newer = {"_id": key, "at": {"$not": {"$gt": at}}}
    with suppress(DuplicateKeyError):
        db.goods_without_stock.update_one(not_newer, {"$set": {"store": store, "sku": sku, "at": at}}, upsert=True)


def forget(db: Db, key: str, at: datetime) -> bool:
    """The shop keeps stock of `key` now; False where a newer report says that it does not."""
    db.goods_without_stock.delete_one({"_id": key, "at": {"$lte": at}})
    return db.goods_without_stock.find_one({"_id": key}, {"_id": 1}) is None


def find(db: Db, keys: Iterable[str], skus: Iterable[str]) -> Known:
    """Those that have one of these ids (`store:product id`) or SKUs, in one query."""
    wanted = [{"_id": {"$in": sorted(set(keys))}}, {"sku": {"$in": sorted(set(skus))}}]
    found = list(db.goods_without_stock.find({"$or": wanted}))
    return Known(frozenset(each["_id"] for each in found), frozenset((each["store"], each["sku"]) for each in found))
