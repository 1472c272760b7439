"""A new product, with the first movement of its ledger."""

from __future__ import annotations

from bson import Decimal128
from pymongo.errors import DuplicateKeyError

from pos_api.catalogue import collections, product_events
from pos_api.catalogue.model import ProductDocument, owning_store
from pos_api.common.quantity import Quantity
from pos_api.common.text_search import product_words
from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.errors import Conflict
from pos_api.stock import ledger
from pos_api.stock.model import Movement


def new_product(sku: str, *, name: str, price: Decimal128 | None, stock: Quantity, id: str = "") -> ProductDocument:
    """A product that is not created yet; its `_id` is `id`, or else its SKU."""
    return {
        "_id": id or sku,
        "sku": sku,
        "skus": [sku],
        "name": name,
        "price": price,
        "stock": stock,
        "seq": 0,
        "search": product_words(sku, name),
        "created_at": now(),
    }


@at_one_primary
def create(
    db: Db, product: ProductDocument, *, cause: str, store: str | None = None
) -> tuple[ProductDocument, Movement]:
    """Create a product and the first movement of its ledger, of its stock; return the product as it is then, and the
    movement. `store` is the store that reported it.

    Finishes what a crash left between the two: the stock is then that of the ledger's last movement, which is returned.
    Raises Conflict when the `_id` is a product's SKU already.
    """
    products, product_id = collections.products(db), product["_id"]
    if products.find_one({"skus": product_id}, {"_id": 1}):  # before a ledger is opened that would be nobody's
        raise Conflict(f"There is a product with SKU {product_id!r} already.")
    movement = ledger.open_ledger(db, product_id, product["stock"], cause=cause, store=store)
    product["stock"], product["seq"] = movement["balance"], movement["seq"]
    product_events.mark_created(db, product, owning_store(product))
    ensure_one_term(db)  # or it may have a stock that no movement explains
    try:
        products.insert_one(product)
    except DuplicateKeyError:
        raise Conflict(f"There is a product with SKU {product_id!r} already.") from None
    product_events.publish_positioned(db, [product])
    return product, movement
