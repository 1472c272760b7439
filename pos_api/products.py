"""The catalogue: products by SKU, what shops tell about them, and finding the product of a line item.

A product: `_id` (the SKU it was first known by, under which its ledger stays), `sku` (the current one), `skus`
(current and former), `name`, `price`, `stock` and `seq` (the projection of its last movement),
`low_stock_threshold`, `shop_ids` (`store:id`, one per store), `opened_by` (the store whose stock it started with) and
`opened_at`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bson import Decimal128
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from . import stock
from .db import DUPLICATE_KEY, Db, Document
from .errors import Conflict
from .stock import Balance
from .values import Quantity, now


@dataclass(frozen=True, slots=True)
class ProductSnapshot:
    """What a shop says about a product or variation. `stock` is None where the shop does not manage it."""

    store: str
    shop_id: int
    parent_id: int
    sku: str
    name: str | None
    price: Decimal128 | None
    stock: Quantity | None
    modified_at: datetime
    taken_at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product as far as an order needs it."""

    id: str
    skus: tuple[str, ...]
    shop_ids: tuple[str, ...]
    opened_by: str | None
    opened_at: datetime | None

    def contains_orders_of(self, store: str, created_at: datetime) -> bool:
        """Whether the stock this product started with was the store's own, and so lacks the units of an order
        created then already."""
        return self.opened_by == store and self.opened_at is not None and created_at < self.opened_at


_FIELDS = {"skus": 1, "shop_ids": 1, "stock": 1, "seq": 1, "opened_by": 1, "opened_at": 1}


def shop_key(store: str, shop_id: int) -> str:
    """How a shop's product or variation id is kept in `shop_ids`."""
    return f"{store}:{shop_id}"


class Catalogue:
    """The products that a batch of orders may need, by every SKU and shop id, with their balances."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.balances: dict[str, Balance] = {}
        self._by_sku: dict[str, Product] = {}
        self._by_shop_id: dict[str, Product] = {}
        self._learned: list[UpdateOne] = []
        for document in documents:
            self.balances[document["_id"]] = Balance(document["seq"], document["stock"])
            self._add(
                Product(
                    document["_id"],
                    tuple(document["skus"]),
                    tuple(document.get("shop_ids", ())),
                    document.get("opened_by"),
                    document.get("opened_at"),
                )
            )

    def _add(self, product: Product) -> None:
        for sku in product.skus:
            self._by_sku[sku] = product
        for shop_id in product.shop_ids:
            self._by_shop_id[shop_id] = product

    def find(self, store: str, sku: str, shop_id: int) -> Product | None:
        """The product of a line: by SKU; else by the shop's id, which means that the shop renamed the SKU.

        What this teaches about the product (its id in that shop, its new SKU) is kept for `learn`. A blank SKU is
        never matched.
        """
        if not sku:
            return None
        key = shop_key(store, shop_id)
        if product := self._by_sku.get(sku):
            if shop_id and not any(known.startswith(f"{store}:") for known in product.shop_ids):
                self._teach(product, shop_ids=(*product.shop_ids, key))
            return product
        product = self._by_shop_id.get(key) if shop_id else None
        if product:
            self._teach(product, skus=(*product.skus, sku))
        return product

    def _teach(
        self,
        product: Product,
        *,
        skus: tuple[str, ...] | None = None,
        shop_ids: tuple[str, ...] | None = None,
    ) -> None:
        if skus is not None:
            change: Document = {"$addToSet": {"skus": skus[-1]}, "$set": {"sku": skus[-1]}}
        else:
            assert shop_ids is not None
            change = {"$addToSet": {"shop_ids": shop_ids[-1]}}
        self._learned.append(UpdateOne({"_id": product.id}, change))
        self._add(
            Product(
                product.id,
                skus or product.skus,
                shop_ids or product.shop_ids,
                product.opened_by,
                product.opened_at,
            )
        )

    def learn(self, db: Db) -> None:
        """Write what `find` learned. A SKU that became another product's meanwhile stays with that one."""
        learned, self._learned = self._learned, []
        if learned:
            try:
                db.products.bulk_write(learned, ordered=False)
            except BulkWriteError as error:
                if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
                    raise


