"""The catalogue: products by SKU, what shops tell about them, and finding the product of a line item.

A product: `_id` (the SKU it was first known by, under which its ledger stays), `sku` (the current one, or what stands
for it where the shop gave it to another product), `skus` (current and former), `name`, `price`, `stock` and `seq` (the
projection of its last movement), `search` (its words), `low_stock_threshold` and `archived` (absent where there is
none), `shop_ids` (`store:id`, one per store), `pooled` (the `store:id` of variations whose stock it is, each with the
shop's time of that word), `synced_at` (the shop's time of the newest word about it), `opened_by` (the store whose stock
it started with) and `opened_at`, `gtin`, `image_url`, `categories` and `tax_class` (what a shop sent of these).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import Decimal128
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from . import stock
from .db import Db, Document, one_primary, only_collisions
from .errors import Conflict, Invalid, NotFound
from .event_warnings import EventWarning, warn
from .stock import Balance
from .values import Quantity, decimal, now


@dataclass(frozen=True, slots=True)
class ProductSnapshot:
    """What a shop says about a product or variation. `stock` is None where the shop does not manage it, or where it is
    `pooled`: a variation's that is its parent's. `seen_at` is when the shop had the product, as far as it says;
    `restored` that it came back from the trash."""

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
    details: Document = field(default_factory=dict)
    warnings: tuple[EventWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """A product as far as an order needs it. `told` says that a shop told of it by itself, not only by lines."""

    id: str
    sku: str
    skus: tuple[str, ...]
    shop_ids: tuple[str, ...]
    opened_by: str | None
    opened_at: datetime | None
    told: bool

    def contains_orders_of(self, store: str, created_at: datetime) -> bool:
        """Whether the stock this product started with was the store's own, and so lacks the units of an order
        created then already."""
        return self.opened_by == store and self.opened_at is not None and created_at < self.opened_at


_NO_DETAILS: Document = {"gtin": "", "image_url": "", "categories": [], "tax_class": ""}
"""What the POS keeps of a product for people and other systems, as it is where the shop has none."""


def _details(snapshot: ProductSnapshot) -> Document:
    return {name: snapshot.details[name] for name in _NO_DETAILS if name in snapshot.details}


def details_of(product: Document) -> Document:
    """A stored product's barcode (GTIN), image address, categories and tax class; blank where the shop has none."""
    return {name: product.get(name, blank) for name, blank in _NO_DETAILS.items()}


_FIELDS = dict.fromkeys(("sku", "skus", "shop_ids", "stock", "seq", "opened_by", "opened_at", "synced_at"), 1)


def shop_key(store: str, shop_id: int) -> str:
    """How a shop's product or variation id is kept in `shop_ids`."""
    return f"{store}:{shop_id}"


