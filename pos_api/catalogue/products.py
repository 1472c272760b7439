"""The catalogue: products by SKU, what shops tell about them, and finding the product of a line item.

A product: `_id` (the SKU it was first known by, under which its ledger stays), `sku` (the current one, or what stands
for it where the shop gave it to another product), `skus` (current and former), `name`, `price`, `stock` and `seq` (the
projection of its last movement), `search` (its words), `low_stock_threshold` and `archived` (absent where there is
none), `gtin`, `image_url`, `categories` and `tax_class` (what a shop sent of these), and of shops:

* `shop_ids` (`store:id`; several of one store where several of its products have this SKU), and `unmanaged`, those of
  them whose stock the shop does not manage for now;
* `pooled` (the `store:id` of variations whose stock it is, each with the shop's time of that word); of such a
  variation, if it was a product before, `shared_ids` (its `store:id`) and `shared_with` (its parent's `_id`, which
  stays when its stock is its own again);
* `home` (the store whose name, price and other details it has; blank after that store was disconnected: the next to
  report it is), `linked` (by `store:id` of other stores, the version that said which product it is), and `aliases`
  (`store:sku`: which of `skus` other stores gave it);
* `synced_at` (the home store's time of the newest update), `opened_by` (the store whose stock it started with),
  `opened_at`, and `last_order_id`, where the shop said which was its last order then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import Decimal128
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from pos_api.catalogue import without_stock
from pos_api.catalogue.external_ids import shop_id
from pos_api.common.event_warnings import EventWarning, warn
from pos_api.common.money import decimal
from pos_api.common.quantity import Quantity, whole
from pos_api.common.text_search import MOST_KEPT, indexed_words
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import one_primary
from pos_api.database.write_errors import only_collisions
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.staff import audit
from pos_api.stock import ledger as stock
from pos_api.stock.model import Balance, Movement
from pos_api.stock.opening import FirstMade, StockReduction, is_from_before, whole_second
from pos_api.stock.reserved import reserved_units

_RENAMINGS = 20
"""So many new SKUs of one product are taken from the lines of one batch; lines with more of them are matched by their
id all the same."""
MOST_LINKED = 500
"""So many ids, and so many SKUs, other stores may have for one product."""
MANAGED_AGAIN = "managed_again"
"""The reason of a movement that brings a product's stock to the shop's, which did not manage it for a while."""


@dataclass(frozen=True, slots=True)
class ProductSnapshot:
    """What a shop says about a product or variation. `stock` is None where the shop does not manage it, or where it is
    `pooled`: a variation's that is its parent's. `seen_at` is when the shop had the product, as far as it says;
    `restored` that it came back from the trash, and `by_arrival` that this native event has no time of its own.
    `published` is false for a draft, or what lies in the trash; `last_order_id` the id of the shop's last order when
    the stock was read, where it says so. `unpriced` is true where the shop says that there is no price, so that nobody
    can buy it (`WC_Product::is_purchasable`); without it, a `price` of None says nothing."""

    store: str
    shop_id: int
    parent_id: int
    sku: str
    name: str | None
    price: Decimal128 | None
    stock: Quantity | None
    pooled: bool
    modified_at: datetime
    taken_at: datetime
    cause: str
    seen_at: datetime
    restored: bool = False
    by_arrival: bool = False
    details: Document = field(default_factory=dict)
    warnings: tuple[EventWarning, ...] = ()
    published: bool = True
    last_order_id: int | None = None
    unpriced: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """A product as far as an order needs it. `reported` says that a shop reported it by itself, not only by lines.
    Sets, as thousands of lines may be about one product that has thousands of ids."""

    id: str
    sku: str
    skus: frozenset[str]
    shop_ids: frozenset[str]
    opened_by: str | None
    opened_at: datetime | None
    reported: bool
    last_order_id: int | None = None
    pooled: frozenset[str] = frozenset()
    shared_with: str | None = None
    unmanaged: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    home: str | None = None
    aliases: int = 0

    def is_unmanaged(self, store: str, line: Mapping[str, Any]) -> bool:
        """Whether the shop does not manage the stock of what a line sells for now."""
        numbers = (line.get("variation_id"), line.get("product_id"))
        return any(shop_key(store, number) in self.unmanaged for number in numbers if number)

    def contains(self, store: str, reduction: StockReduction, first_made: FirstMade) -> bool:
        """Whether the stock this product started with was the store's own, and lacks an order's units already."""
        if self.opened_by != store or self.opened_at is None:
            return False
        first = first_made.get((store, whole_second(self.opened_at)))
        return is_from_before(reduction, self.opened_at, last_order_id=self.last_order_id, first_made=first)

    def undecided_since(self, store: str, reduction: StockReduction) -> datetime | None:
        """From which second on the store's orders have to be known to say whether the starting stock contains this one;
        None where its dates or the shop say it."""
        if self.opened_by != store or self.opened_at is None or self.last_order_id is not None:
            return None
        undecided = reduction.stock_taken_at is None and is_from_before(reduction, self.opened_at)
        return whole_second(self.opened_at) if undecided else None


_NO_DETAILS: Document = {"gtin": "", "image_url": "", "categories": [], "tax_class": ""}
"""What the POS keeps of a product for people and other systems, as it is where the shop has none."""


def _details(snapshot: ProductSnapshot) -> Document:
    return {name: snapshot.details[name] for name in _NO_DETAILS if name in snapshot.details}


def details_of(product: Document) -> Document:
    """A stored product's barcode (GTIN), image address, categories and tax class; blank where the shop has none."""
    return {name: product.get(name, blank) for name, blank in _NO_DETAILS.items()}


