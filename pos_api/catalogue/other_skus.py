"""Staff let one more SKU find a product: a label that orders name, and that is the same thing."""

from __future__ import annotations

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pos_api.catalogue import collections, product_events
from pos_api.catalogue.model import product_changed
from pos_api.catalogue.product_events import Cause
from pos_api.catalogue.queries import get
from pos_api.catalogue.staff_actions import StaffChange
from pos_api.common.text_search import product_words
from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.errors import Conflict
from pos_api.staff import audit


def add_sku(db: Db, sku: str, other: str) -> StaffChange:
    """Let `other` find the product of `sku` too. Orders that come from now on take from its stock; those that named it
    before stay as they are. Raises NotFound, and Conflict where `other` is another product's or the product was changed
    at the same moment."""
    product = get(db, sku)
    if other in product["skus"]:
        return StaffChange(product)
    if (taken := collections.products(db).find_one({"skus": other}, {"sku": 1})) is not None:
        raise Conflict(f"{other!r} finds the product {taken['sku']!r} already.")
    skus = [*product["skus"], other]
    changes = {"skus": skus, "search": product_words(product["sku"], *skus, product["name"])}
    changing = product_events.changing(db, {"_id": product["_id"]}, Cause())
    with changing, audit.act(db, "product.linked", target=product["sku"], details={"sku": other}):
        try:
            changed = collections.products(db).find_one_and_update(
                {"_id": product["_id"], "skus": product["skus"]},
                {"$set": changes},
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            raise Conflict(f"{other!r} became another product's at this moment; look again.") from None
        if changed is None:
            raise Conflict("The product was renamed at this moment; look again.")
    at = now()
    return StaffChange(changed, (product_changed(changed["_id"], "updated", at, at),))