def _ids_in(store: str, shop_ids: Iterable[str]) -> list[str]:
    return [shop_id for shop_id in shop_ids if shop_id.startswith(f"{store}:")]


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
                    document["sku"],
                    tuple(document["skus"]),
                    tuple(document.get("shop_ids", ())),
                    document.get("opened_by"),
                    document.get("opened_at"),
                    "synced_at" in document,
                )
            )

    def _add(self, product: Product) -> None:
        for sku in product.skus:
            self._by_sku[sku] = product
        for shop_id in product.shop_ids:
            self._by_shop_id[shop_id] = product

    def find(self, store: str, sku: str, product_id: int, variation_id: int = 0) -> Product | None:
        """The product of a line, by its SKU and the shop's id.

        A known id with a SKU that is unknown, or a former one of another product, means that the shop renamed it. Where
        the two name different products, the id is right if the shop itself told of it, and else a careless sender's.
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
                self._teach_sku(by_id, sku)
            return by_id
        if by_id is not None:
            return by_id if by_id.told or by_sku.sku != sku else by_sku
        if by_sku.sku != sku and by_sku.told and not self._may_be(store, by_sku, product_id, variation_id):
            return None
        if shop_id and self._is_own(store, by_sku, product_id, variation_id):
            self._teach_id(by_sku, shop_key(store, shop_id))
        return by_sku

    def _may_be(self, store: str, product: Product, *shop_ids: int) -> bool:
        """Whether a product that went by a line's SKU before may be meant: the shop has no other id for it."""
        known = _ids_in(store, product.shop_ids)
        return not any(shop_ids) or not known or any(shop_key(store, shop_id) in known for shop_id in shop_ids)

    def _is_own(self, store: str, product: Product, product_id: int, variation_id: int) -> bool:
        """Whether the SKU by which `product` was found is surely that of this id, and the product has no id yet. A
        variation without a SKU of its own tells its parent's (`WC_Product_Variation::get_sku`), so a variation's is
        sure where its parent goes under another one."""
        if _ids_in(store, product.shop_ids):
            return False
        parent = self._by_shop_id.get(shop_key(store, product_id))
        return not variation_id or (parent is not None and parent.id != product.id)

    def _teach_id(self, product: Product, shop_id: str) -> None:
        self._learned.append(UpdateOne({"_id": product.id}, {"$addToSet": {"shop_ids": shop_id}}))
        self._add(replace(product, shop_ids=(*product.shop_ids, shop_id)))

    def _teach_sku(self, product: Product, sku: str) -> None:
        words = {"$setUnion": ["$search", {"$literal": search_words(sku)}]}
        self._learned.append(UpdateOne({"_id": product.id}, [{"$set": _named(product.id, sku) | {"search": words}}]))
        self._add(replace(product, sku=sku, skus=(*product.skus, sku)))

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
    nothing to start from, so nothing is created.

    The shop's id tells which product it is; of an id not known yet, the SKU does. A SKU goes to the product that the
    newest word gives it to. Who had it before keeps its ledger, and goes without a SKU until the shop names it. The SKU
    of a variation whose stock is its parent's is one more by which the parent is found.
    """
    if not snapshot.sku:
        return "ignored", [warn("product_without_sku")]
    key = shop_key(snapshot.store, snapshot.shop_id)
    if snapshot.pooled:
        return _pool(db, snapshot, key)
    by_id, by_sku, new_id = _known(db, snapshot.sku, key)
    if by_sku is not None and by_sku["sku"] != snapshot.sku and key in by_sku.get("pooled", {}):
        if not _leave_pool(db, by_sku, snapshot, key):
            return "stale", []
        by_sku = None
    shop_ids = by_sku.get("shop_ids", ()) if by_sku else ()
    others = [known for known in _ids_in(snapshot.store, shop_ids) if known != key]
    current = by_sku is not None and by_sku["sku"] == snapshot.sku
    of_parent = current and shop_key(snapshot.store, snapshot.parent_id) in others
    if of_parent or (by_id is None and others and snapshot.parent_id):
        return "ignored", [warn("shared_sku", sku=snapshot.sku)]
    if by_id is not None:
        return _keep_in_step(db, by_id, snapshot, rival=by_sku if by_sku is not by_id else None)
    if by_sku is None:
        return _create_from(db, snapshot, new_id, key)
    if others and not current:
        if snapshot.stock is not None:
            _give_up(db, by_sku, snapshot)
        return _create_from(db, snapshot, new_id, key)
    if others and _is_stale(snapshot, by_sku):
        return "stale", []
    _give_shop_id(db, by_sku["_id"], key, others)
    return _keep_in_step(db, by_sku, snapshot)


def _known(db: Db, sku: str, key: str) -> tuple[Document | None, Document | None, str]:
    """The product of a shop's id, the one of a SKU, and the `_id` for a new one: the SKU, unless the ledger under that
    name is a product's that was renamed since."""
    found = list(db.products.find({"$or": [{"shop_ids": key}, {"skus": sku}, {"_id": sku}]}))
    by_id = next((product for product in found if key in product.get("shop_ids", ())), None)
    by_sku = next((product for product in found if sku in product["skus"]), None)
    taken = any(product["_id"] == sku for product in found)
    return by_id, by_sku, f"{sku} ({key})" if taken else sku