_FIELDS = dict.fromkeys(
    (
        *("sku", "skus", "shop_ids", "stock", "seq", "opened_by", "opened_at", "last_order_id", "synced_at"),
        *("pooled", "shared_with", "unmanaged", "home", "aliases"),
    ),
    1,
)


def shop_key(store: str, shop_id: int | str) -> str:
    """How a shop's product or variation id is kept in `shop_ids`, and a SKU of its own in `aliases`."""
    return f"{store}:{shop_id}"


def _ids_in(store: str, shop_ids: Iterable[str]) -> list[str]:
    return [shop_id for shop_id in shop_ids if shop_id.startswith(f"{store}:")]


def home_of(product: Document) -> str | None:
    """The store whose name, price and other details a stored product has; None where the next store to report it
    decides them: it was made by staff, or its store was disconnected."""
    return product.get("home", product.get("opened_by")) or None


def is_of_another_store(product: Document, store: str) -> bool:
    """Whether a product's details are another store's. Where that one has deleted it, they are anybody's."""
    home = home_of(product)
    if home in (None, store):
        return False
    deleted = {each["id"] for each in product.get("deleted_ids", ())}
    ids = (*product.get("shop_ids", ()), *product.get("shared_ids", ()))
    return any(shop_id not in deleted for shop_id in _ids_in(str(home), ids))


