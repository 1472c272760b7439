"""The catalogue: names, prices, SKUs, and which products there are at all; every product and variation of the shop, or
those of the orders compared.

A discrepancy is confirmed by a second look at the product alone. The time of the newest update here is read first and
the shop asked then, and the repair bears that time (`replaces`): it is applied whatever time of change the shop gives,
unless something newer came in meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pos_api.catalogue import archive as product_archive
from pos_api.catalogue import products
from pos_api.catalogue.products import ProductSnapshot, shop_key
from pos_api.common.batches import in_batches
from pos_api.common.money import decimal
from pos_api.common.quantity import Quantity
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile import stock
from pos_api.senders.woocommerce.reconcile.report import PRODUCTS, Report, too_many_gone
from pos_api.senders.woocommerce.row_commands import command_of
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.senders.woocommerce.shop_reader import ShopReader, Unread
from pos_api.stock.reserved import reserved_units
from pos_api.stores.model import Store

_BATCH = 100
_NEEDED = ("name", "sku", "price", "manage_stock", "stock_quantity")
"""Without these a product's answer is cut short: what it leaves out would count as unchanged."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What every step of comparing a catalogue needs; `pending` are units by product that pending orders hold, `gone`
    the products found deleted in the shop, which are repaired last: when it is known how many they are."""

    db: Db
    store: Store
    shop: ShopReader
    report: Report
    ingest: Ingest
    repair: bool
    pending: dict[str, Quantity]
    gone: list[Document] = field(default_factory=list)

    def key(self, shop_id: int) -> str:
        return shop_key(self.store.id, shop_id)

    def by_shop_id(self, shop_id: int) -> Document | None:
        return self.db.products.find_one({"shop_ids": self.key(shop_id)})


def compare(
    db: Db,
    store: Store,
    shop: ShopReader,
    report: Report,
    ingest: Ingest,
    skus: set[str] | None,
    *,
    repair: bool,
    accept_gone: bool = False,
) -> None:
    """Note the products that differ, are gone from the shop, or are not known here, and where the stock differs;
    `repair` brings them to what the shop says, stock excepted. `skus` None are all products. Where many are gone at
    once, they stay as they are unless `accept_gone`. Raises ShopError."""
    comparison = _Comparison(db, store, shop, report, ingest, repair, reserved_units(db, store.id))
    if skus is None:
        _compare_all(comparison)
    else:
        for ids in in_batches(_ids_of(db, store, {"_id": {"$in": sorted(skus)}}), _BATCH):
            _compare_each(comparison, ids)
    _settle_gone(comparison, accept_gone)


def _compare_all(comparison: _Comparison) -> None:
    db, store, shop, report = comparison.db, comparison.store, comparison.shop, comparison.report
    listed: set[int] = set()
    for page in shop.products():
        report.not_read(PRODUCTS, page.unread)
        rows = [row for row in report.with_ids(PRODUCTS, page.rows) if row.get("status") != "trash"]
        listed.update(row["id"] for row in rows)
        _compare_rows(comparison, rows)
    of_this_shop = _ids_of(db, store, _of_this_shop(store))
    for ids in in_batches((each for each in of_this_shop if each not in listed), _BATCH):
        _compare_each(comparison, ids)


def _of_this_shop(store: Store) -> Document:
    return {"shop_ids": {"$regex": f"^{_key_prefix(store)}"}}


def _key_prefix(store: Store) -> str:
    """How `shop_key` begins for all products of the shop."""
    return shop_key(store.id, 0).removesuffix("0")


def _ids_of(db: Db, store: Store, query: Document) -> Iterator[int]:
    """The ids in this shop of the products that match, but those that it is known to have deleted."""
    prefix = _key_prefix(store)
    for product in db.products.find(query, {"shop_ids": 1, "deleted_ids": 1}):
        for key in product.get("shop_ids", ()):
            if key.startswith(prefix) and not product_archive.is_deleted(product, key):
                yield int(key.removeprefix(prefix))


def _compare_each(comparison: _Comparison, ids: list[int]) -> None:
    """Compare these products and variations, each asked for alone."""
    read = comparison.shop.each_product(ids)
    comparison.report.not_read(PRODUCTS, [unread for _, unread in read if unread])
    there = [row for row, _ in read if row is not None and row.get("status") != "trash"]
    _compare_rows(comparison, there)
    for shop_id, (row, unread) in zip(ids, read, strict=True):
        if unread is None and (row is None or row.get("status") == "trash"):
            _gone(comparison, shop_id, in_trash=row is not None)


def _compare_rows(comparison: _Comparison, rows: list[Row]) -> None:
    named = [(row, stock.sku_of(row)) for row in rows if not _is_cut_short(comparison, row)]
    keys = [comparison.key(row["id"]) for row, _ in named]
    known = products.lookup(comparison.db, [sku for _, sku in named if sku], keys)
    stored = comparison.db.products.find({"shop_ids": {"$in": keys}})
    by_key = {key: product for product in stored for key in product["shop_ids"]}
    for (row, sku), key in zip(named, keys, strict=True):
        comparison.report.products_compared += 1
        product = known.find(comparison.store.id, sku, row["id"]) if sku else None
        if key in by_key:
            _compare_content(comparison, row, by_key[key])
        if product is not None:
            stock.compare(
                comparison.db, comparison.store, comparison.shop, comparison.report, row, product.id, comparison.pending
            )
        elif sku and stock.units(row) is not None and _is_for_sale(comparison, row):
            ingest = comparison.ingest if comparison.repair else None
            stock.unknown(comparison.db, comparison.store, comparison.report, row, ingest)


def _is_cut_short(comparison: _Comparison, row: Row) -> bool:
    """Whether a product's answer lacks what is compared, which is noted."""
    lacking = [name for name in _NEEDED if name not in row] or ([] if stock.is_sound(row) else ["a number of units"])
    if lacking:
        what = f"product {row['id']} ({shown_text(row.get('name')) or 'no name'})"
        comparison.report.not_read(PRODUCTS, [Unread(what, f"The shop's answer lacks {', '.join(lacking)}.")])
    return bool(lacking)