def _pool(db: Db, snapshot: ProductSnapshot, key: str) -> tuple[str, list[EventWarning]]:
    """Let the lines of a variation move the stock of its parent, which is where the shop keeps it."""
    sku, parent_key = snapshot.sku, shop_key(snapshot.store, snapshot.parent_id)
    found = list(db.products.find({"$or": [{"shop_ids": {"$in": [key, parent_key]}}, {"skus": sku}]}))
    parent = next((product for product in found if parent_key in product.get("shop_ids", ())), None)
    if parent is None:
        return "ignored", [warn("unknown_parent", sku=sku, parent=snapshot.parent_id)]
    others = [product for product in found if product is not parent]
    known_at = parent.get("pooled", {}).get(key, snapshot.modified_at)
    if known_at > snapshot.modified_at or not all(_give_up(db, other, snapshot) for other in others):
        return "stale", []
    db.products.update_many({"shop_ids": key}, {"$pull": {"shop_ids": key}})
    words = search_words(parent["name"], *parent["skus"], sku)
    changes: Document = {"$addToSet": {"skus": sku}, "$set": {f"pooled.{key}": snapshot.modified_at, "search": words}}
    db.products.update_one({"_id": parent["_id"]}, changes)
    outcome = "unchanged" if sku in parent["skus"] else "updated"
    return outcome, [_taken_from(other, sku) for other in others if other["sku"] == sku]


def _leave_pool(db: Db, parent: Document, snapshot: ProductSnapshot, key: str) -> bool:
    """The variation's stock is its parent's no more; False where a newer word says it is."""
    if parent["pooled"][key] > snapshot.modified_at:
        return False
    _give_up(db, parent, snapshot)
    db.products.update_one({"_id": parent["_id"]}, {"$unset": {f"pooled.{key}": ""}})
    return True


def _give_shop_id(db: Db, product_id: str, key: str, others: list[str]) -> None:
    """The shop made the product anew under another id: that is its id from now on, and no other product's."""
    db.products.update_many({"shop_ids": key, "_id": {"$ne": product_id}}, {"$pull": {"shop_ids": key}})
    if others:
        db.products.update_one({"_id": product_id}, {"$pullAll": {"shop_ids": others}})
    db.products.update_one({"_id": product_id}, {"$addToSet": {"shop_ids": key}})


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


def _give_up(db: Db, product: Document, snapshot: ProductSnapshot) -> bool:
    """Take the SKU that a snapshot names from another product; False where a newer word gave it to that one."""
    has_it = {"$eq": ["$sku", {"$literal": snapshot.sku}]}
    nameless = {"$literal": _nameless(product["_id"])}
    without = {
        "sku": {"$cond": [has_it, nameless, "$sku"]},
        "skus": _skus_without(snapshot.sku, and_then={"$cond": [has_it, [nameless], []]}),
    }
    older = [{"sku": {"$ne": snapshot.sku}}, {"synced_at": {"$not": {"$gt": snapshot.modified_at}}}]
    return db.products.update_one({"_id": product["_id"], "$or": older}, [{"$set": without}]).matched_count == 1


def _create_from(db: Db, snapshot: ProductSnapshot, product_id: str, key: str) -> tuple[str, list[EventWarning]]:
    if snapshot.stock is None:
        return "ignored", [warn("stock_not_managed", sku=snapshot.sku)]
    name = snapshot.name or snapshot.sku
    opened = {"opened_by": snapshot.store, "opened_at": snapshot.taken_at, "shop_ids": [key]}
    create(
        db,
        product_id,
        name=name,
        price=snapshot.price,
        quantity=snapshot.stock,
        cause=snapshot.cause,
        extra={
            "sku": snapshot.sku,
            "skus": [snapshot.sku],
            "search": search_words(name, snapshot.sku),
            "synced_at": snapshot.modified_at,
            **_details(snapshot),
            **opened,
        },
    )
    return "created", []