class Catalogue:
    """The products that a batch of orders may need, by every SKU and shop id, with their balances.

    `without_stock` are goods on its lines that the shop keeps no stock of; `first_made` what is known of orders made
    since the POS started to count.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.balances: dict[str, Balance] = {}
        self._by_id: dict[str, Product] = {}
        self._by_sku: dict[str, Product] = {}
        self._by_pooled: dict[str, Product] = {}
        self._by_shop_id: dict[str, Product] = {}
        self._learned: list[UpdateOne] = []
        self._renamed: Counter[str] = Counter()
        self.without_stock = without_stock.Known()
        self.first_made: FirstMade = {}
        for document in documents:
            self.balances[document["_id"]] = Balance(document["seq"], document["stock"])
            self._add(
                Product(
                    document["_id"],
                    document["sku"],
                    frozenset(document["skus"]),
                    frozenset(document.get("shop_ids", ())),
                    document.get("opened_by"),
                    document.get("opened_at"),
                    "synced_at" in document,
                    document.get("last_order_id"),
                    frozenset(document.get("pooled", ())),
                    document.get("shared_with"),
                    frozenset(document.get("unmanaged", ())),
                    frozenset(key.rpartition(":")[0] for key in document.get("shop_ids", ())),
                    home_of(document),
                    len(document.get("aliases", ())),
                )
            )

    def _add(self, product: Product) -> None:
        self._by_id[product.id] = product
        self._by_pooled.update(dict.fromkeys(product.pooled, product))
        for sku in product.skus:
            self._by_sku[sku] = product
        for key in product.shop_ids:
            self._by_shop_id[key] = product

    def find(self, store: str, sku: str, product_id: int, variation_id: int = 0) -> Product | None:
        """The product of a line, by its SKU and the shop's id.

        A known id with a SKU that is unknown, or a former one of another product, means that the shop renamed it. Where
        the two name different products, the id is right if the shop itself reported it, and else a careless sender's.
        What this teaches about the product (its id in that shop, its new SKU) is kept for `learn`. A blank SKU is never
        matched.
        """
        if not sku:
            return None
        shop_id = variation_id or product_id
        by_id = self._by_shop_id.get(shop_key(store, shop_id)) if shop_id else None
        by_sku = self._by_sku.get(sku)
        if by_sku is None:
            if by_id is not None:
                self._teach_sku(by_id, sku, store)
            return by_id
        if by_id is not None:
            return by_id if by_id.reported or by_sku.sku != sku else by_sku
        if by_sku.sku != sku and by_sku.reported and not self._may_be(store, by_sku, product_id, variation_id):
            return None
        if shop_id and self._is_own(store, by_sku, product_id, variation_id):
            self._teach_id(store, by_sku, shop_key(store, shop_id))
        return by_sku

    def knows(self, store: str, line: Mapping[str, Any]) -> bool:
        """Whether a line's SKU or id is a product's. Where it is a former SKU, it may be another product's by now."""
        by_sku = self._by_sku.get(line["sku"])
        by_id = self._by_shop_id.get(shop_key(store, shop_id(line)))
        return by_id is not None or (by_sku is not None and by_sku.sku == line["sku"])

    def is_without_stock(self, store: str, line: Mapping[str, Any]) -> bool:
        """Whether the shop is known to keep no stock of what a line sells, and has taken none for it."""
        if line.get("reduced_stock"):
            return False
        known = self.without_stock
        return shop_key(store, shop_id(line)) in known.ids or (store, line["sku"]) in known.skus

    def get(self, product: str) -> Product | None:
        """The product of this `_id`, if it is among them."""
        return self._by_id.get(product)

    def moved_to(self, store: str, line: Mapping[str, Any]) -> Product | None:
        """The product that has the stock of a line's variation now, where it is not the one that the line was matched
        with: its parent, since its stock is its parent's, or its own again."""
        key = shop_key(store, line.get("variation_id") or 0)
        if parent := self._by_pooled.get(key):
            return parent if parent.id != line["product"] else None
        own = self._by_shop_id.get(key)
        return own if own and own.shared_with == line["product"] else None

    def peek(self, store: str, line: Mapping[str, Any]) -> Product | None:
        """The product that has a line's id, or else its SKU."""
        return self._by_shop_id.get(shop_key(store, shop_id(line))) or self._by_sku.get(line["sku"])

    def _may_be(self, store: str, product: Product, *shop_ids: int) -> bool:
        """Whether a product that went by a line's SKU before may be meant: the shop has no other id for it."""
        if not any(shop_ids) or store not in product.stores:
            return True
        return any(shop_key(store, shop_id) in product.shop_ids for shop_id in shop_ids)

    def _is_own(self, store: str, product: Product, product_id: int, variation_id: int) -> bool:
        """Whether the SKU by which `product` was found is surely that of this id, and the product has no id yet. A
        variation without a SKU of its own tells its parent's (`WC_Product_Variation::get_sku`), so a variation's is
        sure where its parent goes under another one."""
        if store in product.stores:
            return False
        parent = self._by_shop_id.get(shop_key(store, product_id))
        return not variation_id or (parent is not None and parent.id != product.id)

    def _teach_id(self, store: str, product: Product, shop_id: str) -> None:
        self._learned.append(UpdateOne({"_id": product.id}, {"$addToSet": {"shop_ids": shop_id}}))
        self._add(replace(product, shop_ids=product.shop_ids | {shop_id}, stores=product.stores | {store}))

    def _teach_sku(self, product: Product, sku: str, store: str) -> None:
        self._renamed[product.id] += 1
        if self._renamed[product.id] > _RENAMINGS:  # a sender that gives all its products one id
            return
        if product.home not in (None, store):  # it is not this store's to rename
            if product.aliases < MOST_LINKED:
                names = {"skus": sku, "aliases": shop_key(store, sku)}
                self._learned.append(UpdateOne({"_id": product.id}, {"$addToSet": names}))
                self._add(replace(product, skus=product.skus | {sku}, aliases=product.aliases + 1))
            return
        words = {"$slice": [{"$setUnion": [{"$literal": search_words(sku)}, "$search"]}, MOST_KEPT]}
        self._learned.append(UpdateOne({"_id": product.id}, [{"$set": _named(product.id, sku) | {"search": words}}]))
        self._add(replace(product, sku=sku, skus=product.skus | {sku}))

    def learn(self, db: Db) -> None:
        """Write what `find` learned. A SKU that became another product's meanwhile stays with that one."""
        learned, self._learned = self._learned, []
        if learned:
            try:
                db.products.bulk_write(learned, ordered=False)
            except BulkWriteError as error:
                only_collisions(error)


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


def apply(db: Db, snapshot: ProductSnapshot) -> tuple[str, list[EventWarning]]:
    """Take over what a shop says about a product; returns the outcome and warnings.

    An unknown one is created with the shop's stock, which counts as containing every order created before. A known
    one's name, price and SKU are kept in step, its stock never is. Where the shop does not manage the stock there is
    nothing to start from, so nothing is created; nor is it of a draft, whose stock is not for sale yet.

    The shop's id tells which product it is; of an id not known yet, the SKU does. A SKU goes to the product that the
    newest word gives it to. Who had it before keeps its ledger, and goes without a SKU until the shop names it.
    Products of the shop that share a SKU are one product here. The SKU of a variation whose stock is its parent's is
    one more by which the parent is found.
    """
    if not snapshot.sku:
        return "ignored", [warn("product_without_sku")]
    key = shop_key(snapshot.store, snapshot.shop_id)
    if snapshot.pooled:
        return _pool(db, snapshot, key)
    known = _known(db, snapshot, key)
    if known.by_id is None and not snapshot.published:
        return "ignored", [warn("not_published", sku=snapshot.sku)]
    left = known.parent is not None and known.parent["sku"] != snapshot.sku and key in known.parent.get("pooled", {})
    if left and not _leave_pool(db, known, snapshot, key):
        return "stale", []
    ended = _bring_in(db, known, snapshot, key)
    if left and known.parent:  # last: a crash before it leaves all to be done again
        db.products.update_one({"_id": known.parent["_id"]}, {"$unset": {f"pooled.{key}": ""}})
    return ended


