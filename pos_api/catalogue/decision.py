"""What a store's update about a product means here: which product it is about, and what is to be done. No database is
needed here: `decide` is given what is known, and `apply` carries out what it decides.

The store's id decides which product it is; of an id that is not known yet, the SKU does. A SKU goes to the product that
the newest update gives it to. Products of a store that share a SKU are one product here. The SKU of a variation whose
stock is kept at its parent is one more by which the parent is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from pos_api.catalogue.external_ids import number_of
from pos_api.catalogue.matching import MAX_OF_OTHER_STORES
from pos_api.catalogue.model import Outcome, ProductDocument, ProductUpdate, ids_of_store, is_owned_by_another_store
from pos_api.catalogue.skus import may_take_sku
from pos_api.common.warning_messages import EventWarning, warn


@dataclass(frozen=True, slots=True)
class RelatedProducts:
    """What is known of a product that a store reports: the one with its external id, the one with its SKU, its parent,
    the one it was before its stock became its parent's, and the `_id` for a new one: the SKU, unless the ledger under
    that name is a product's that was renamed since."""

    by_id: ProductDocument | None
    by_sku: ProductDocument | None
    parent: ProductDocument | None
    before_sharing: ProductDocument | None
    new_id: str


def related_products(found: Iterable[ProductDocument], update: ProductUpdate) -> RelatedProducts:
    """Which of the products found are related to an update, and how."""
    by_external_id: dict[str, ProductDocument] = {}
    by_shared: dict[str, ProductDocument] = {}
    by_sku = None
    taken = False
    for product in found:
        for each in product.get("external_ids", ()):
            by_external_id.setdefault(each, product)
        for each in product.get("ids_with_shared_stock", ()):
            by_shared.setdefault(each, product)
        by_sku = by_sku or (product if update.sku in product["skus"] else None)
        taken = taken or product["_id"] == update.sku
    return RelatedProducts(
        by_id=by_external_id.get(update.external_id),
        by_sku=by_sku,
        parent=by_external_id.get(update.parent_external_id),
        before_sharing=by_shared.get(update.external_id),
        new_id=f"{update.sku} ({update.external_id})" if taken else update.sku,
    )


