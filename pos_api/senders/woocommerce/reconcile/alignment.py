"""The stock of products made equal here and in the shop, where that is asked: the ledger moves by the difference, or
the shop is sent it.

A difference counts only where nothing could have happened between the look at one side and at the other: the product
has not moved here, nothing is to be sent to the shop, and each order that changed in the shop since is here. Otherwise
it is looked at again, some times.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pos_api.catalogue import collections, stock_events
from pos_api.common.time import now
from pos_api.senders.woocommerce.reconcile import orders
from pos_api.senders.woocommerce.reconcile.comparison import Comparison
from pos_api.senders.woocommerce.reconcile.model import Side, StockDiscrepancy
from pos_api.senders.woocommerce.reconcile.report import Report, is_repaired
from pos_api.senders.woocommerce.reconcile.stock import KnownStock, here, settle_refusal, units
from pos_api.senders.woocommerce.rows import Row
from pos_api.senders.woocommerce.stock_push.items import number_at
from pos_api.stock import ledger
from pos_api.stock.model import stock_changed

_PASSES = 6
_PAUSE = 1.0
"""Seconds between two passes, in which what is on the way to the shop may arrive."""

_ORDERS_CAME = "Orders came in while stock was compared, so none was aligned; try again in a moment."
_MOVED = "not aligned: it was sold or counted meanwhile"
_ON_THE_WAY = "not aligned: something is still on the way to the shop"
_NOT_READ = "not aligned: the shop could not be asked"
_ORDERS_OPEN = "not aligned: orders that changed in the shop could not be brought in"
_SEVERAL = "not aligned: the shop has several products of this SKU, with another stock; make it the same there"


def align(comparison: Comparison, asked_at: datetime) -> None:
    """Make the stock of the products asked for equal; those that differ have what became of it as `repair`: `aligned`,
    `sent` (the shop will be), `equal` (they became so meanwhile), or why not. `asked_at` is when the comparison began,
    by the shop's clock.

    Orders that came in since are brought in where orders are repaired; otherwise nothing is aligned then.
    """
    left = _asked_for(comparison)
    since = asked_at - timedelta(seconds=1)
    for number in range(_PASSES if comparison.options.repair else 1):
        if not left:
            return
        if number:
            time.sleep(_PAUSE)
        left = _pass(comparison, left, since)


def side_of(comparison: Comparison, entry: StockDiscrepancy) -> Side | None:
    """Which side of a difference is right, as far as that was said: of its SKU, or else of the product's id, which may
    be the SKU of another product by now."""
    options = comparison.options
    for name in (entry["sku"], entry["product"]):
        if name in options.align:
            return "shop"
        if name in options.align_shop:
            return "pos"
    return options.align_all


def _asked_for(comparison: Comparison) -> list[StockDiscrepancy]:
    """The differences to be aligned, one for each product: that of the id which the shop's stock is changed by."""
    found: dict[str, StockDiscrepancy] = {}
    for entry in comparison.report.stock:
        product, side = entry["product"], side_of(comparison, entry)
        if product is None or side is None or not entry["difference"]:
            continue
        entry["repair"] = _SEVERAL
        is_sent_to = entry["shop_id"] == _id_in_shop(comparison, product)
        if is_sent_to or (side == "shop" and product not in found):
            found[product] = entry
    return list(found.values())


def _id_in_shop(comparison: Comparison, product: str) -> int | str:
    """The id by which the shop is sent the stock of a product, or why it is not."""
    stored = collections.products(comparison.db).find_one({"_id": product})
    return number_at(stored, comparison.store.id) if stored else "not_sold"


def _pass(comparison: Comparison, entries: list[StockDiscrepancy], since: datetime) -> list[StockDiscrepancy]:
    """Look at these once more and align those that can be; returns those that are left."""
    known = {each["shop_id"]: here(comparison, str(each["product"])) for each in entries}
    rows = comparison.shop.each_product([each["shop_id"] for each in entries])
    if problem := _not_settled(comparison, since):
        for entry in entries:
            entry["repair"] = problem
        return entries
    found: Mapping[int, Row | None] = {each["shop_id"]: row for each, (row, _) in zip(entries, rows, strict=True)}
    return [each for each in entries if not _align(comparison, each, known[each["shop_id"]], found[each["shop_id"]])]


def _not_settled(comparison: Comparison, since: datetime) -> str | None:
    """Why an order that changed in the shop since may not be here; None where all of them are."""
    if not comparison.options.repair:
        if comparison.shop.any_order_changed_since(since):
            comparison.report.problem = _ORDERS_CAME
            return _ORDERS_OPEN
        return None
    later = now() + timedelta(days=1)  # no order is left for the next time as too recent
    report = Report(comparison.store.id, since, later)
    orders.compare(replace(comparison, report=report), set())
    return None if all(map(is_repaired, report.orders)) and not report.unread else _ORDERS_OPEN


def _align(comparison: Comparison, entry: StockDiscrepancy, before: KnownStock, row: Row | None) -> bool:
    """Align a product as it was looked at, unless something has happened to it since; whether that is done."""
    there = units(row) if row is not None else None
    if there is None:
        entry["repair"] = _NOT_READ
        return False
    if before.unsent or here(comparison, before.product) != before:
        entry["repair"] = _ON_THE_WAY if before.unsent else _MOVED
        return False
    difference = before.difference(there)
    in_store = side_of(comparison, entry) == "pos"
    if difference and not _move(comparison, before, there, in_store=in_store):
        entry["repair"] = _MOVED
        return False
    entry["repair"] = "equal" if not difference else "sent" if in_store else "aligned"
    if entry["repair"] != "sent":
        settle_refusal(comparison, before.product, before.seq)
    return True


def _move(comparison: Comparison, before: KnownStock, there: float, *, in_store: bool) -> bool:
    store = comparison.store
    note = f"{store.name} has {there:g}, here are {before.stock:g}"
    if before.held:
        note += f", and orders still pending hold {before.held:g}"
    difference = before.difference(there)
    movement = ledger.align(
        *(comparison.db, before.product, difference if in_store else -difference),
        after=before.seq,
        store=store.id,
        note=note,
        in_store=in_store,
    )
    if movement is not None and not in_store:
        stock_events.publish(comparison.db, [stock_changed(movement, store.id)])
    return movement is not None
