"""Products that a shop deleted: archived with their ledger while no shop has them, and active again when one does.

On the product: `deleted_ids` (`[{"id", "at", "because", "version"}]`: those of its shop ids that the shop has deleted,
when, whose deletion it was, which for a variation may be its parent's, and the `synced_at` of the product then),
`variation_of` (`[{"id", "parent"}]`: which of its shop ids are variations, and of what), and `archived_by` ("shop")
where `archived` follows from that. What staff archive or take out of the archive stays so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pos_api.catalogue.products import ProductSnapshot, shop_key
from pos_api.database.client import Db, Document

_ROUNDS = 20
_SHOP = "shop"
_GUARDED = ("shop_ids", "deleted_ids", "variation_of", "archived", "archived_by", "synced_at")
"""What a decision is made from: it is made again where one of these changed meanwhile."""


@dataclass(frozen=True, slots=True)
class ProductDeletion:
    """A shop has put a product or variation in the trash, or deleted it for good; `at` is None where the shop did not
    say when: it then counts as newer than all that arrived before."""

    store: str
    shop_id: int
    at: datetime | None
    received_at: datetime


def delete(db: Db, deletion: ProductDeletion) -> str:
    """Archive what a shop deleted, its variations included, unless another shop id of it is still there; returns the
    outcome: updated, unchanged, stale (the shop said something newer about it), or ignored (not known here)."""
    key = shop_key(deletion.store, deletion.shop_id)
    found = list(db.products.find({"$or": [{"shop_ids": key}, {"variation_of.parent": key}]}))
    outcomes = {_settle(db, product, lambda each: _without(each, key, deletion)) for product in found}
    return next((outcome for outcome in ("updated", "unchanged", "stale") if outcome in outcomes), "ignored")


def exists(db: Db, snapshot: ProductSnapshot) -> bool:
    """Take note that a shop has this product: what was archived because the shop had deleted it is active again, unless
    the deletion is newer. Returns whether that changed anything."""
    key, parent = shop_key(snapshot.store, snapshot.shop_id), shop_key(snapshot.store, snapshot.parent_id)
    found = db.products.find({"$or": [{"shop_ids": key}, {"deleted_ids.because": key}]})
    outcomes = [_settle(db, product, lambda each: _with(each, key, parent, snapshot)) for product in found]
    return "updated" in outcomes


def is_deleted(product: Document, key: str) -> bool:
    """Whether the shop is known to have deleted this shop id of a product."""
    return any(each["id"] == key for each in product.get("deleted_ids", ()))


def _without(product: Document, key: str, deletion: ProductDeletion) -> Document | str:
    """The product after a deletion; or the outcome where that changes nothing."""
    mine = product.get("shop_ids", ())
    variations = {each["id"] for each in product.get("variation_of", ()) if each["parent"] == key}
    deleted = [each for each in mine if each == key or each in variations]
    newest = product.get("synced_at", deletion.received_at)
    if deletion.at is not None and newest > deletion.at:
        return "stale"
    at = deletion.at or max(newest, deletion.received_at)
    entries = {each["id"]: each for each in product.get("deleted_ids", ())}
    entry = {"at": at, "because": key, "version": product.get("synced_at")}
    entries |= {each: {"id": each, **entry} for each in deleted if each not in entries}
    return _archived_as_needed(product, {"deleted_ids": list(entries.values())})


def _with(product: Document, key: str, parent: str, snapshot: ProductSnapshot) -> Document | str:
    """The product after word that the shop has it; or the outcome where that changes nothing."""
    changes: Document = {}
    if snapshot.parent_id and key in product.get("shop_ids", ()):
        others = [each for each in product.get("variation_of", ()) if each["id"] != key]
        changes["variation_of"] = [*others, {"id": key, "parent": parent}]
    changes["deleted_ids"] = [
        each
        for each in product.get("deleted_ids", ())
        if key not in (each["id"], each["because"]) or not _is_newer(snapshot, each)
    ]
    return _archived_as_needed(product, changes)


def _is_newer(snapshot: ProductSnapshot, deletion: Document) -> bool:
    """Whether the shop had the product after a deletion. WooCommerce's own signature leaves out the topic, so a copy of
    an older delivery could be sent as `product.restored`; but a restore changes the product."""
    version = deletion.get("version")
    if snapshot.restored and snapshot.by_arrival and version and snapshot.modified_at <= version:
        return False
    deleted_at: datetime = deletion["at"]
    return snapshot.seen_at > deleted_at or (snapshot.restored and snapshot.seen_at == deleted_at)


def _archived_as_needed(product: Document, changes: Document) -> Document | str:
    """These changes, and the archive with them: in it once every shop id is deleted, out of it when one is there that
    the shop has, and the archiving was for the shop's deletion."""
    after = {name: value for name, value in {**product, **changes}.items() if value != []}
    deleted = {each["id"] for each in after.get("deleted_ids", ())}
    had = {each["id"] for each in product.get("deleted_ids", ())}
    gone = bool(deleted) and deleted >= set(after.get("shop_ids", ()))
    if gone and deleted != had and not product.get("archived"):
        after |= {"archived": True, "archived_by": _SHOP}
    elif not gone and product.get("archived_by") == _SHOP:
        after = {name: value for name, value in after.items() if name not in ("archived", "archived_by")}
    return "unchanged" if after == product else after


def _settle(db: Db, product: Document, decide: Callable[[Document], Document | str]) -> str:
    """Bring a product to what `decide` makes of it; decided again where somebody changed it meanwhile."""
    for _ in range(_ROUNDS):
        after = decide(product)
        if isinstance(after, str):
            return after
        as_read = {name: product.get(name) for name in ("_id", *_GUARDED)}
        changed = {name: value for name, value in after.items() if product.get(name) != value}
        removed = {name: "" for name in product if name not in after}
        update = {operator: fields for operator, fields in (("$set", changed), ("$unset", removed)) if fields}
        if db.products.update_one(as_read, update).matched_count:
            return "updated"
        again = db.products.find_one({"_id": product["_id"]})
        if again is None:
            return "unchanged"
        product = again
    raise RuntimeError("a product kept changing while its deletion was noted")
