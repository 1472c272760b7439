"""A product that a store reports: what is known of it is read, `decision` says what the update means, and that is
carried out here. Every step can be run again without effect."""

from __future__ import annotations

from typing import Any

from pos_api.catalogue import archive, collections, goods_without_stock, links, product_events
from pos_api.catalogue.creation import create, new_product
from pos_api.catalogue.decision import (
    Action,
    AddSku,
    Create,
    LeaveAsIs,
    Link,
    RelatedProducts,
    ShareStock,
    Update,
    decide,
    decide_shared_stock,
    related_products,
    several_products_warning,
)
from pos_api.catalogue.details import add_differing_details, changes_anything, reported_fields
from pos_api.catalogue.model import (
    Outcome,
    ProductDocument,
    ProductResult,
    ProductUpdate,
    is_owned_by_another_store,
    product_changed,
)
from pos_api.catalogue.product_events import Cause
from pos_api.catalogue.skus import (
    no_longer_of_other_stores,
    placeholder,
    sku_taken_warning,
    with_current_sku,
)
from pos_api.catalogue.stock_management import management_changes, restart_stock
from pos_api.common.quantity import Quantity
from pos_api.common.text_search import product_words
from pos_api.common.time import now
from pos_api.common.warning_messages import EventWarning, warn
from pos_api.database.client import Db, Document
from pos_api.events import StockChanged
from pos_api.stock.model import stock_changed


def apply(db: Db, update: ProductUpdate) -> ProductResult:
    """Take over what a store reports about a product.

    An unknown one is created with the store's stock, which counts as containing every order created before. Of a known
    one name, price and SKU follow the store, its stock never does. Where the store does not manage the stock there is
    nothing to start from, so nothing is created; nor is it of a draft, whose stock is not for sale yet. One that was
    archived because the store had deleted it is active again.
    """
    with product_events.changing(db, _concerned(update), Cause(update.store, update.cause)):
        return _apply_and_note_existence(db, update)


def _concerned(update: ProductUpdate) -> Document:
    """The products that an update may change."""
    return {"$or": [*_related(update), {"deleted_ids.because": update.external_id}]}


def _apply_and_note_existence(db: Db, update: ProductUpdate) -> ProductResult:
    result = _apply(db, update)
    if result.outcome == "stale" and not update.restored:
        return result
    archived = archive.note_existence(db, update)
    if not archived:
        return result
    events = {event.id: event for event in (*archived, *result.events)}
    outcome: Outcome = "created" if result.outcome == "created" else "updated"
    return ProductResult(outcome, result.warnings, tuple(events.values()))


def _apply(db: Db, update: ProductUpdate) -> ProductResult:
    if not update.sku:
        return ProductResult("ignored", (warn("product_without_sku"),))
    related = _read_related(db, update)
    if update.shares_parent_stock:
        return _carry_out(db, update, related, decide_shared_stock(update, related))
    decision = decide(update, related)
    parent = decision.stop_sharing_with
    if parent is not None and related.by_sku is parent:
        links.take_sku(db, parent, update)
    if decision.unlink_from is not None:
        links.unlink(db, decision.unlink_from, update.external_id)
    result = _carry_out(db, update, related, decision.action)
    if parent is not None:  # last: a crash before it leaves all to be done again
        links.end_shared_stock(db, parent, update.external_id)
    return result


def _read_related(db: Db, update: ProductUpdate) -> RelatedProducts:
    return related_products(collections.products(db).find({"$or": _related(update)}), update)


def _related(update: ProductUpdate) -> list[Document]:
    ids = [each for each in (update.external_id, update.parent_external_id) if each]
    by_ids: list[Document] = [{"external_ids": {"$in": ids}}, {"ids_with_shared_stock": update.external_id}]
    by_sku: list[Document] = [{"skus": update.sku}, {"_id": update.sku}]
    return [*by_ids, *by_sku]


def _carry_out(db: Db, update: ProductUpdate, related: RelatedProducts, action: Action) -> ProductResult:
    match action:
        case LeaveAsIs(outcome, warnings):
            return ProductResult(outcome, warnings)
        case Create(take_sku_from):
            return _create(db, update, related, take_sku_from)
        case Update():
            return _update(db, update, action)
        case Link(product, shared_with):
            links.link(db, product, update)
            warnings = (several_products_warning(update, shared_with),) if shared_with else ()
            return _result(update, product["_id"], "updated", warnings)
        case AddSku(product):
            links.add_sku(db, product, update)
            return _result(update, product["_id"], "updated")
        case ShareStock(parent, others):
            return _share_stock(db, update, parent, others)


def _result(
    update: ProductUpdate,
    product: str,
    outcome: Outcome,
    warnings: tuple[EventWarning, ...] = (),
    moved: tuple[StockChanged, ...] = (),
) -> ProductResult:
    """The result of an update of a product (`_id`), with an event where it changed, and those of its stock."""
    if outcome != "created" and outcome != "updated":
        return ProductResult(outcome, warnings, moved)
    event = product_changed(product, outcome, update.modified_at, now(), update.store)
    return ProductResult(outcome, warnings, (event, *moved))