def _bring_in(db: Db, known: _Known, snapshot: ProductSnapshot, key: str) -> tuple[str, list[EventWarning]]:
    """Find which product a snapshot is about, or make it, and bring it to what the shop says of it."""
    by_id, by_sku = known.by_id, known.by_sku
    others = [each for each in _ids_in(snapshot.store, (by_sku or {}).get("shop_ids", ())) if each != key]
    current = by_sku is not None and by_sku["sku"] == snapshot.sku
    of_parent = current and shop_key(snapshot.store, snapshot.parent_id) in others
    may_be_parents = by_id is None and others and snapshot.parent_id and not (by_sku or {}).get("variation_of")
    parents = [each["parent"] for each in (by_sku or {}).get("variation_of", ())]
    of_variation = by_id is None and key in parents
    if of_parent or may_be_parents or of_variation:
        return "ignored", [warn("shared_sku", sku=snapshot.sku)]
    if by_id is not None and (done := _stays_apart(db, by_id, by_sku, snapshot, key)):
        return done
    if by_id is not None and key not in by_id["shop_ids"]:
        by_id = None
    rival = by_sku if by_sku is not by_id else None
    if by_id is not None:
        return _keep_in_step(db, by_id, snapshot, key, rival=rival)
    if known.apart and snapshot.stock is not None and not is_of_another_store(known.apart, snapshot.store):
        return _own_again(db, known.apart, snapshot, key, rival=by_sku if by_sku is not known.apart else None)
    if by_sku is None:
        return _create_from(db, snapshot, known, key)
    if others and not current and _may_take(by_sku, snapshot):
        if snapshot.stock is not None:
            _give_up(db, by_sku, snapshot)
        return _create_from(db, snapshot, known, key)
    link: Document = {"$addToSet": {"shop_ids": key}}
    if is_of_another_store(by_sku, snapshot.store):
        if len(by_sku.get("linked", ())) >= MOST_LINKED:
            return "ignored", [warn("shared_sku", sku=snapshot.sku)]
        db.products.update_one({"_id": by_sku["_id"]}, link | {"$set": {f"linked.{key}": snapshot.modified_at}})
        return "updated", [_shared_by(snapshot, others)] if others else []
    db.products.update_one({"_id": by_sku["_id"]}, link)
    outcome, warnings = _keep_in_step(db, by_sku, snapshot, key)
    if others:
        return "updated", [*warnings, _shared_by(snapshot, others)]
    return outcome, warnings


def _stays_apart(
    db: Db, product: Document, by_sku: Document | None, snapshot: ProductSnapshot, key: str
) -> tuple[str, list[EventWarning]] | None:
    """What becomes of an update about another store's product, known by its id. None where it is to be applied: to a
    product of this store's own, or, as the id is unlinked now, to the one that has the SKU.

    The SKU is one more by which the product is found, and never its name here. Where it is another product's, the id is
    that one's from now on.
    """
    if not is_of_another_store(product, snapshot.store):
        return None
    if by_sku is product:
        return "unchanged", []
    if product.get("linked", {}).get(key, snapshot.modified_at) > snapshot.modified_at:
        return "stale", []
    if by_sku is not None:
        product["shop_ids"] = [each for each in product["shop_ids"] if each != key]
        db.products.update_one({"_id": product["_id"]}, {"$pull": {"shop_ids": key}, "$unset": {f"linked.{key}": ""}})
        return None
    words = indexed_words([*product.get("search", ()), *search_words(snapshot.sku)])
    if len(product.get("aliases", ())) >= MOST_LINKED:
        return "ignored", [warn("shared_sku", sku=snapshot.sku)]
    linked = {f"linked.{key}": snapshot.modified_at, "search": words}
    names = {"skus": snapshot.sku, "aliases": shop_key(snapshot.store, snapshot.sku)}
    db.products.update_one({"_id": product["_id"]}, {"$addToSet": names, "$set": linked})
    return "updated", []


def _shared_by(snapshot: ProductSnapshot, others: list[str]) -> EventWarning:
    """Two products of the shop have one SKU: translations of one, or by mistake; or the older one was deleted."""
    ids = sorted({snapshot.shop_id, *(int(other.rpartition(":")[2]) for other in others)})
    return warn("sku_of_several", sku=snapshot.sku, ids=" and ".join(map(str, ids)))


@dataclass(slots=True)
class _Known:
    """What is known of a product that a shop reports: the one of its id, the one of its SKU, its parent, the one it was
    before its stock became its parent's (`apart`), and the `_id` for a new one: the SKU, unless the ledger under that
    name is a product's that was renamed since."""

    by_id: Document | None
    by_sku: Document | None
    parent: Document | None
    apart: Document | None
    new_id: str


