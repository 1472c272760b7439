"""What staff do with products: add, change, count, adjust. Each action is recorded in the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

from bson import Decimal128
from pymongo import ReturnDocument

from pos_api.catalogue import collections, product_events
from pos_api.catalogue.creation import create, new_product
from pos_api.catalogue.model import ProductDocument, product_changed
from pos_api.catalogue.product_events import Cause
from pos_api.catalogue.queries import get
from pos_api.common.quantity import Quantity, whole
from pos_api.common.text_search import product_words
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, Invalid
from pos_api.events import ProductChange, ProductChanged, StockChanged
from pos_api.staff import audit
from pos_api.stock import ledger
from pos_api.stock.model import Movement, cause_of, stock_changed


@dataclass(frozen=True, slots=True)
class StaffChange:
    """A product as an action left it, and the events that the action caused."""

    product: ProductDocument
    events: tuple[ProductChanged | StockChanged, ...] = ()


@dataclass(frozen=True, slots=True)
class StaffMovement:
    """A product as a count or an adjustment left it, the movement, and the event that it is."""

    product: ProductDocument
    movement: Movement
    events: tuple[StockChanged, ...]


def add(db: Db, details: Mapping[str, Any], *, by: str) -> StaffChange:
    """Create a product as `by` says: `sku`, and where given `name`, `price`, `stock`, `low_stock_threshold`.

    Raises Conflict when the SKU is a product's already.
    """
    sku: str = details["sku"]
    quantity: Quantity = details.get("stock", 0)
    name, price = details.get("name") or sku, details.get("price")
    product = new_product(sku, name=name, price=price, stock=quantity)
    noted = {"price": price, "stock": quantity}
    if details.get("low_stock_threshold") is not None:
        noted["low_stock_threshold"] = product["low_stock_threshold"] = details["low_stock_threshold"]
    with audit.act(db, "product.created", target=sku, details=noted):
        product, movement = create(db, product, cause=cause_of(by))
    created = _event(product, "created")
    if product["stock"] != quantity:  # the ledger was opened earlier, by an attempt that a crash cut short
        counted = count(db, sku, quantity, by=by)
        return StaffChange(counted.product, (created, stock_changed(movement), *counted.events))
    return StaffChange(product, (created, stock_changed(movement)))


def _event(product: ProductDocument, change: ProductChange) -> ProductChanged:
    at = now()
    return product_changed(product["_id"], change, at, at)


class ProductChanges(TypedDict, total=False):
    """What staff may change of a product; a threshold of None is none."""

    name: str
    price: Decimal128 | None
    low_stock_threshold: Quantity | None
    archived: bool


def change(db: Db, sku: str, changes: ProductChanges) -> StaffChange:
    """Change a product.

    Raises NotFound, and Conflict when a store changed the product at the same moment.
    """
    product = get(db, sku)
    if not changes:
        return StaffChange(product)
    with product_events.changing(db, {"_id": product["_id"]}, Cause()), _audited(db, product, changes):
        changed = collections.products(db).find_one_and_update(
            {"_id": product["_id"], "skus": product["skus"]},
            _update_of(product, changes),
            return_document=ReturnDocument.AFTER,
        )
        if changed is None:
            raise Conflict("The product was renamed at this moment; look again.")
    archived = changed.get("archived", False) and not product.get("archived", False)
    return StaffChange(changed, (_event(changed, "archived" if archived else "updated"),))


def _update_of(product: ProductDocument, changes: ProductChanges) -> dict[str, dict[str, Any]]:
    values: dict[str, Any] = {**changes}
    removed: list[str] = []
    for name, absent in (("low_stock_threshold", None), ("archived", False)):
        if name in values and values[name] is absent:
            del values[name]
            removed.append(name)
    if "archived" in changes:
        removed.append("archived_by")  # from now on it is what staff say
    if "name" in changes:
        values["search"] = product_words(product["sku"], *product["skus"], changes["name"])
    update = {"$set": values, "$unset": dict.fromkeys(removed, "")}
    return {operator: fields for operator, fields in update.items() if fields}


@contextmanager
def _audited(db: Db, product: ProductDocument, changes: ProductChanges) -> Iterator[None]:
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


def count(db: Db, sku: str, units: Quantity, *, by: str, note: str = "") -> StaffMovement:
    """Note that `units` were counted. Raises NotFound."""
    product = get(db, sku)
    with audit.act(db, "stock.counted", target=product["sku"]) as details:
        movement = ledger.move(db, product["_id"], None, count=units, reason="count", cause=cause_of(by), note=note)
        details |= _before_and_after(movement)
    return _moved(product, movement)


def adjust(
    db: Db, sku: str, units: Quantity, *, reason: str, by: str, note: str = "", once: str | None = None
) -> StaffMovement:
    """Change the stock by `units` (broken: -2).

    `once` names the request: the same one by the same person again changes nothing more. Raises NotFound, and Invalid
    when `once` was used for another change.
    """
    product = get(db, sku)
    with audit.act(db, "stock.adjusted", target=product["sku"], details={"reason": reason}) as details:
        movement_id = None if once is None else f"{by}:{once}"
        movement = ledger.move(
            db, product["_id"], units, reason=reason, cause=cause_of(by), note=note, movement_id=movement_id
        )
        asked = (product["_id"], units, reason, note)
        if (movement["sku"], movement["quantity"], movement["reason"], movement.get("note")) != asked:
            raise Invalid("This Idempotency-Key was used for another adjustment.")
        details |= _before_and_after(movement)
        if movement["seq"] <= product["seq"]:
            details["repeated"] = True  # the movement was made by an earlier request with the same key
    return _moved(product, movement)


def _before_and_after(movement: Movement) -> Document:
    """The stock before and after a movement, and its number in the ledger."""
    before = whole(movement["balance"] - movement["quantity"])
    return {"before": before, "after": movement["balance"], "seq": movement["seq"]}


def _moved(product: ProductDocument, movement: Movement) -> StaffMovement:
    if movement["seq"] > product["seq"]:
        product["stock"], product["seq"] = movement["balance"], movement["seq"]
    return StaffMovement(product, movement, (stock_changed(movement),))