def _create(
    db: Db, update: ProductUpdate, related: RelatedProducts, take_sku_from: ProductDocument | None
) -> ProductResult:
    if update.stock is None:
        goods_without_stock.add(db, update)
        return ProductResult("ignored", (warn("stock_not_managed", sku=update.sku),))
    if take_sku_from is not None:
        links.take_sku(db, take_sku_from, update)
    if not goods_without_stock.remove(db, update.external_id, update.modified_at):
        return ProductResult("stale")
    _, opening = create(db, _product_of(update, update.stock, related), cause=update.cause, store=update.store)
    moved = (stock_changed(opening, update.store),) if opening["seq"] == 1 else ()
    return _result(update, related.new_id, "created", moved=moved)


def _product_of(update: ProductUpdate, stock: Quantity, related: RelatedProducts) -> ProductDocument:
    """The new product that an update makes."""
    name = update.name or update.sku
    product = new_product(update.sku, name=name, price=update.price, stock=stock, id=related.new_id)
    add_differing_details(product, product, update)
    product["external_ids"] = [update.external_id]
    product["owning_store"] = update.store
    product["synced_at"] = update.modified_at
    product["opening_store"] = update.store
    product["opening_stock_at"] = update.stock_read_at
    if update.last_order_id is not None:
        product["opening_last_order_id"] = update.last_order_id
    parent = related.parent
    if parent is not None and update.external_id in parent.get("shared_stock_variations", {}):
        product["stock_parent"] = parent["_id"]
    return product


def _share_stock(
    db: Db, update: ProductUpdate, parent: ProductDocument, others: tuple[ProductDocument, ...]
) -> ProductResult:
    """Let the lines of a variation move the stock of its parent, which is where the store keeps it."""
    if not all(links.take_sku(db, other, update) for other in others):
        return ProductResult("stale")
    for other in others:
        if update.external_id in other.get("external_ids", ()):
            links.move_id_to_parent(db, other, parent, update)
    goods_without_stock.remove(db, update.external_id, update.modified_at)
    links.share_stock(db, parent, update)
    outcome: Outcome = "unchanged" if update.sku in parent["skus"] else "updated"
    taken = tuple(sku_taken_warning(other, update.sku) for other in others if other["sku"] == update.sku)
    return _result(update, parent["_id"], outcome, taken)


def _update(db: Db, update: ProductUpdate, action: Update) -> ProductResult:
    product = action.product
    outcome: Outcome
    warnings: tuple[EventWarning, ...]
    moved: tuple[StockChanged, ...] = ()
    if action.own_stock_again:
        moved = _give_back_own_stock(db, product, update)
    elif action.link:
        links.link(db, product, update)
    if product.get("synced_at", update.modified_at) > update.modified_at:
        outcome, warnings = "stale", ()
    else:
        sku, warnings = _available_sku(db, update, action)
        outcome, restarted = _write(db, update, product, sku)
        moved += restarted
    if action.shared_with:
        outcome, warnings = "updated", (*warnings, several_products_warning(update, action.shared_with))
    return _result(update, product["_id"], outcome, warnings, moved)


def _give_back_own_stock(db: Db, product: ProductDocument, update: ProductUpdate) -> tuple[StockChanged, ...]:
    """A variation's stock is its own again: its ledger goes on with what the store has now."""
    restarted, moved = restart_stock(db, product, update)
    changes: dict[str, Any] = {
        "$pull": {"ids_with_shared_stock": update.external_id},
        "$addToSet": {"external_ids": update.external_id},
        "$set": restarted,
    }
    collections.products(db).update_one({"_id": product["_id"]}, changes)
    return moved


def _available_sku(db: Db, update: ProductUpdate, action: Update) -> tuple[str, tuple[EventWarning, ...]]:
    """The SKU that the product of an update has from now on: the one reported, taken from another product where that
    has or had it; a placeholder where it can't be taken."""
    sku, other = update.sku, action.same_sku
    if other is None:
        return sku, ()
    if links.take_sku(db, other, update):
        return sku, (sku_taken_warning(other, sku),) if other["sku"] == sku else ()
    warnings = (warn("shared_sku", sku=sku),) if is_owned_by_another_store(other, update.store) else ()
    return placeholder(action.product["_id"]), warnings


def _write(
    db: Db, update: ProductUpdate, product: ProductDocument, sku: str
) -> tuple[Outcome, tuple[StockChanged, ...]]:
    """Bring a product's fields to what the store reports; returns the outcome and what that moved."""
    fields = reported_fields(product, update, sku)
    former = [each for each in product["skus"] if each != placeholder(product["_id"])]
    managed, moved = management_changes(db, product, update)
    values = {
        **fields,
        "owning_store": update.store,
        "synced_at": update.modified_at,
        "search": product_words(sku, *former, fields["name"]),
    }
    changes = {name: {"$literal": value} for name, value in values.items()} | managed
    if given := product.get("skus_of_other_stores"):  # no other store takes away what its own store calls it
        changes["skus_of_other_stores"] = no_longer_of_other_stores(given, sku)
    changes |= with_current_sku(product["_id"], sku)
    not_newer = {"_id": product["_id"], "synced_at": {"$not": {"$gt": update.modified_at}}}
    if not collections.products(db).update_one(not_newer, [{"$set": changes}]).matched_count:
        return "stale", moved
    return ("updated" if managed or changes_anything(product, fields) else "unchanged"), moved