def _known(db: Db, snapshot: ProductSnapshot, key: str) -> _Known:
    sku = snapshot.sku
    parent_key = shop_key(snapshot.store, snapshot.parent_id)
    by_ids = [{"shop_ids": {"$in": [key, parent_key]}}, {"shared_ids": key}]
    found = list(db.products.find({"$or": [*by_ids, {"skus": sku}, {"_id": sku}]}))
    taken = any(product["_id"] == sku for product in found)
    return _Known(
        by_id=next((product for product in found if key in product.get("shop_ids", ())), None),
        by_sku=next((product for product in found if sku in product["skus"]), None),
        parent=next((product for product in found if parent_key in product.get("shop_ids", ())), None),
        apart=next((product for product in found if key in product.get("shared_ids", ())), None),
        new_id=f"{sku} ({key})" if taken else sku,
    )


def _pool(db: Db, snapshot: ProductSnapshot, key: str) -> tuple[str, list[EventWarning]]:
    """Let the lines of a variation move the stock of its parent, which is where the shop keeps it."""
    sku, parent_key = snapshot.sku, shop_key(snapshot.store, snapshot.parent_id)
    found = list(db.products.find({"$or": [{"shop_ids": {"$in": [key, parent_key]}}, {"skus": sku}]}))
    parent = next((product for product in found if parent_key in product.get("shop_ids", ())), None)
    if parent is None:
        return "ignored", [warn("unknown_parent", sku=sku, parent=snapshot.parent_id)]
    others = [product for product in found if product is not parent]
    foreign = is_of_another_store(parent, snapshot.store)
    full = foreign and sku not in parent["skus"] and len(parent.get("aliases", ())) >= MOST_LINKED
    if full or not all(_may_take(other, snapshot) for other in others):
        return "ignored", [warn("shared_sku", sku=sku)]
    known_at = parent.get("pooled", {}).get(key, snapshot.modified_at)
    if known_at > snapshot.modified_at or not all(_give_up(db, other, snapshot) for other in others):
        return "stale", []
    own = {"$pull": {"shop_ids": key}, "$addToSet": {"shared_ids": key}, "$set": {"shared_with": parent["_id"]}}
    for other in others:
        if key in other.get("shop_ids", ()):
            others_own = is_of_another_store(other, snapshot.store)
            db.products.update_one({"_id": other["_id"]}, {"$pull": {"shop_ids": key}} if others_own else own)
    without_stock.forget(db, key, snapshot.modified_at)
    words = search_words(sku, *parent["skus"], parent["name"])
    changes: Document = {"$addToSet": {"skus": sku}, "$set": {f"pooled.{key}": snapshot.modified_at, "search": words}}
    if foreign and sku not in parent["skus"]:
        changes["$addToSet"]["aliases"] = shop_key(snapshot.store, sku)
    db.products.update_one({"_id": parent["_id"]}, changes)
    outcome = "unchanged" if sku in parent["skus"] else "updated"
    return outcome, [_taken_from(other, sku) for other in others if other["sku"] == sku]


def _leave_pool(db: Db, known: _Known, snapshot: ProductSnapshot, key: str) -> bool:
    """The variation's stock is its parent's no more; False where a newer word says it is."""
    parent = known.parent
    assert parent is not None
    if parent["pooled"][key] > snapshot.modified_at:
        return False
    if known.by_sku is parent:
        _give_up(db, parent, snapshot)
        known.by_sku = None
    return True


def _own_again(
    db: Db, product: Document, snapshot: ProductSnapshot, key: str, *, rival: Document | None
) -> tuple[str, list[EventWarning]]:
    """A variation's stock is its own again: its ledger goes on with what the shop has now."""
    restarted = _restart(db, product, snapshot)
    changes: Document = {"$pull": {"shared_ids": key}, "$addToSet": {"shop_ids": key}, "$set": restarted}
    db.products.update_one({"_id": product["_id"]}, changes)
    return _keep_in_step(db, product, snapshot, key, rival=rival)


def _restart(db: Db, product: Document, snapshot: ProductSnapshot) -> Document:
    """Bring a product's stock to the shop's, which keeps it again after it did not: less what orders still pending hold
    here, which the shop has not taken. Returns what says which orders are from before. Run again, it moves nothing."""
    assert snapshot.stock is not None
    pending = reserved_units(db, snapshot.store, product["_id"]).get(product["_id"], 0)
    stock.move(
        db,
        product["_id"],
        None,
        count=whole(snapshot.stock - pending),
        reason=MANAGED_AGAIN,
        cause=snapshot.cause,
        note=f"the shop has {snapshot.stock:g}" + (f", and pending orders hold {pending:g}" if pending else ""),
        movement_id=f"{snapshot.cause}:{product['_id']}",
    )
    return {
        "opened_by": snapshot.store,
        "opened_at": snapshot.taken_at,
        "last_order_id": snapshot.last_order_id,
    }


def _is_stale(snapshot: ProductSnapshot, product: Document) -> bool:
    return bool(product.get("synced_at", snapshot.modified_at) > snapshot.modified_at)


def _nameless(product_id: str) -> str:
    """What stands for the SKU of a product that has none at the moment: lists, counts and files go on with it."""
    return f"{product_id} (no SKU)"


def _taken_from(product: Document, sku: str) -> EventWarning:
    return warn("sku_taken", sku=sku, product=_nameless(product["_id"]))


