"""Stock: expected in the shop is what is here, with what orders hold here that the shop has not taken yet, and without
what the shop has still to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pos_api.catalogue.collections import products
from pos_api.catalogue.deletion import is_deleted
from pos_api.catalogue.external_ids import external_id
from pos_api.common.quantity import Quantity, quantity, whole
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile.comparison import Comparison
from pos_api.senders.woocommerce.reconcile.model import PRODUCTS, Explanation, StockDiscrepancy
from pos_api.senders.woocommerce.reconcile.stock_moved import moved_here
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.senders.woocommerce.stock_push.items import number_at
from pos_api.stock.reserved import reserved_units
from pos_api.stock.store_sync import is_on, refusals, unsent_in_order, unsent_units

_LOOKS = 3
_LONGEST_SKU = 10_000


def units(row: Row) -> Quantity | None:
    """The stock that the shop keeps of a product or variation; None where it does not manage it, or gives no number. It
    is 0 where it is managed and has no quantity."""
    if row.get("manage_stock") is not True or "stock_quantity" not in row:
        return None
    there = row["stock_quantity"]
    try:
        return 0 if there is None or there == "" else quantity(there)
    except ValueError:
        return None


def sku_of(row: Row) -> str:
    """The SKU of a product of the shop; one that is no text is `(unreadable)`."""
    given = row.get("sku")
    sku = shown_text(given, _LONGEST_SKU).strip()
    return sku or ("" if given is None or isinstance(given, str) else "(unreadable)")


def is_sound(row: Row) -> bool:
    """Whether the stock of a row is a number, or none that the shop manages."""
    return row.get("manage_stock") is not True or units(row) is not None


# --- what is known here -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KnownStocks:
    """What is known here of the stock of all products of a shop, by product, when the comparison begins: units that
    orders hold and the shop has not taken, units that it has still to be sent, and the products of which it did not
    take a movement. `synced` is whether stock is sent to it."""

    reserved: dict[str, Quantity]
    unsent: dict[str, Quantity]
    refused: frozenset[str]
    synced: bool


def known_stocks(comparison: Comparison) -> KnownStocks:
    """What is known here of the stock of all products."""
    db, store = comparison.db, comparison.store.id
    refused = frozenset(each["product"] for each in refusals(db).find({"store": store}, {"product": 1}))
    return KnownStocks(reserved_units(db, store), unsent_units(db, store), refused, is_on(db, store))


@dataclass(frozen=True, slots=True)
class KnownStock:
    """What is known here of the stock of one product; `unsent` are the units of each movement that the shop has still
    to be sent, the oldest first."""

    product: str
    seq: int
    sku: str
    name: str | None
    stock: Quantity
    held: Quantity
    unsent: tuple[Quantity, ...]

    def difference(self, there: Quantity) -> Quantity:
        """By how much the stock here is off what is expected of the shop's."""
        return discrepancy_of(self.stock, there, self.held, self.unsent)


def here(comparison: Comparison, product_id: str) -> KnownStock:
    """What is known here now of the stock of a product."""
    db, store = comparison.db, comparison.store.id
    unsent = tuple(unsent_in_order(db, store, product_id))
    held = reserved_units(db, store, product_id).get(product_id, 0)
    found = db.products.find_one({"_id": product_id}, {"stock": 1, "seq": 1, "sku": 1, "name": 1})
    assert found is not None
    return KnownStock(product_id, found["seq"], found["sku"], found["name"], found["stock"], held, unsent)


def discrepancy_of(here: Quantity, there: Quantity, held: Quantity, unsent: Sequence[Quantity] = ()) -> Quantity:
    """By how much the stock here is off what is expected from the shop's, when orders hold `held` units that the shop
    has not taken, and these movements have still to be sent to it. The shop may have done the first of them already,
    while its answer is on the way: then there is none."""
    difference = whole(here + held - sum(unsent) - there)
    done: Quantity = 0
    for units in unsent:
        done = whole(done + units)
        if whole(difference + done) == 0:
            return 0
    return difference


# --- comparing --------------------------------------------------------------------------------------------------------


