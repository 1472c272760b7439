"""Items of ordering apps: what such a store sells, which has no SKU. Staff link an item to the product that it is, so
that the store's orders find the product by the item's id alone.

A link is an external id of the product (`store:item`). What the store reports of an item is kept whether it is linked
or not, so that staff see what there is to link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pymongo.errors import DuplicateKeyError

from pos_api.catalogue import collections, product_events
from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.model import (
    ItemDocument,
    ItemUpdate,
    ProductDocument,
    ProductResult,
    product_changed,
)
from pos_api.catalogue.product_events import Cause
from pos_api.catalogue.queries import get
from pos_api.common.time import now
from pos_api.common.value_limits import INT64_MAX
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound
from pos_api.events import ProductChanged
from pos_api.staff import audit

_ATTEMPTS = 50
_REPORTED = ("name", "available", "exists")


def after(stored: ItemDocument | None, update: ItemUpdate) -> ItemDocument:
    """An item as it is after a report: of `name`, `available` and `exists` the latest report counts; of two at the same
    moment the greater value, whichever came first. Pure."""
    item: dict[str, Any] = dict(stored or {"_id": update.key, "store": update.store, "item": update.item, "rev": 0})
    for name in _REPORTED:
        value, at = getattr(update, name), f"{name}_at"
        if value is not None and (at not in item or (item[at], item[name]) < (update.at, value)):
            item[name], item[at] = value, update.at
    if item != stored:
        item["rev"] += 1
    return cast("ItemDocument", item)


def apply(db: Db, update: ItemUpdate) -> ProductResult:
    """Take over what a store reports of an item. The outcome is created, updated, unchanged, or stale where something
    newer is known; that an order names the item (it says neither `available` nor `exists`) is at most unchanged."""
    if update.available is None and update.exists is None:  # so it changes nothing that is shown of a product
        return _apply(db, update)
    cause = Cause(update.store, f"{update.key} reported, {update.at.isoformat()}")
    with product_events.changing(db, {"external_ids": update.key}, cause):
        return _apply(db, update)


def _apply(db: Db, update: ItemUpdate) -> ProductResult:
    items = collections.items(db)
    for _ in range(_ATTEMPTS):
        stored = items.find_one({"_id": update.key})
        item = after(stored, update)
        if stored is None:
            try:
                items.insert_one(item)
            except DuplicateKeyError:
                continue
            return _result(db, update, None, item)
        if item == stored or items.replace_one({"_id": update.key, "rev": stored["rev"]}, item).matched_count:
            return _result(db, update, stored, item)
    raise RuntimeError(f"{update.key!r} kept changing while it was saved")


def _result(db: Db, update: ItemUpdate, stored: ItemDocument | None, item: ItemDocument) -> ProductResult:
    if update.available is None and update.exists is None:
        return ProductResult("unchanged")
    if stored is None:
        return ProductResult("created", events=_events(db, update))
    said = [name for name in _REPORTED if getattr(update, name) is not None]
    if [stored.get(name) for name in said] != [item.get(name) for name in said]:
        return ProductResult("updated", events=_events(db, update))
    is_known = all(item.get(name) == getattr(update, name) for name in said)
    return ProductResult("unchanged" if is_known else "stale")


def _events(db: Db, update: ItemUpdate) -> tuple[ProductChanged, ...]:
    linked = linked_to(db, [update.key]).get(update.key)
    return (product_changed(linked["_id"], "updated", update.at, now(), update.store),) if linked else ()


# --- looking --------------------------------------------------------------------------------------------------------


def find(db: Db, store: str, *, after: int | None = None, limit: int = 0) -> Iterator[ItemDocument]:
    """A store's items by their numbers, from the one after `after` on; without `limit` all of them."""
    wanted: dict[str, Any] = {"store": store}
    if after is not None:
        wanted["item"] = {"$gt": after}
    return iter(collections.items(db).find(wanted).sort("item", 1).limit(limit))


def linked_to(db: Db, keys: Iterable[str]) -> dict[str, ProductDocument]:
    """The products that items (by their `_id`s) are linked to."""
    wanted = set(keys)
    if not wanted:
        return {}
    found = collections.products(db).find({"external_ids": {"$in": sorted(wanted)}})
    return {key: product for product in found for key in product.get("external_ids", ()) if key in wanted}


def of_products(db: Db, products: Iterable[ProductDocument]) -> Mapping[str, ItemDocument]:
    """The items that these products are linked to, by `_id`."""
    wanted = sorted({each for product in products for each in product.get("external_ids", ())})
    return {item["_id"]: item for item in collections.items(db).find({"_id": {"$in": wanted}})} if wanted else {}


# --- what staff do --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Linked:
    """An item, the product that it is linked to now (None: to none), whether that is a change, and its events."""

    item: ItemDocument
    product: ProductDocument | None
    changed: bool = True
    events: tuple[ProductChanged, ...] = ()


def item_number(text: str) -> int:
    """An item's number, from text. Raises Invalid for what is none."""
    number = text.strip()
    if not (number.isascii() and number.isdecimal() and len(number) < 20 and 0 < int(number) <= INT64_MAX):
        raise Invalid(f"{text[:40]!r} is not the number of an item.")
    return int(number)


def link(db: Db, store: str, item: int, sku: str) -> Linked:
    """Link an item to the product with this SKU; one that is linked to another product is linked to this one instead.
    Orders that come from now on find it. Raises NotFound where no product has the SKU."""
    product, key = get(db, sku), external_id(store, item)
    others = [each for each in _linked(db, key) if each["_id"] != product["_id"]]
    if not others and key in product.get("external_ids", ()):
        return Linked(_known(db, store, item), product, changed=False)
    details = {"sku": product["sku"], "before": [each["sku"] for each in others]}
    changed = {"_id": {"$in": [each["_id"] for each in (product, *others)]}}
    with product_events.changing(db, changed, Cause()), audit.act(db, "item.linked", target=key, details=details):
        known = _known(db, store, item)
        _unlink(db, key, others)
        collections.products(db).update_one({"_id": product["_id"]}, {"$addToSet": {"external_ids": key}})
    return Linked(known, product, events=_changed([product, *others]))


def unlink(db: Db, store: str, item: int) -> Linked:
    """End the link of an item: orders that come from now on do not find the product. Raises NotFound where there is
    none."""
    key = external_id(store, item)
    products = _linked(db, key)
    if not products:
        raise NotFound(f"Item {item} of {store!r} is linked to no product.")
    details = {"before": [each["sku"] for each in products]}
    changed = {"_id": {"$in": [each["_id"] for each in products]}}
    with product_events.changing(db, changed, Cause()), audit.act(db, "item.unlinked", target=key, details=details):
        known = _known(db, store, item)
        _unlink(db, key, products)
    return Linked(known, None, events=_changed(products))


def _linked(db: Db, key: str) -> list[ProductDocument]:
    return list(collections.products(db).find({"external_ids": key}))


def _unlink(db: Db, key: str, products: list[ProductDocument]) -> None:
    ids = [each["_id"] for each in products]
    if ids:
        collections.products(db).update_many({"_id": {"$in": ids}}, {"$pull": {"external_ids": key}})


def _known(db: Db, store: str, item: int) -> ItemDocument:
    """The item, which is noted where the store has not reported it yet."""
    apply(db, ItemUpdate(store, item, now()))
    known = collections.items(db).find_one({"_id": external_id(store, item)})
    assert known is not None
    return known


def _changed(products: list[ProductDocument]) -> tuple[ProductChanged, ...]:
    at = now()
    return tuple(product_changed(each["_id"], "updated", at, at) for each in products)