def lookup(db: Db, skus: Iterable[str], shop_ids: Iterable[str] = ()) -> Catalogue:
    """The products known by any of these SKUs or shop ids (`store:id`), in one query."""
    wanted: list[Document] = []
    if skus := sorted(set(skus)):
        wanted.append({"skus": {"$in": skus}})
    if shop_ids := sorted(set(shop_ids)):
        wanted.append({"shop_ids": {"$in": shop_ids}})
    if not wanted:
        return Catalogue([])
    return Catalogue(db.products.find(wanted[0] if len(wanted) == 1 else {"$or": wanted}, _FIELDS))


def apply(db: Db, snapshot: ProductSnapshot) -> tuple[str, list[str]]:
    """Take over what a shop says about a product; returns the outcome and warnings.

    An unknown one is created with the shop's stock, which counts as containing every order created before. A known
    one's name, price and SKU are kept in step, its stock never is. Where the shop does not manage the stock there is
    nothing to start from, so nothing is created.
    """
    if not snapshot.sku:
        return "ignored", ["The product has no SKU, so its stock can't be kept."]
    key = shop_key(snapshot.store, snapshot.shop_id)
    catalogue = lookup(db, [snapshot.sku], [key])
    product = catalogue.find(snapshot.store, snapshot.sku, snapshot.shop_id)
    catalogue.learn(db)
    if product is None:
        return _create_from(db, snapshot, key)
    others = [known for known in product.shop_ids if known.startswith(f"{snapshot.store}:") and known != key]
    if others and snapshot.parent_id:
        return "ignored", [f"SKU {snapshot.sku} is shared with another product of the shop."]
    if others:
        db.products.update_many({"shop_ids": key, "_id": {"$ne": product.id}}, {"$pull": {"shop_ids": key}})
        db.products.update_one({"_id": product.id}, {"$pullAll": {"shop_ids": others}})
        db.products.update_one({"_id": product.id}, {"$addToSet": {"shop_ids": key}})
    return _keep_in_step(db, product.id, snapshot), []


def _create_from(db: Db, snapshot: ProductSnapshot, key: str) -> tuple[str, list[str]]:
    if snapshot.stock is None:
        return "ignored", [f"The shop does not manage the stock of {snapshot.sku}, so there is none to start with."]
    opened = {"opened_by": snapshot.store, "opened_at": snapshot.taken_at, "shop_ids": [key]}
    create(
        db,
        snapshot.sku,
        name=snapshot.name or snapshot.sku,
        price=snapshot.price,
        quantity=snapshot.stock,
        cause=snapshot.cause,
        extra={**opened, "synced_at": snapshot.modified_at},
    )
    return "created", []


def _keep_in_step(db: Db, product_id: str, snapshot: ProductSnapshot) -> str:
    changes: Document = {"synced_at": snapshot.modified_at, "sku": snapshot.sku}
    if snapshot.name is not None:
        changes |= {"name": snapshot.name, "search": search_words(snapshot.name, snapshot.sku)}
    if snapshot.price is not None:
        changes["price"] = snapshot.price
    changed = db.products.update_one(
        {"_id": product_id, "synced_at": {"$not": {"$gt": snapshot.modified_at}}}, {"$set": changes}
    )
    return "updated" if changed.matched_count else "stale"


def create(
    db: Db,
    sku: str,
    *,
    name: str,
    price: Decimal128 | None,
    quantity: Quantity,
    cause: str,
    extra: Document | None = None,
) -> Document:
    """Create a product and the first movement of its ledger, and return the product.

    Finishes what a crash left between the two. Raises Conflict when the SKU is a product's already.
    """
    movement = stock.open_ledger(db, sku, quantity, cause=cause)
    product = {
        "_id": sku,
        "sku": sku,
        "skus": [sku],
        "name": name,
        "price": price,
        "stock": movement["balance"],
        "seq": movement["seq"],
        "search": search_words(name, sku),
        "created_at": now(),
        **(extra or {}),
    }
    try:
        db.products.insert_one(product)
    except DuplicateKeyError:
        raise Conflict(f"There is a product with SKU {sku!r} already.") from None
    return product


def search_words(*texts: str) -> list[str]:
    """The words a product is found by, folded for comparison."""
    return sorted({word for text in texts for word in text.casefold().split()})