def compare(comparison: Comparison, row: Row, product_id: str, stocks: KnownStocks) -> None:
    """Note where the stock of a product is not what the shop's makes one expect; confirmed by a second look at it."""
    db, report = comparison.db, comparison.report
    stored = db.products.find_one({"_id": product_id}, {"stock": 1, "seq": 1})
    assert stored is not None
    if (there := units(row)) is None:
        if row.get("manage_stock") is not True:  # there is nothing that could be equal
            _no_longer_refused(comparison, product_id, stored["seq"], stocks)
        return
    report.stock_compared += 1
    held, unsent = stocks.reserved.get(product_id, 0), stocks.unsent.get(product_id, 0)
    if not discrepancy_of(stored["stock"], there, held, [unsent]):
        if not unsent:
            _no_longer_refused(comparison, product_id, stored["seq"], stocks)
        return
    if (looked := _look_again(comparison, row, product_id)) is None:
        return
    known, there = looked
    if known.difference(there):
        moved = moved_here(db, comparison.store.id, product_id)
        report.stock.append(describe(known, there, row["id"], moved, synced=stocks.synced))
    elif not known.unsent:
        _no_longer_refused(comparison, product_id, known.seq, stocks)


def _look_again(comparison: Comparison, row: Row, product_id: str) -> tuple[KnownStock, Quantity] | None:
    """What is known here and the shop's stock, of one moment: the list may be older than what came in meanwhile. None
    where the shop has none, or the product keeps moving: then the next comparison looks at it."""
    known = here(comparison, product_id)
    for _ in range(_LOOKS):
        again, unread = comparison.shop.product(row["id"])
        comparison.report.not_read(PRODUCTS, [unread] if unread else [])
        there = units(again) if again is not None else None
        if there is None:
            return None
        before, known = known, here(comparison, product_id)
        if known == before:
            return known, there
    return None


def _no_longer_refused(comparison: Comparison, product_id: str, seq: int, stocks: KnownStocks) -> None:
    """Both sides are equal as of this movement: nothing is left of what the shop did not take up to it."""
    if product_id in stocks.refused:
        settle_refusal(comparison, product_id, seq)


def settle_refusals_of_unsold(comparison: Comparison, stocks: KnownStocks) -> None:
    """Delete the refusals of products that the shop does not sell any more, as far as is known here."""
    wanted, store = {"_id": {"$in": sorted(stocks.refused)}}, comparison.store.id
    for product in products(comparison.db).find(wanted) if stocks.refused else ():
        number = number_at(product, store)
        if number == "not_sold" or is_deleted(product, external_id(store, number)):
            settle_refusal(comparison, product["_id"], product["seq"])


def settle_refusal(comparison: Comparison, product_id: str, seq: int) -> None:
    """Delete the refusal of a product, unless it is of a movement after number `seq`."""
    store = comparison.store.id
    refusals(comparison.db).delete_one({"_id": f"{store}:{product_id}", "seq": {"$lte": seq}})


def describe(
    known: KnownStock, there: Quantity, shop_id: int, moved: Mapping[str, Quantity], *, synced: bool = False
) -> StockDiscrepancy:
    """The discrepancy of a product; `moved` are units by cause that moved here and not in the shop."""
    difference = known.difference(there)
    explained: list[Explanation] = [{"cause": cause, "quantity": number} for cause, number in moved.items() if number]
    unexplained = whole(difference - sum(moved.values()))
    on_the_way = whole(sum(known.unsent))
    return {
        "product": known.product,
        "sku": known.sku,
        "name": known.name,
        "shop_id": shop_id,
        "here": known.stock,
        "shop": there,
        "held_by_pending": known.held,
        "on_the_way": on_the_way,
        "stock_sync": synced,
        "difference": difference,
        "explained": explained,
        "unexplained": unexplained,
        "cause": "; ".join(_causes(explained, unexplained, on_the_way)),
    }


def _causes(explained: Iterable[Explanation], unexplained: Quantity, on_the_way: Quantity) -> list[str]:
    causes = [f"{each['cause']}: {each['quantity']:+g}" for each in explained]
    if unexplained:
        causes.append(f"{unexplained:+g} by a change of stock in the shop that was no order, or an order not in sync")
    if on_the_way:
        causes.append(f"besides, {on_the_way:+g} on the way to the shop")
    return causes


def note_unknown(comparison: Comparison, row: Row) -> None:
    """Note a product of the shop whose stock is not kept here, and add it where that is asked."""
    there = units(row)
    assert there is not None
    entry: StockDiscrepancy = {
        "product": None,
        "sku": sku_of(row),
        "name": shown_text(row.get("name")),
        "shop_id": row["id"],
        "here": None,
        "shop": there,
        "held_by_pending": 0,
        "on_the_way": 0,
        "stock_sync": False,
        "difference": None,
        "explained": [],
        "unexplained": there,
        "cause": "The product is not known here.",
    }
    if comparison.options.repair:
        outcome = comparison.apply(envelope("product.created", row))
        entry["repair"] = outcome.outcome
        if outcome.reason or outcome.warnings:
            entry["cause"] = outcome.reason or outcome.warnings[0].message
    comparison.report.stock.append(entry)
