"""The events of products as subscribers are sent them: `product.created`, `product.updated`, `product.archived`.

Many steps may change a product, and no revision guards them. So a product that a step may change is marked **before**
that: such a mark has no `position` yet. Afterwards the product is compared: where what the API shows of it changed, the
mark gets the next `version` of the product as its position and is published; otherwise it is dropped. A crash between
the two leaves the mark, and whoever finds it later takes the product for changed. Stock is not compared: its changes
are events of their own.

What is published of a product is all of its marks that have a position, in this order: so whoever reads a product later
publishes first what was read earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from pymongo import ReturnDocument

from pos_api.catalogue import collections, presentation
from pos_api.catalogue.model import ItemDocument, ProductDocument, ProductMark
from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import PosError
from pos_api.outbox.interest import wants
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import clear_marks, publish_and_clear

_LEFT_AFTER = timedelta(seconds=30)
"""After which whoever marked a product, and did not come back to it, must have been interrupted."""
_STOCK = ("stock", "low_stock")


@dataclass(frozen=True, slots=True)
class Cause:
    """What changes products: the store whose report it is, None for a person; and where it may be done again after a
    crash, a name of its own, so that it is one event all the same."""

    store: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class _Marked:
    """A product (`_id`) with the mark that it got, and what was shown of it then; None where an attempt before this one
    marked it, and may have changed it already."""

    product: str
    mark: ProductMark
    shown: Document | None


@contextmanager
def changing(db: Db, concerned: Document, cause: Cause | Mapping[str, Cause]) -> Iterator[None]:
    """Inside, the products that match the query `concerned` may be changed: those that are get an event. Nothing is
    asked or written where no subscription wants that. Causes that differ are by the `_id` of the product."""
    if not wants(db, "product"):
        yield
        return
    marked = _mark(db, concerned, cause)
    try:
        yield
    except PosError:  # it was refused, and ends so; whatever else fails may have changed something
        _publish_changed(db, marked)
        raise
    _publish_changed(db, marked)


def mark_created(db: Db, product: ProductDocument, store: str | None) -> None:
    """Mark a product that is about to be inserted, where a subscription wants that."""
    if wants(db, "product"):
        product["version"] = 1
        mark = ProductMark(id=_mark_id(product["_id"], 1), type="product.created", at=now(), position=1, store=store)
        product["unpublished"] = [mark]


def publish_positioned(db: Db, products: Iterable[ProductDocument]) -> None:
    """Publish those marks of these products that have a position, and clear them."""
    ready = [each for each in products if _ready(each)]
    if ready:
        marks = [{"_id": each["_id"], "unpublished": _ready(each)} for each in ready]
        publish_and_clear(db, _events(db, ready), {"products": marks})


def events_of(db: Db, products: Sequence[Document]) -> list[OutboxEvent]:
    """The events that these stored products are marked with: also those of a mark without a position that is so old
    that its owner must have been interrupted. A newer one stays with its owner."""
    before = now() - _LEFT_AFTER
    found: list[ProductDocument] = []
    for product in cast("Sequence[ProductDocument]", products):
        current = product
        for mark in product.get("unpublished", ()):
            if "position" not in mark and mark["at"] < before:
                current = _position(db, current, mark) or current
        found.append(current)
    return _events(db, found)


# --- marks ----------------------------------------------------------------------------------------------------------


def _mark_id(product: str, version: int) -> str:
    return f"product:{product}:{version}"


_NEXT_VERSION: Document = {"$set": {"version": {"$add": [{"$ifNull": ["$version", 0]}, 1]}}}
_NEW_ID: Document = {"$concat": ["product:", "$_id", ":", {"$toString": "$version"}]}
_MARKS: Document = {"$ifNull": ["$unpublished", []]}


def _mark(db: Db, concerned: Document, cause: Cause | Mapping[str, Cause]) -> list[_Marked]:
    """Mark the products that match."""
    found = [each["_id"] for each in collections.products(db).find(concerned, {"_id": 1}).sort("_id", 1)]
    marked = [_mark_one(db, each, cause if isinstance(cause, Cause) else cause[each]) for each in found]
    shown = _shown(db, [product for product, _, _ in marked])
    return [
        _Marked(product["_id"], mark, shown[product["_id"]] if is_new else None) for product, mark, is_new in marked
    ]


def _mark_one(db: Db, product: str, cause: Cause) -> tuple[ProductDocument, ProductMark, bool]:
    """The product with a mark that has no position yet, that mark, and whether it is new: not where there is one of
    this cause already."""
    mark: Document = {
        "id": _NEW_ID,
        "type": "product.updated",
        "at": now(),
        "store": {"$literal": cause.store},
        "was_archived": {"$ifNull": ["$archived", False]},
        "cause": {"$literal": cause.name},
    }
    unmarked = {"_id": product} if cause.name is None else {"_id": product, "unpublished.cause": {"$ne": cause.name}}
    changes = [_NEXT_VERSION, {"$set": {"unpublished": {"$concatArrays": [_MARKS, [mark]]}}}]
    products = collections.products(db)
    done = products.find_one_and_update(unmarked, changes, return_document=ReturnDocument.AFTER)
    if done is not None:
        return done, done["unpublished"][-1], True
    known = products.find_one({"_id": product})
    assert known is not None  # products are never deleted
    ours = [each for each in known.get("unpublished", ()) if each.get("cause") == cause.name]
    return (known, ours[0], False) if ours else _mark_one(db, product, cause)  # it was published just now


def _position(db: Db, product: ProductDocument, mark: ProductMark) -> ProductDocument | None:
    """The product with a position for this mark, which says now what it was; None where the mark is gone."""
    is_archived = product.get("archived", False) and not mark.get("was_archived", False)
    positioned: Document = {
        "id": {"$literal": mark["id"]},
        "type": "product.archived" if is_archived else "product.updated",
        "at": mark["at"],
        "store": {"$literal": mark["store"]},
        "position": "$version",
    }
    others = {"$filter": {"input": _MARKS, "cond": {"$ne": ["$$this.id", {"$literal": mark["id"]}]}}}
    changes = [_NEXT_VERSION, {"$set": {"unpublished": {"$concatArrays": [others, [positioned]]}}}]
    marked = {"_id": product["_id"], "unpublished.id": mark["id"]}
    return collections.products(db).find_one_and_update(marked, changes, return_document=ReturnDocument.AFTER)


def _publish_changed(db: Db, marked: list[_Marked]) -> None:
    """Publish those products that are shown otherwise than when they were marked, drop the marks of the others."""
    if not marked:
        return
    products = list(collections.products(db).find({"_id": {"$in": [each.product for each in marked]}}))
    shown = _shown(db, products)
    unchanged = {each.product: each.mark["id"] for each in marked if shown[each.product] == each.shown}
    clear_marks(db, "products", {product: [mark] for product, mark in unchanged.items()})
    marks = {each.product: each.mark for each in marked}
    publish_positioned(
        db,
        [each if each["_id"] in unchanged else _with_position(db, each, marks[each["_id"]]) for each in products],
    )


def _with_position(db: Db, product: ProductDocument, mark: ProductMark) -> ProductDocument:
    """The product with a position for this mark, or for another one, where it took so long that somebody else has
    published the mark already."""
    positioned = _position(db, product, mark)
    while positioned is None:
        product, mark, _ = _mark_one(db, product["_id"], Cause(mark["store"]))
        positioned = _position(db, product, mark)
    return positioned


# --- what is shown --------------------------------------------------------------------------------------------------


def _shown(db: Db, products: Sequence[ProductDocument]) -> dict[str, Document]:
    """What the API shows of products, by `_id`, without their stock."""
    items = _items(db, products)
    shown = {each["_id"]: presentation.product(each, items) for each in products}
    return {key: {name: value for name, value in each.items() if name not in _STOCK} for key, each in shown.items()}


def _items(db: Db, products: Iterable[ProductDocument]) -> Mapping[str, ItemDocument]:
    wanted = sorted({each for product in products for each in product.get("external_ids", ())})
    return {item["_id"]: item for item in collections.items(db).find({"_id": {"$in": wanted}})} if wanted else {}


def _ready(product: ProductDocument) -> list[ProductMark]:
    return [mark for mark in product.get("unpublished", ()) if "position" in mark]


def _events(db: Db, products: Sequence[ProductDocument]) -> list[OutboxEvent]:
    items = _items(db, products)
    return [event for each in products for event in _events_of_one(each, items)]


def _events_of_one(product: ProductDocument, items: Mapping[str, ItemDocument]) -> Iterator[OutboxEvent]:
    data = json_bytes(presentation.product(product, items))
    reference = json_bytes({"sku": product["sku"], "product": product["_id"]})
    for mark in _ready(product):
        resource = f"product:{product['_id']}"
        yield OutboxEvent(
            mark["id"], mark["type"], mark["at"], mark["store"], resource, mark["position"], data, reference
        )
