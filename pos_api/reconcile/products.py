"""The catalogue: every product and variation of the shop, or those of the orders compared."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from .. import products
from ..db import Db
from ..sources.woocommerce_rest import Row, Shop, Unread
from ..stores import Store
from . import stock
from .report import PRODUCTS, Report

_BATCH = 100
_NEEDED = ("name", "sku", "price", "manage_stock", "stock_quantity")


def compare(db: Db, store: Store, shop: Shop, report: Report, skus: set[str] | None, *, repair: bool) -> None:
    """Note the products whose stock differs, and those not known here, which `repair` adds; `skus` None are all.
    Raises ShopError."""
    pending = stock.held_by_pending(db, store)
    for rows in _read(db, store, shop, report, skus):
        named = [(row, str(row.get("sku") or "").strip()) for row in rows]
        known = products.lookup(
            db, [sku for _, sku in named if sku], [products.shop_key(store.id, row["id"]) for row in rows]
        )
        for row, sku in named:
            report.products_compared += 1
            if lacking := _lacking(row):
                report.not_read(PRODUCTS, [Unread(_name(row), f"The shop's answer lacks {', '.join(lacking)}.")])
                continue
            product = known.find(store.id, sku, row["id"])
            if product is not None:
                stock.compare(db, store, shop, report, row, product.id, pending)
            elif sku and stock.units(row) is not None:
                stock.unknown(db, store, report, row, repair=repair)


def _lacking(row: Row) -> list[str]:
    """What a product's answer must have to be compared, and does not."""
    lacking = [name for name in _NEEDED if name not in row]
    return lacking or ([] if stock.is_sound(row) else ["a number of units"])


def _name(row: Row) -> str:
    return f"product {row['id']} ({row.get('name') or 'no name'})"


def _read(db: Db, store: Store, shop: Shop, report: Report, skus: set[str] | None) -> Iterator[list[Row]]:
    """The products and variations to compare, as the shop has them."""
    if skus is None:
        for page in shop.products():
            report.not_read(PRODUCTS, page.unread)
            yield report.with_ids(PRODUCTS, page.rows)
        return
    for ids in _shop_ids(db, store, skus):
        read = shop.each_product(ids)
        report.not_read(PRODUCTS, [unread for _, unread in read if unread])
        yield [row for row, _ in read if row is not None]


def _shop_ids(db: Db, store: Store, skus: set[str]) -> Iterator[list[int]]:
    prefix = products.shop_key(store.id, 0)[:-1]
    found = db.products.find({"_id": {"$in": sorted(skus)}}, {"shop_ids": 1})
    ids = (
        int(key.removeprefix(prefix)) for each in found for key in each.get("shop_ids", ()) if key.startswith(prefix)
    )
    while batch := list(islice(ids, _BATCH)):
        yield batch
