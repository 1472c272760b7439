"""Stock: expected here is the shop's, less what orders hold here that the shop has not taken yet."""

from __future__ import annotations

from datetime import datetime, timedelta

from pos_api.catalogue import stock_events
from pos_api.catalogue.stock_management import MANAGED_AGAIN
from pos_api.common.quantity import Quantity, quantity, whole
from pos_api.database.client import Document
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile.comparison import Comparison
from pos_api.senders.woocommerce.reconcile.model import PRODUCTS, Explanation, StockDiscrepancy
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.stock import ledger
from pos_api.stock.model import stock_changed
from pos_api.stock.reserved import reserved_units

ALIGNED = "reconcile"
"""The reason of a movement that brings a SKU to the shop's stock. What came before it explains no discrepancy after."""

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


def compare(comparison: Comparison, row: Row, product_id: str, reserved: dict[str, Quantity]) -> None:
    """Note where the stock of a product is not what the shop's makes one expect; confirmed by a second look at it.
    `reserved` are units by product that orders hold and the shop has not taken yet."""
    if (there := units(row)) is None:
        return
    db, report = comparison.db, comparison.report
    report.stock_compared += 1
    held = reserved.get(product_id, 0)
    product = _product(comparison, product_id)
    if not discrepancy_of(product["stock"], there, held):
        return
    again, unread = comparison.shop.product(row["id"])  # the list may be older than what came in meanwhile
    report.not_read(PRODUCTS, [unread] if unread else [])
    if again is None or (there := units(again)) is None:
        return
    held = reserved_units(db, comparison.store.id, product_id).get(product_id, 0)
    product = _product(comparison, product_id)
    if discrepancy_of(product["stock"], there, held):
        moved = _moved_here(comparison, product_id)
        report.stock.append(describe(product, there, held, moved))


def discrepancy_of(here: Quantity, there: Quantity, held: Quantity) -> Quantity:
    """By how much the stock here is off what is expected from the shop's, when orders hold `held` units that the
    shop has not taken."""
    return whole(here - (there - held))


def describe(product: Document, there: Quantity, held: Quantity, moved: dict[str, Quantity]) -> StockDiscrepancy:
    """The discrepancy of a product; `moved` are units by cause that moved here and not in the shop."""
    discrepancy = discrepancy_of(product["stock"], there, held)
    explained: list[Explanation] = [{"cause": cause, "quantity": number} for cause, number in moved.items() if number]
    unexplained = whole(discrepancy - sum(moved.values()))
    return {
        "product": product["_id"],
        "sku": product["sku"],
        "name": product["name"],
        "here": product["stock"],
        "shop": there,
        "held_by_pending": held,
        "difference": discrepancy,
        "explained": explained,
        "unexplained": unexplained,
        "cause": _cause(explained, unexplained),
    }


def _cause(explained: list[Explanation], unexplained: Quantity) -> str:
    causes = [f"{each['cause']}: {each['quantity']:+g}" for each in explained]
    if unexplained:
        causes.append(f"{unexplained:+g} by a change of stock in the shop that was no order, or an order not in sync")
    return "; ".join(causes)


def _product(comparison: Comparison, product_id: str) -> Document:
    product = comparison.db.products.find_one({"_id": product_id}, {"stock": 1, "sku": 1, "name": 1})
    assert product is not None
    return product


def _moved_here(comparison: Comparison, product_id: str) -> dict[str, Quantity]:
    """Units by cause that moved here and not in the shop, since both were last the same."""
    movements = comparison.db.stock_movements
    same = {"sku": product_id, "reason": {"$in": [ALIGNED, MANAGED_AGAIN]}}
    start = movements.find_one(same, {"seq": 1}, sort=[("seq", -1)])
    by = {"$ifNull": [{"$first": {"$split": ["$order", ":"]}}, ""]}
    sums = movements.aggregate(
        [
            {"$match": {"sku": product_id, "seq": {"$gt": start["seq"] if start else 1}}},
            {"$project": {"quantity": 1, "by": by}},
            {"$match": {"by": {"$ne": comparison.store.id}}},
            {"$group": {"_id": {"$eq": ["$by", ""]}, "units": {"$sum": "$quantity"}}},
        ]
    )
    names = {True: "counted, sold or adjusted here", False: "orders of other stores"}
    return {names[each["_id"]]: whole(each["units"]) for each in sums}


def note_unknown(comparison: Comparison, row: Row) -> None:
    """Note a product of the shop whose stock is not kept here, and add it where that is asked."""
    there = units(row)
    assert there is not None
    entry: StockDiscrepancy = {
        "product": None,
        "sku": sku_of(row),
        "name": shown_text(row.get("name")),
        "here": None,
        "shop": there,
        "held_by_pending": 0,
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


def align(comparison: Comparison, asked_at: datetime) -> None:
    """Bring the stock of the SKUs asked for to the shop's, unless orders came in since `asked_at`: theirs may be on the
    way."""
    report, store, wanted = comparison.report, comparison.store, set(comparison.options.align)
    entries = [each for each in report.stock if each["difference"] and {each["sku"], each["product"]} & wanted]
    if not entries:
        return
    if comparison.shop.any_order_changed_since(asked_at - timedelta(seconds=1)):
        report.problem = "Orders came in while stock was compared, so none was aligned; try again in a moment."
        return
    for entry in entries:
        assert entry["product"] is not None
        assert entry["difference"] is not None
        note = f"{store.name} has {entry['shop']:g}"
        cause = f"store:{store.id}"
        movement = ledger.move(
            *(comparison.db, entry["product"], -entry["difference"]),
            reason=ALIGNED,
            cause=cause,
            note=note,
            store=store.id,
        )
        stock_events.publish(comparison.db, [stock_changed(movement, store.id)])
        entry["repair"] = "aligned"