def _keep_in_step(
    db: Db, product: Document, snapshot: ProductSnapshot, *, rival: Document | None = None
) -> tuple[str, list[EventWarning]]:
    """Bring a product to what the shop says of it; `rival` is another one that has, or had, the same SKU."""
    if _is_stale(snapshot, product):
        return "stale", []
    sku, warnings = snapshot.sku, list[EventWarning]()
    if rival and not _give_up(db, rival, snapshot):
        sku = _nameless(product["_id"])
    elif rival and rival["sku"] == sku:
        warnings.append(_taken_from(rival, sku))
    name = snapshot.name or product["name"]
    changes: Document = {"sku": sku, "name": name}
    if snapshot.price is not None:
        changes["price"] = snapshot.price
    changes |= {
        name: value for name, value in _details(snapshot).items() if product.get(name, _NO_DETAILS[name]) != value
    }
    outcome = "unchanged" if all(product.get(name) == value for name, value in changes.items()) else "updated"
    former = [known for known in product["skus"] if known != _nameless(product["_id"])]
    changes |= {"synced_at": snapshot.modified_at, "search": search_words(name, *former, sku)}
    literal = {name: {"$literal": value} for name, value in changes.items()}
    changed = db.products.update_one(
        {"_id": product["_id"], "synced_at": {"$not": {"$gt": snapshot.modified_at}}},
        [{"$set": literal | _named(product["_id"], sku)}],
    )
    return (outcome if changed.matched_count else "stale"), warnings


def differing(product: Document, snapshot: ProductSnapshot) -> list[str]:
    """The fields of a stored product that are not as a shop says they are; its stock is not among them."""
    fields = [] if product["sku"] == snapshot.sku else ["sku"]
    if snapshot.name and product["name"] != snapshot.name:
        fields.append("name")
    known = product.get("price")
    if snapshot.price is not None and (known is None or decimal(known) != decimal(snapshot.price)):
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
        "search": search_words(name, sku),
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
    product = create(
        db,
        sku,
        name=details.get("name") or sku,
        price=details.get("price"),
        quantity=quantity,
        cause=_person(by),
        extra=extra,
    )
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
        update["$set"]["search"] = search_words(changes["name"], *product["skus"])
    changed = db.products.find_one_and_update(
        {"_id": product["_id"], "skus": product["skus"]},
        {operator: fields for operator, fields in update.items() if fields},
        return_document=ReturnDocument.AFTER,
    )
    if changed is None:
        raise Conflict("The product was renamed at this moment; look again.")
    return changed


def count(db: Db, sku: str, units: Quantity, *, by: str, note: str = "") -> tuple[Document, Document]:
    """Note that `units` were counted, and return the product and the movement. Raises NotFound."""
    product = get(db, sku)
    movement = stock.move(db, product["_id"], None, count=units, reason="count", cause=_person(by), note=note)
    return _moved(product, movement)


def adjust(
    db: Db, sku: str, units: Quantity, *, reason: str, by: str, note: str = "", once: str | None = None
) -> tuple[Document, Document]:
    """Change the stock by `units` (broken: -2) and return the product and the movement.

    `once` names the request: the same one by the same person again changes nothing more. Raises NotFound, and Invalid
    when `once` was used for another change.
    """
    product = get(db, sku)
    why: Document = {"reason": reason, "cause": _person(by), "note": note}
    if once is not None:
        why["_id"] = f"{by}:{once}"
    movement = stock.move(db, product["_id"], units, **why)
    said = (product["_id"], units, reason, note)
    if (movement["sku"], movement["quantity"], movement["reason"], movement["note"]) != said:
        raise Invalid("This Idempotency-Key was used for another adjustment.")
    return _moved(product, movement)


def _moved(product: Document, movement: Document) -> tuple[Document, Document]:
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
    """The words a product is found by, folded for comparison."""
    return sorted({word for text in texts for word in text.casefold().split()})