@dataclass(frozen=True, slots=True)
class LeaveAsIs:
    """Nothing changes; `outcome` and `warnings` say why."""

    outcome: Outcome
    warnings: tuple[EventWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Create:
    """Make a product; its SKU is taken from another one first, where that is named."""

    take_sku_from: ProductDocument | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Bring this product to what the store reports. `same_sku` is another product that has, or had, the SKU. Where
    `link` is set, it has the external id from now on; where `own_stock_again` is set, it has stock of its own again,
    which was its parent's. `shared_with` are other external ids of the store that it has already."""

    product: ProductDocument
    same_sku: ProductDocument | None = None
    link: bool = False
    own_stock_again: bool = False
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """Let another store's product have the external id, too; `shared_with` as in `Update`."""

    product: ProductDocument
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddSku:
    """Let another store's product be found by the SKU, too."""

    product: ProductDocument


@dataclass(frozen=True, slots=True)
class ShareStock:
    """Let the variation use its parent's stock; `others` are the products that have its id or SKU so far."""

    parent: ProductDocument
    others: tuple[ProductDocument, ...]


Action: TypeAlias = LeaveAsIs | Create | Update | Link | AddSku | ShareStock


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an update: the action; before it, the product from which its external id is unlinked; and the
    parent whose stock it shares no more."""

    action: Action
    unlink_from: ProductDocument | None = None
    stop_sharing_with: ProductDocument | None = None


def decide(update: ProductUpdate, related: RelatedProducts) -> Decision:
    """What an update of a product with stock of its own means."""
    if related.by_id is None and not update.published:
        return Decision(LeaveAsIs("ignored", (warn("not_published", sku=update.sku),)))
    parent = _parent_no_longer_shared(update, related)
    if parent is None:
        return _about_product(update, related)
    if parent["shared_stock_variations"][update.external_id] > update.modified_at:
        return Decision(LeaveAsIs("stale"))
    if related.by_sku is parent:
        related = replace(related, by_sku=None)
    return replace(_about_product(update, related), stop_sharing_with=parent)


def _parent_no_longer_shared(update: ProductUpdate, related: RelatedProducts) -> ProductDocument | None:
    """The parent, where the variation's stock was the parent's until now."""
    parent = related.parent
    if parent is None or parent["sku"] == update.sku:
        return None
    return parent if update.external_id in parent.get("shared_stock_variations", {}) else None


def _about_product(update: ProductUpdate, related: RelatedProducts) -> Decision:
    by_id, by_sku = related.by_id, related.by_sku
    if _is_sku_of_family(update, by_id, by_sku):
        return Decision(LeaveAsIs("ignored", (warn("shared_sku", sku=update.sku),)))
    if by_id is None:
        return Decision(_by_sku(update, related))
    if is_owned_by_another_store(by_id, update.store):
        return _about_product_of_another_store(update, by_id, related)
    return Decision(Update(by_id, same_sku=by_sku if by_sku is not by_id else None))


def _about_product_of_another_store(
    update: ProductUpdate, product: ProductDocument, related: RelatedProducts
) -> Decision:
    """The SKU is one more by which the product is found, and never its name here. Where it is another product's, the id
    is that one's from now on."""
    if related.by_sku is product:
        return Decision(LeaveAsIs("unchanged"))
    if product.get("linked_at", {}).get(update.external_id, update.modified_at) > update.modified_at:
        return Decision(LeaveAsIs("stale"))
    if related.by_sku is not None:
        return Decision(_by_sku(update, related), unlink_from=product)
    if len(product.get("skus_of_other_stores", ())) >= MAX_OF_OTHER_STORES:
        return Decision(LeaveAsIs("ignored", (warn("shared_sku", sku=update.sku),)))
    return Decision(AddSku(product))


def _is_sku_of_family(update: ProductUpdate, by_id: ProductDocument | None, by_sku: ProductDocument | None) -> bool:
    """Whether the SKU may be only that of the parent, or of a variation, and says nothing of this product: WooCommerce
    shows the parent's SKU for a variation without one (`WC_Product_Variation::get_sku`)."""
    if by_sku is None:
        return False
    others = _other_ids(update, by_sku)
    if by_sku["sku"] == update.sku and update.parent_external_id in others:
        return True
    if by_id is not None:
        return False
    variations = by_sku.get("variation_of", ())
    if update.parent_external_id and others and not variations:
        return True
    return any(each["parent"] == update.external_id for each in variations)


def _by_sku(update: ProductUpdate, related: RelatedProducts) -> Action:
    """What to do about an external id that is no product's yet, or no longer."""
    by_sku, before = related.by_sku, related.before_sharing
    if before and update.stock is not None and not is_owned_by_another_store(before, update.store):
        return Update(before, same_sku=by_sku if by_sku is not before else None, own_stock_again=True)
    if by_sku is None:
        return Create()
    others = tuple(_other_ids(update, by_sku))
    if others and by_sku["sku"] != update.sku and may_take_sku(by_sku, update):
        return Create(take_sku_from=by_sku if update.stock is not None else None)
    if not is_owned_by_another_store(by_sku, update.store):
        return Update(by_sku, link=True, shared_with=others)
    if len(by_sku.get("linked_at", ())) >= MAX_OF_OTHER_STORES:
        return LeaveAsIs("ignored", (warn("shared_sku", sku=update.sku),))
    return Link(by_sku, shared_with=others)


def _other_ids(update: ProductUpdate, product: ProductDocument) -> list[str]:
    """The store's other external ids of a product."""
    return [each for each in ids_of_store(update.store, product.get("external_ids", ())) if each != update.external_id]


def decide_shared_stock(update: ProductUpdate, related: RelatedProducts) -> Action:
    """What an update of a variation whose stock is kept at its parent means."""
    parent, sku = related.parent, update.sku
    if parent is None:
        return LeaveAsIs("ignored", (warn("unknown_parent", sku=sku, parent=number_of(update.parent_external_id)),))
    found = (related.by_id, related.by_sku if related.by_sku is not related.by_id else None)
    others = tuple(each for each in found if each is not None and each is not parent)
    adds_sku = is_owned_by_another_store(parent, update.store) and sku not in parent["skus"]
    full = adds_sku and len(parent.get("skus_of_other_stores", ())) >= MAX_OF_OTHER_STORES
    if full or not all(may_take_sku(other, update) for other in others):
        return LeaveAsIs("ignored", (warn("shared_sku", sku=sku),))
    known_at = parent.get("shared_stock_variations", {}).get(update.external_id, update.modified_at)
    if known_at > update.modified_at:
        return LeaveAsIs("stale")
    return ShareStock(parent, others)


def several_products_warning(update: ProductUpdate, shared_with: Iterable[str]) -> EventWarning:
    """That several products of the store have one SKU: translations of one, or by mistake; or the older was deleted."""
    numbers = {number_of(each) for each in (update.external_id, *shared_with)}
    ids = sorted(numbers, key=lambda each: (len(each), each))
    return warn("sku_of_several", sku=update.sku, ids=" and ".join(ids))
