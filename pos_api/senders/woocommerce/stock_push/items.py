"""A movement of the ledger as an item for a shop, or what becomes of it without being sent. No database is needed
here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from bson import ObjectId

from pos_api.catalogue.external_ids import number_of
from pos_api.catalogue.model import ProductDocument
from pos_api.senders.woocommerce.stock_push.model import Item
from pos_api.stock.model import Movement
from pos_api.stock.store_sync import units_for_store

NotSent: TypeAlias = Literal["not_sold", "not_managed"]
"""Why a movement is not sent: the shop does not sell the product, or does not manage its stock."""

PRODUCT_FIELDS = ("sku", "external_ids", "unmanaged_ids", "deleted_ids", "variation_of", "shared_stock_variations")
"""What has to be known of a product."""
_LONGEST_ID = 18  # digits
_LONGEST_TEXT = 200


def wire_id(movement: Movement) -> str:
    """The id by which a shop applies a movement once: at most 64 characters. An `_id` that is derived from a request
    can be given a second time after a restore of a backup that does not have the movement; so its time is part of the
    id there, or the shop would take the second one for done."""
    given = movement["_id"]
    if isinstance(given, ObjectId):
        return str(given)
    return "h" + hashlib.sha256(f"{movement['at'].isoformat()} {given}".encode()).hexdigest()[:40]


def item_of(movement: Movement, product: ProductDocument | None, store: str) -> Item | NotSent:
    """The movement as an item for the shop of `store`, or why it is not sent."""
    if product is None:
        return "not_sold"
    number = number_at(product, store)
    if isinstance(number, str):
        return number
    parent = _parent(product, store, number)
    return Item(
        wire_id(movement),
        parent or number,
        number if parent else 0,
        product["sku"][:_LONGEST_TEXT],
        units_for_store(movement),
        movement["reason"][:_LONGEST_TEXT],
    )


def number_at(product: ProductDocument, store: str) -> int | NotSent:
    """The shop's id of a product whose stock is changed there, or why there is none. Of several products of the shop
    that are one here it is the first whose stock it manages, and that it still has."""
    numbers = list(_numbers(product, store))
    unmanaged = product.get("unmanaged_ids", ())
    managed = [each for each in numbers if _external_id(store, each) not in unmanaged]
    if not managed:
        return "not_managed" if numbers else "not_sold"
    deleted = {each["id"] for each in product.get("deleted_ids", ())}
    return min(managed, key=lambda each: _external_id(store, each) in deleted)


def _numbers(product: ProductDocument, store: str) -> Iterator[int]:
    """The shop's own ids of a product whose stock is its own."""
    shared: Mapping[str, Any] = product.get("shared_stock_variations", {})
    for each in product.get("external_ids", ()):
        number = number_of(each)
        is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_ID
        if each == f"{store}:{number}" and is_number and each not in shared:
            yield int(number)


def _parent(product: ProductDocument, store: str, number: int) -> int:
    """The shop's id of the product that this is a variation of; 0 where it is none, as far as known."""
    for each in product.get("variation_of", ()):
        parent = number_of(each["parent"])
        if each["id"] == _external_id(store, number) and parent.isascii() and parent.isdigit():
            return int(parent)
    return 0


def _external_id(store: str, number: int) -> str:
    return f"{store}:{number}"