# --- what is said of a product ------------------------------------------------------------------------------------


def _compare_content(comparison: _Comparison, row: Row, product: Document) -> None:
    """Note a product whose name, price or SKU differs, or that is archived as deleted; confirmed by a second look."""
    if not _differing(comparison, row, product):
        return
    product = comparison.by_shop_id(row["id"]) or product
    rival = comparison.db.products.find_one({"skus": stock.sku_of(row)}) or {}
    again, unread = comparison.shop.product(row["id"])
    comparison.report.not_read(PRODUCTS, [unread] if unread else [])
    if again is None or again.get("status") == "trash":
        if unread is None:
            _gone(comparison, row["id"], in_trash=again is not None)
        return
    if not _is_cut_short(comparison, again) and (fields := _differing(comparison, again, product)):
        known_at = max((each["synced_at"] for each in (product, rival) if "synced_at" in each), default=None)
        _note(comparison, _changed(comparison, again, product, fields, known_at))


def _differing(comparison: _Comparison, row: Row, product: Document) -> list[str]:
    """The fields of a product here that are not as the shop has them; `archived` where the shop has it again."""
    snapshot = _snapshot(comparison, row)
    if not isinstance(snapshot, ProductSnapshot):
        return ["unusable"]
    fields = products.differing(product, snapshot)
    if products.is_of_another_store(product, comparison.store.id):
        fields = ["sku"] if snapshot.sku not in product["skus"] else []
    key = comparison.key(row["id"])
    others = [each for each in product["shop_ids"] if each != key and not product_archive.is_deleted(product, each)]
    if others and product.get("synced_at", snapshot.modified_at) >= snapshot.modified_at:
        # several products of shops are one here (translations, two shops): the newest update of any of them counts
        fields = [name for name in fields if name == "sku" and snapshot.sku not in product["skus"]]
    return [*fields, "archived"] if product_archive.is_deleted(product, key) else fields


def _is_for_sale(comparison: _Comparison, row: Row) -> bool:
    """Whether a product unknown here should be known: a draft starts with the stock it is published with. One that
    can't be read as a product should be, too."""
    snapshot = _snapshot(comparison, row)
    return not isinstance(snapshot, ProductSnapshot) or snapshot.published


def _snapshot(comparison: _Comparison, row: Row) -> object:
    return command_of(comparison.store, "product.updated", row)