def _named(product_id: str, sku: str) -> Document:
    """Expressions that make `sku` a product's current one; those it had are former ones now."""
    return {"sku": {"$literal": sku}, "skus": _skus_without(sku, _nameless(product_id), and_then=[{"$literal": sku}])}


def _skus_without(*gone: str, and_then: Any) -> Document:
    kept = {"$filter": {"input": "$skus", "cond": {"$not": [{"$in": ["$$this", {"$literal": gone}]}]}}}
    return {"$concatArrays": [kept, and_then]}


def _may_take(product: Document, snapshot: ProductSnapshot) -> bool:
    """Whether the SKU that a snapshot names may be taken from this product. Of another store's product only one that
    this store gave it itself: current and former SKUs of the other store stay."""
    if snapshot.sku not in product["skus"] or not is_of_another_store(product, snapshot.store):
        return True
    alias = shop_key(snapshot.store, snapshot.sku)
    return product["sku"] != snapshot.sku and alias in product.get("aliases", ())


def _give_up(db: Db, product: Document, snapshot: ProductSnapshot) -> bool:
    """Take the SKU that a snapshot names from another product; False where a newer update gave it to that one, or it
    is another store's (see `_may_take`)."""
    if not _may_take(product, snapshot):
        return False
    has_it = {"$eq": ["$sku", {"$literal": snapshot.sku}]}
    nameless = {"$literal": _nameless(product["_id"])}
    without = {
        "sku": {"$cond": [has_it, nameless, "$sku"]},
        "skus": _skus_without(snapshot.sku, and_then={"$cond": [has_it, [nameless], []]}),
    }
    if aliases := product.get("aliases"):
        without["aliases"] = _aliases_without(aliases, snapshot.sku)
    older = [{"sku": {"$ne": snapshot.sku}}, {"synced_at": {"$not": {"$gt": snapshot.modified_at}}}]
    return db.products.update_one({"_id": product["_id"], "$or": older}, [{"$set": without}]).matched_count == 1


def _aliases_without(aliases: Iterable[str], sku: str) -> Document:
    gone = [each for each in aliases if each.partition(":")[2] == sku]
    return {"$setDifference": ["$aliases", {"$literal": gone}]}


def _create_from(db: Db, snapshot: ProductSnapshot, known: _Known, key: str) -> tuple[str, list[EventWarning]]:
    if snapshot.stock is None:
        without_stock.remember(db, key, snapshot.store, snapshot.sku, snapshot.modified_at)
        return "ignored", [warn("stock_not_managed", sku=snapshot.sku)]
    if not without_stock.forget(db, key, snapshot.modified_at):
        return "stale", []
    name = snapshot.name or snapshot.sku
    opened = {"home": snapshot.store, "opened_by": snapshot.store, "opened_at": snapshot.taken_at, "shop_ids": [key]}
    if snapshot.last_order_id is not None:
        opened["last_order_id"] = snapshot.last_order_id
    if known.parent and key in known.parent.get("pooled", {}):
        opened["shared_with"] = known.parent["_id"]
    create(
        db,
        known.new_id,
        name=name,
        price=snapshot.price,
        quantity=snapshot.stock,
        cause=snapshot.cause,
        extra={
            "sku": snapshot.sku,
            "skus": [snapshot.sku],
            "search": search_words(snapshot.sku, name),
            "synced_at": snapshot.modified_at,
            **_details(snapshot),
            **opened,
        },
    )
    return "created", []


def _keep_in_step(
    db: Db, product: Document, snapshot: ProductSnapshot, key: str, *, rival: Document | None = None
) -> tuple[str, list[EventWarning]]:
    """Bring a product to what the shop says of it; `rival` is another one that has, or had, the same SKU."""
    if _is_stale(snapshot, product):
        return "stale", []
    sku, warnings = snapshot.sku, list[EventWarning]()
    if rival and not _give_up(db, rival, snapshot):
        sku = _nameless(product["_id"])
        if is_of_another_store(rival, snapshot.store):
            warnings.append(warn("shared_sku", sku=snapshot.sku))
    elif rival and rival["sku"] == sku:
        warnings.append(_taken_from(rival, sku))
    name = snapshot.name or product["name"]
    changes: Document = {"sku": sku, "name": name}
    if snapshot.price is not None or snapshot.unpriced:
        changes["price"] = snapshot.price
    changes |= {
        name: value for name, value in _details(snapshot).items() if product.get(name, _NO_DETAILS[name]) != value
    }
    outcome = "unchanged" if all(product.get(name) == value for name, value in changes.items()) else "updated"
    former = [known for known in product["skus"] if known != _nameless(product["_id"])]
    changes |= {"home": snapshot.store, "synced_at": snapshot.modified_at, "search": search_words(sku, *former, name)}
    restarted, unmanaged = _management(db, product, snapshot, key)
    if unmanaged:
        outcome = "updated"
    literal = {name: {"$literal": value} for name, value in (changes | restarted).items()} | unmanaged
    if aliases := product.get("aliases"):  # what its own store calls it no other store takes away
        literal["aliases"] = _aliases_without(aliases, sku)
    changed = db.products.update_one(
        {"_id": product["_id"], "synced_at": {"$not": {"$gt": snapshot.modified_at}}},
        [{"$set": literal | _named(product["_id"], sku)}],
    )
    return (outcome if changed.matched_count else "stale"), warnings


