"""Stock: expected here is the shop's, less what orders still pending hold here and not there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pos_api.catalogue.products import MANAGED_AGAIN
from pos_api.common.quantity import Quantity, quantity, whole
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile.report import PRODUCTS, Report
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.senders.woocommerce.shop_reader import ShopReader
from pos_api.stock import ledger
from pos_api.stock.reserved import reserved_units
from pos_api.stores.model import Store

ALIGNED = "reconcile"
"""The reason of a movement that brings a SKU to the shop's stock. What came before it explains no difference after."""

_LONGEST_SKU = 10_000


def units(row: Row) -> Quantity | None:
    """The stock that the shop keeps of a product or variation; None where it does not manage it, or says no number. One
    that is managed and has no quantity is 0."""
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


def compare(
    db: Db, store: Store, shop: ShopReader, report: Report, row: Row, product_id: str, pending: dict[str, Quantity]
) -> None:
    """Note where the stock of a product is not what the shop's makes one expect; confirmed by a second look at it."""
    if (there := units(row)) is None:
        return
    report.stock_compared += 1
    held = pending.get(product_id, 0)
    product, difference = _here(db, product_id, there, held)
    if not difference:
        return
    again, unread = shop.product(row["id"])  # the list may be older than what came in meanwhile
    report.not_read(PRODUCTS, [unread] if unread else [])
    if again is None or (there := units(again)) is None:
        return
    held = reserved_units(db, store.id, product_id).get(product_id, 0)
    product, difference = _here(db, product_id, there, held)
    if difference:
        report.stock.append(_discrepancy(db, store, product, there, held, difference))


def _discrepancy(
    db: Db, store: Store, product: Document, there: Quantity, held: Quantity, difference: Quantity
) -> Document:
    moved = _moved_here(db, store, product["_id"])
    explained = [{"cause": cause, "quantity": moved_units} for cause, moved_units in moved.items() if moved_units]
    unexplained = whole(difference - sum(moved.values()))
    return {
        "product": product["_id"],
        "sku": product["sku"],
        "name": product["name"],
        "here": product["stock"],
        "shop": there,
        "held_by_pending": held,
        "difference": difference,
        "explained": explained,
        "unexplained": unexplained,
        "cause": _cause(explained, unexplained),
    }


def _here(db: Db, product_id: str, there: Quantity, held: Quantity) -> tuple[Document, Quantity]:
    """The product as it is here, and by how much its stock is off what the shop's makes one expect."""
    product = db.products.find_one({"_id": product_id}, {"stock": 1, "sku": 1, "name": 1})
    assert product is not None
    return product, whole(product["stock"] - (there - held))


def _moved_here(db: Db, store: Store, product_id: str) -> dict[str, Quantity]:
    """Units by cause that moved here and not in the shop, since both were last the same."""
    same = {"sku": product_id, "reason": {"$in": [ALIGNED, MANAGED_AGAIN]}}
    start = db.stock_movements.find_one(same, {"seq": 1}, sort=[("seq", -1)])
    by = {"$ifNull": [{"$first": {"$split": ["$order", ":"]}}, ""]}
    sums = db.stock_movements.aggregate(
        [
            {"$match": {"sku": product_id, "seq": {"$gt": start["seq"] if start else 1}}},
            {"$project": {"quantity": 1, "by": by}},
            {"$match": {"by": {"$ne": store.id}}},
            {"$group": {"_id": {"$eq": ["$by", ""]}, "units": {"$sum": "$quantity"}}},
        ]
    )
    names = {True: "counted, sold or adjusted here", False: "orders of other stores"}
    return {names[each["_id"]]: whole(each["units"]) for each in sums}


def _cause(explained: list[Document], unexplained: Quantity) -> str:
    causes = [f"{each['cause']}: {each['quantity']:+g}" for each in explained]
    if unexplained:
        causes.append(f"{unexplained:+g} by a change of stock in the shop that was no order, or an order not in sync")
    return "; ".join(causes)


def unknown(db: Db, store: Store, report: Report, row: Row, ingest: Ingest | None) -> None:
    """Note a product of the shop whose stock is not kept here, and add it where `ingest` is given."""
    there = units(row)
    assert there is not None
    entry: Document = {
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
    if ingest:
        (outcome,) = ingest(db, store, [envelope("product.created", row)], now(), again=True)
        entry["repair"] = outcome.outcome
        if outcome.reason or outcome.warnings:
            entry["cause"] = outcome.reason or outcome.warnings[0].message
    report.stock.append(entry)


def align(db: Db, store: Store, shop: ShopReader, report: Report, skus: Iterable[str], asked_at: datetime) -> None:
    """Bring the stock of these SKUs to the shop's, unless orders came in since `asked_at`: theirs may be on the way."""
    wanted = set(skus)
    entries = [each for each in report.stock if each["difference"] and {each["sku"], each["product"]} & wanted]
    if not entries:
        return
    since = asked_at - timedelta(seconds=1)
    if shop.any_order_changed_since(since):
        report.problem = "Orders came in while stock was compared, so none was aligned; try again in a moment."
        return
    for entry in entries:
        note = f"{store.name} has {entry['shop']:g}"
        ledger.move(db, entry["product"], -entry["difference"], reason=ALIGNED, cause=f"store:{store.id}", note=note)
        entry["repair"] = "aligned"