def _changed(
    comparison: _Comparison, row: Row, product: Document, fields: list[str], known_at: datetime | None
) -> Document:
    here = _shown(product)
    there = {
        "sku": stock.sku_of(row),
        "name": shown_text(row["name"]),
        "price": shown_text(row["price"]),
        "archived": False,
    }
    causes = [f"{name} {here[name]!r} here, {there[name]!r} in the shop" for name in fields if name in ("sku", "name")]
    causes += [f"price {here['price']} here, {there['price']} in the shop" for name in fields if name == "price"]
    details = {"gtin": "barcode", "image_url": "image", "categories": "list of categories", "tax_class": "tax class"}
    causes += [f"another {details[name]} in the shop" for name in fields if name in details]
    if "archived" in fields:
        causes.append("it was restored in the shop, and is archived here as deleted")
    if "sku" in fields and not there["sku"]:
        causes = ["it has no SKU in the shop any more"]
    if "unusable" in fields:
        causes.append("the shop's answer can't be used")
    event = "product.restored" if "archived" in fields else "product.updated"
    replaces = int(known_at.timestamp() * 1000) if known_at else None
    cause = "; ".join(causes)
    return {
        "product": product["_id"],
        "sku": product["sku"],
        "name": product["name"],
        "shop_id": row["id"],
        "problem": "restored" if "archived" in fields else "changed",
        "fields": fields,
        "here": here,
        "shop": there,
        "cause": f"{cause[0].upper()}{cause[1:]}.",
        "body": envelope(event, row, replaces=replaces),
        "row": row,
    }


def _gone(comparison: _Comparison, shop_id: int, *, in_trash: bool) -> None:
    """Note a product that is here and that the shop has deleted."""
    product = comparison.by_shop_id(shop_id)
    if product is None or product_archive.is_deleted(product, comparison.key(shop_id)):
        return
    discrepancy = {
        "product": product["_id"],
        "sku": product["sku"],
        "name": product["name"],
        "shop_id": shop_id,
        "problem": "gone",
        "fields": ["archived"],
        "here": _shown(product),
        "shop": None,
        "cause": "It is in the shop's trash." if in_trash else "It was deleted in the shop.",
        "body": envelope("product.deleted", {"id": shop_id}),
    }
    comparison.gone.append(discrepancy)


def _settle_gone(comparison: _Comparison, accept: bool) -> None:
    """Note the products that are gone, and archive them where that is asked; none of them where they are so many that
    it may be the shop that fails, unless that is accepted."""
    gone = comparison.gone
    if comparison.repair and not accept and len(gone) > 1:
        known = comparison.db.products.count_documents(_of_this_shop(comparison.store))
        if too_many_gone(len(gone), known):
            comparison.report.note_too_many_gone(PRODUCTS, len(gone), known)
            for each in gone:
                comparison.report.note(PRODUCTS, each)
            return
    for discrepancy in gone:
        product = comparison.by_shop_id(discrepancy["shop_id"])
        if product and not product_archive.is_deleted(product, comparison.key(discrepancy["shop_id"])):
            _note(comparison, discrepancy)  # else it went with the product that it is a variation of


def _shown(product: Document) -> Document:
    price = None if product.get("price") is None else str(decimal(product["price"]))
    archived = bool(product.get("archived"))
    return {"sku": product["sku"], "name": product["name"], "price": price, "archived": archived}


def _note(comparison: _Comparison, discrepancy: Document) -> None:
    """Add a discrepancy to the report, repaired where that is asked: the repair counts when it holds."""
    if comparison.repair:
        body = discrepancy["body"]
        (outcome,) = comparison.ingest(comparison.db, comparison.store, [body], now(), again=True)
        holds = _holds(comparison, discrepancy)
        done = outcome.outcome in ("updated", "unchanged", "created")
        discrepancy["repair"] = "incomplete" if done and not holds else outcome.outcome
        if not holds and (outcome.reason or outcome.warnings):
            discrepancy["cause"] = outcome.reason or outcome.warnings[0].message
    comparison.report.note(PRODUCTS, discrepancy)


def _holds(comparison: _Comparison, discrepancy: Document) -> bool:
    """Whether the product is here now as the shop gave it."""
    product = comparison.by_shop_id(discrepancy["shop_id"])
    if product is None:
        return False
    if discrepancy["problem"] == "gone":
        return product_archive.is_deleted(product, comparison.key(discrepancy["shop_id"]))
    return not _differing(comparison, discrepancy["row"], product)