def _management(db: Db, product: Document, snapshot: ProductSnapshot, key: str) -> tuple[Document, Document]:
    """What changes where the shop stops managing the stock of a product that started with the shop's, or manages it
    again, which brings its stock to the shop's: values, and an expression."""
    known, unmanaged = product.get("unmanaged", ()), {"$ifNull": ["$unmanaged", []]}
    if snapshot.stock is None and product.get("opened_by") == snapshot.store and key not in known:
        return {}, {"unmanaged": {"$setUnion": [unmanaged, {"$literal": [key]}]}}
    if snapshot.stock is not None and key in known:
        restarted = _restart(db, product, snapshot)
        return restarted, {"unmanaged": {"$setDifference": [unmanaged, {"$literal": [key]}]}}
    return {}, {}


def differing(product: Document, snapshot: ProductSnapshot) -> list[str]:
    """The fields of a stored product that are not as a shop says they are; its stock is not among them."""
    fields = [] if product["sku"] == snapshot.sku else ["sku"]
    if snapshot.name and product["name"] != snapshot.name:
        fields.append("name")
    known = product.get("price")
    differs = known is None if snapshot.price is not None else snapshot.unpriced and known is not None
    if differs or (snapshot.price is not None and decimal(known) != decimal(snapshot.price)):
        fields.append("price")
    compared = ("gtin",) if snapshot.parent_id else tuple(_NO_DETAILS)  # a variation's others may be its parent's
    details = {name: value for name, value in _details(snapshot).items() if name in compared}
    return fields + [name for name, value in details.items() if product.get(name, _NO_DETAILS[name]) != value]


@one_primary()
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
    if db.products.find_one({"skus": sku}, {"_id": 1}):  # before a ledger is opened that would be nobody's
        raise Conflict(f"There is a product with SKU {sku!r} already.")
    movement = stock.open_ledger(db, sku, quantity, cause=cause)
    product = {
        "_id": sku,
        "sku": sku,
        "skus": [sku],
        "name": name,
        "price": price,
        "stock": movement["balance"],
        "seq": movement["seq"],
        "search": search_words(sku, name),
        "created_at": now(),
        **(extra or {}),
    }
    try:
        db.products.insert_one(product)
    except DuplicateKeyError:
        raise Conflict(f"There is a product with SKU {sku!r} already.") from None
    return product


# --- staff ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which products a list shows; None leaves a filter out. `words` are beginnings of words of name and SKU."""

    sku: str | None = None
    words: str | None = None
    low_stock: bool = False
    archived: bool = False


def find(db: Db, wanted: Filter, *, after: str | None = None, limit: int = 0) -> Iterator[Document]:
    """The products that match, by `_id`, from the one after `after` on; without `limit` all of them."""
    conditions: list[Document] = [{"archived": True if wanted.archived else {"$ne": True}}]
    if after is not None:
        conditions.append({"_id": {"$gt": after}})
    if wanted.sku is not None:
        conditions.append({"skus": wanted.sku.strip()})
    conditions += [{"search": {"$regex": f"^{re.escape(word)}"}} for word in search_words(wanted.words or "")]
    if wanted.low_stock:
        conditions.append({"low_stock_threshold": {"$exists": True}})  # lets the index be used
        conditions.append({"$expr": {"$lte": ["$stock", "$low_stock_threshold"]}})
    found = db.products.find({"$and": conditions}).sort("_id", 1).limit(limit)
    return found.hint("low_stock_threshold_1") if wanted.low_stock else found


def get(db: Db, sku: str) -> Document:
    """The product that goes, or went formerly, under this SKU. Raises NotFound."""
    product = db.products.find_one({"skus": sku.strip()})
    if product is None:
        raise NotFound(f"There is no product with SKU {sku.strip()!r}.")
    return product


def names(db: Db, sku: str) -> tuple[str, list[str]] | None:
    """The `_id` and all SKUs, current and former, of the product that a SKU finds; None where it finds none."""
    product = db.products.find_one({"skus": sku}, {"skus": 1})
    return (product["_id"], product["skus"]) if product else None


def current_skus(db: Db, ids: Iterable[str]) -> dict[str, str]:
    """The current SKU of each of these products, by `_id`."""
    wanted = sorted(set(ids))
    found = db.products.find({"_id": {"$in": wanted}}, {"sku": 1}) if wanted else ()
    return {product["_id"]: product["sku"] for product in found}


