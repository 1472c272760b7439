"""What a deletion in a store, or a report that it has the product, means for the archive. No database is needed here.

`archived` follows from deletions only where `archived_by` says so: what staff archive, or take out of the archive,
stays so.
"""

from __future__ import annotations

from pos_api.catalogue.model import DeletedId, ProductDeletion, ProductDocument, ProductUpdate

_SHOP = "shop"


def is_deleted(product: ProductDocument, external_id: str) -> bool:
    """Whether the store is known to have deleted this external id of a product."""
    return any(each["id"] == external_id for each in product.get("deleted_ids", ()))


def after_deletion(product: ProductDocument, deletion: ProductDeletion) -> ProductDocument | None:
    """The product after a deletion: of the external id itself, and of the variations that it is the parent of. None
    where the store reported something newer."""
    newest = product.get("synced_at", deletion.received_at)
    if deletion.deleted_at is not None and newest > deletion.deleted_at:
        return None
    variations = {each["id"] for each in product.get("variation_of", ()) if each["parent"] == deletion.external_id}
    known = {each["id"] for each in product.get("deleted_ids", ())}
    deleted: list[DeletedId] = [
        {
            "id": each,
            "at": deletion.deleted_at or max(newest, deletion.received_at),
            "because": deletion.external_id,
            "version": product.get("synced_at"),
        }
        for each in product.get("external_ids", ())
        if each not in known and (each == deletion.external_id or each in variations)
    ]
    return _archived_as_needed(product, [*product.get("deleted_ids", ()), *deleted])


def after_report(product: ProductDocument, update: ProductUpdate) -> ProductDocument:
    """The product after a report that the store has it: what was deleted before the report is not deleted any more."""
    reported = update.external_id
    kept = [
        each
        for each in product.get("deleted_ids", ())
        if reported not in (each["id"], each["because"]) or not _is_newer(update, each)
    ]
    after = _archived_as_needed(product, kept)
    if update.parent_external_id and reported in product.get("external_ids", ()):
        others = [each for each in product.get("variation_of", ()) if each["id"] != reported]
        after["variation_of"] = [*others, {"id": reported, "parent": update.parent_external_id}]
    return after


def _is_newer(update: ProductUpdate, deletion: DeletedId) -> bool:
    """Whether the store had the product after a deletion. WooCommerce's own signature leaves out the topic, so a copy
    of an older delivery could be sent as `product.restored`; but a restore changes the product."""
    version = deletion["version"]
    if update.restored and update.counts_by_arrival and version and update.modified_at <= version:
        return False
    return update.seen_at > deletion["at"] or (update.restored and update.seen_at == deletion["at"])


def _archived_as_needed(product: ProductDocument, deleted: list[DeletedId]) -> ProductDocument:
    """The product with these deleted ids, in the archive once every external id is deleted, and out of it when one is
    there that its store has, and the archiving followed from deletions."""
    after = product.copy()
    after.pop("deleted_ids", None)
    if deleted:
        after["deleted_ids"] = deleted
    ids = {each["id"] for each in deleted}
    ids_before = {each["id"] for each in product.get("deleted_ids", ())}
    gone = bool(ids) and ids >= set(product.get("external_ids", ()))
    if gone and ids != ids_before and not product.get("archived"):
        after["archived"], after["archived_by"] = True, _SHOP
    elif not gone and product.get("archived_by") == _SHOP:
        after.pop("archived", None)
        after.pop("archived_by", None)
    return after
