"""Reading what has to be known to match the lines of a batch of orders; for most orders that is one query."""

from __future__ import annotations

from collections.abc import Mapping

from pos_api.catalogue import goods_without_stock
from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.goods_without_stock import GoodsWithoutStock
from pos_api.catalogue.lookup import Catalogue, lookup
from pos_api.catalogue.opening_stock import undecided_since
from pos_api.database.client import Db
from pos_api.orders.lines import reference_of
from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.opening import is_first_seen, is_from_before_live, stock_reduction, undecided_since_live
from pos_api.orders.parts import Line
from pos_api.stock.opening import FirstMade, first_made_since


def catalogue_for(db: Db, updates: list[OrderUpdate], stored: Mapping[str, Order]) -> Catalogue:
    """The products that these orders may need, and what else has to be known to match their lines."""
    skus: set[str] = set()
    external_ids: set[str] = set()
    for update in updates:
        order = stored.get(update.key)
        if order:
            skus.update(held["sku"] for held in order["held"])
        for line in _lines_after(update, order):
            if line["sku"]:
                skus.add(line["sku"])
            if line["sku"] or line.get("by_id"):
                numbers = (line.get("product_id"), line.get("variation_id"))
                external_ids.update(external_id(update.store, number) for number in numbers if number)
    catalogue = lookup(db, skus, external_ids)
    catalogue.without_stock = _without_stock(db, updates, stored, catalogue)
    first_seen = [update for update in updates if is_first_seen(stored.get(update.key))]
    catalogue.first_made = _first_made(db, first_seen, catalogue)
    return catalogue


def _lines_after(update: OrderUpdate, order: Order | None) -> list[Line]:
    if "line_items" in update.fields:
        return update.fields["line_items"]
    return order["line_items"] if order else []


def _without_stock(
    db: Db, updates: list[OrderUpdate], stored: Mapping[str, Order], catalogue: Catalogue
) -> GoodsWithoutStock:
    """Of the lines that no product is known for, those of goods that the shop keeps no stock of."""
    external_ids: set[str] = set()
    skus: set[str] = set()
    for update in updates:
        order = stored.get(update.key)
        known = frozenset(order.get("without_stock", ())) if order else frozenset()
        for line in update.fields.get("line_items", ()):
            if not line["sku"] or line["sku"] in known:
                continue
            reference = reference_of(update.store, line)
            if not catalogue.candidates.has(reference):
                skus.add(line["sku"])
                external_ids.add(reference.external_id)
    return goods_without_stock.find(db, external_ids, skus) if skus else GoodsWithoutStock()


def _first_made(db: Db, updates: list[OrderUpdate], catalogue: Catalogue) -> FirstMade:
    """What is to be known of orders seen for the first time whose date is from before, but which may be made since."""
    dated_back = {since for update in updates if (since := undecided_since_live(update))}
    first_made = first_made_since(db, dated_back) if dated_back else {}
    moments = {
        (update.store, moment)
        for update in updates
        if not is_from_before_live(update, reduction := stock_reduction(update), first_made)
        for line in update.fields.get("line_items", ())
        if (product := catalogue.candidates.likely(reference_of(update.store, line)))
        and (moment := undecided_since(product, update.store, reduction))
    }
    return {**first_made, **first_made_since(db, moments)} if moments else first_made