def add(db: Db, details: Document, *, by: str) -> Document:
    """Create a product as `by` says: `sku`, and where given `name`, `price`, `stock`, `low_stock_threshold`.

    Raises Conflict when the SKU is a product's already.
    """
    sku = details["sku"]
    quantity = details.get("stock", 0)
    extra = {name: details[name] for name in ("low_stock_threshold",) if details.get(name) is not None}
    name, price = details.get("name") or sku, details.get("price")
    with audit.act(db, "product.created", target=sku, details={"price": price, "stock": quantity, **extra}):
        product = create(db, sku, name=name, price=price, quantity=quantity, cause=_person(by), extra=extra)
    if product["stock"] != quantity:  # the ledger was opened earlier, by an attempt that a crash cut short
        return count(db, sku, quantity, by=by)[0]
    return product


def change(db: Db, sku: str, changes: Document) -> Document:
    """Set `name`, `price`, `low_stock_threshold` (None: none) or `archived`, and return the product.

    Raises NotFound, and Conflict when a shop changed the product at the same moment.
    """
    product = get(db, sku)
    if not changes:
        return product
    update: Document = {"$set": {**changes}}
    for name, unset in (("low_stock_threshold", None), ("archived", False)):
        if name in changes and changes[name] is unset:
            del update["$set"][name]
            update.setdefault("$unset", {})[name] = ""
    if "archived" in changes:
        update.setdefault("$unset", {})["archived_by"] = ""  # from now on it is what staff say
    if "name" in changes:
        update["$set"]["search"] = search_words(*product["skus"], changes["name"])
    with _audited(db, product, changes):
        changed = db.products.find_one_and_update(
            {"_id": product["_id"], "skus": product["skus"]},
            {operator: fields for operator, fields in update.items() if fields},
            return_document=ReturnDocument.AFTER,
        )
        if changed is None:
            raise Conflict("The product was renamed at this moment; look again.")
    return changed


@contextmanager
def _audited(db: Db, product: Document, changes: Document) -> Iterator[None]:
    """Record what staff change of a product, the price and the archiving each as an action of its own."""
    actions: dict[str, Document] = {}
    for name, value in changes.items():
        action = {"price": "price", "archived": "archived" if value else "unarchived"}.get(name, "changed")
        before = product.get(name, False if name == "archived" else None)
        actions.setdefault(f"product.{action}", {})[name] = {"before": before, "after": value}
    with ExitStack() as acts:
        for action, details in actions.items():
            acts.enter_context(audit.act(db, action, target=product["sku"], details=details))
        yield


def count(db: Db, sku: str, units: Quantity, *, by: str, note: str = "") -> tuple[Document, Movement]:
    """Note that `units` were counted, and return the product and the movement. Raises NotFound."""
    product = get(db, sku)
    with audit.act(db, "stock.counted", target=product["sku"]) as details:
        movement = stock.move(db, product["_id"], None, count=units, reason="count", cause=_person(by), note=note)
        details |= _step(movement)
    return _moved(product, movement)


def adjust(
    db: Db, sku: str, units: Quantity, *, reason: str, by: str, note: str = "", once: str | None = None
) -> tuple[Document, Movement]:
    """Change the stock by `units` (broken: -2) and return the product and the movement.

    `once` names the request: the same one by the same person again changes nothing more. Raises NotFound, and Invalid
    when `once` was used for another change.
    """
    product = get(db, sku)
    why: Document = {"reason": reason, "cause": _person(by), "note": note}
    if once is not None:
        why["movement_id"] = f"{by}:{once}"
    with audit.act(db, "stock.adjusted", target=product["sku"], details={"reason": reason}) as details:
        movement = stock.move(db, product["_id"], units, **why)
        said = (product["_id"], units, reason, note)
        if (movement["sku"], movement["quantity"], movement["reason"], movement["note"]) != said:
            raise Invalid("This Idempotency-Key was used for another adjustment.")
        details |= _step(movement)
        if movement["seq"] <= product["seq"]:
            details["repeated"] = True  # the movement was made by an earlier request with the same key
    return _moved(product, movement)


def _step(movement: Movement) -> Document:
    """The stock before and after a movement, and its number in the ledger."""
    before = whole(movement["balance"] - movement["quantity"])
    return {"before": before, "after": movement["balance"], "seq": movement["seq"]}


def _moved(product: Document, movement: Movement) -> tuple[Document, Movement]:
    if movement["seq"] > product["seq"]:
        product |= {"stock": movement["balance"], "seq": movement["seq"]}
    return product, movement


def movements(db: Db, sku: str, *, before: int | None = None, limit: int = 0) -> list[Document]:
    """The ledger of a product, newest first, from the one before number `before` on. Raises NotFound."""
    query: Document = {"sku": get(db, sku)["_id"]}
    if before is not None:
        query["seq"] = {"$lt": before}
    return list(db.stock_movements.find(query).sort("seq", -1).limit(limit))


_PERSON = "staff:"


def _person(name: str) -> str:
    """A person as the cause of a movement; an event's key has no colon."""
    return _PERSON + name


def person(cause: str) -> str | None:
    """The person that a movement's cause is, if it is one."""
    return cause.removeprefix(_PERSON) if cause.startswith(_PERSON) else None


def search_words(*texts: str) -> list[str]:
    """The words a product is found by, folded for comparison; the text that matters most comes first."""
    return indexed_words(word for text in texts for word in text.casefold().split())
