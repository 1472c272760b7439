"""Products that a store deleted: archived with their ledger while no store has them, and active again when one does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from pos_api.catalogue import collections, product_events
from pos_api.catalogue.deletion import after_deletion, after_report
from pos_api.catalogue.model import (
    Outcome,
    ProductDeletion,
    ProductDocument,
    ProductResult,
    ProductUpdate,
    product_changed,
)
from pos_api.catalogue.product_events import Cause
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.events import ProductChanged

_ATTEMPTS = 20
_READ_FROM = ("external_ids", "deleted_ids", "variation_of", "archived", "archived_by", "synced_at")
"""What a decision is made from: it is made again where one of these changed meanwhile."""

Decide: TypeAlias = Callable[[ProductDocument], ProductDocument | None]


def delete(db: Db, deletion: ProductDeletion) -> ProductResult:
    """Archive what a store deleted, its variations included, unless another external id of it is still there. The
    outcome is updated, unchanged, stale (the store reported something newer), or ignored (not known here)."""
    deleted = deletion.external_id
    query = {"$or": [{"external_ids": deleted}, {"variation_of.parent": deleted}]}
    cause = Cause(deletion.store, f"{deleted} deleted, {deletion.received_at.isoformat()}")
    with product_events.changing(db, query, cause):
        return _delete(db, deletion, query)


def _delete(db: Db, deletion: ProductDeletion, query: Document) -> ProductResult:
    found = list(collections.products(db).find(query))
    outcomes: set[Outcome] = set()
    events: list[ProductChanged] = []
    for product in found:
        outcome, after = _change(db, product, lambda each: after_deletion(each, deletion))
        outcomes.add(outcome)
        if after is not None:
            version = deletion.deleted_at or deletion.received_at
            events.append(_event(product, after, version, deletion.store))
    ranked: tuple[Outcome, ...] = ("updated", "unchanged", "stale")
    return ProductResult(next((each for each in ranked if each in outcomes), "ignored"), events=tuple(events))


def note_existence(db: Db, update: ProductUpdate) -> list[ProductChanged]:
    """Take note that a store has this product: what was archived because the store had deleted it is active again,
    unless the deletion is newer. Returns the events of what that changed."""
    query = {"$or": [{"external_ids": update.external_id}, {"deleted_ids.because": update.external_id}]}
    found = list(collections.products(db).find(query))
    changed = [(product, _change(db, product, lambda each: after_report(each, update))[1]) for product in found]
    return [_event(product, after, update.modified_at, update.store) for product, after in changed if after is not None]


def _event(before: ProductDocument, after: ProductDocument, version: datetime, store: str) -> ProductChanged:
    archived = after.get("archived", False) and not before.get("archived", False)
    return product_changed(after["_id"], "archived" if archived else "updated", version, now(), store)


def _change(db: Db, product: ProductDocument, decide: Decide) -> tuple[Outcome, ProductDocument | None]:
    """Bring a product to what `decide` makes of it (None: it is stale); returns the outcome, and the product where it
    changed. Decided again where somebody changed the product meanwhile."""
    collection = collections.products(db)
    for _ in range(_ATTEMPTS):
        after = decide(product)
        if after is None:
            return "stale", None
        if after == product:
            return "unchanged", None
        as_read = {name: product.get(name) for name in ("_id", *_READ_FROM)}
        changed = {name: value for name, value in after.items() if product.get(name) != value}
        removed = {name: "" for name in product if name not in after}
        update = {operator: fields for operator, fields in (("$set", changed), ("$unset", removed)) if fields}
        if collection.update_one(as_read, update).matched_count:
            return "updated", after
        again = collection.find_one({"_id": product["_id"]})
        if again is None:
            return "unchanged", None
        product = again
    raise RuntimeError("a product kept changing while its deletion was noted")
