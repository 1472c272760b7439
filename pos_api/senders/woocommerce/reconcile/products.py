"""The catalogue: names, prices, SKUs, and which products there are at all; every product and variation of the shop, or
those of the orders compared.

A discrepancy is confirmed by a second look at the product alone. The time of the newest update here is read first and
the shop asked then, and the repair bears that time (`replaces`): it is applied whatever time of change the shop gives,
unless something newer came in meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pos_api.catalogue import collections
from pos_api.catalogue.deletion import is_deleted
from pos_api.catalogue.details import differing_fields
from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.lookup import lookup
from pos_api.catalogue.matching import line_reference
from pos_api.catalogue.model import ProductDocument, ProductUpdate, is_owned_by_another_store
from pos_api.common.batches import in_batches
from pos_api.database.client import Document
from pos_api.senders.woocommerce.reconcile import stock
from pos_api.senders.woocommerce.reconcile.comparison import Comparison
from pos_api.senders.woocommerce.reconcile.model import PRODUCTS
from pos_api.senders.woocommerce.reconcile.product_discrepancies import ProductFinding, changed, gone, lacking_fields
from pos_api.senders.woocommerce.reconcile.report import too_many_gone
from pos_api.senders.woocommerce.row_commands import command_of
from pos_api.senders.woocommerce.rows import Row, shown_text
from pos_api.senders.woocommerce.shop_reader import Unread
from pos_api.stores.model import Store

_BATCH = 100


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """A comparison of products; `stocks` is what is known here of their stock, `deleted` the products found deleted in
    the shop, which are repaired last: when it is known how many they are."""

    comparison: Comparison
    stocks: stock.KnownStocks
    deleted: list[ProductFinding] = field(default_factory=list)

    def key(self, shop_id: int) -> str:
        return external_id(self.comparison.store.id, shop_id)

    def by_shop_id(self, shop_id: int) -> ProductDocument | None:
        return collections.products(self.comparison.db).find_one({"external_ids": self.key(shop_id)})


def compare(comparison: Comparison, skus: set[str] | None) -> None:
    """Note the products that differ, are gone from the shop, or are not known here, and where the stock differs; a
    repair brings them to what the shop has, stock excepted. `skus` None are all products. Where many are gone at once,
    they stay as they are unless that is accepted. Raises ShopError."""
    catalogue = _Catalogue(comparison, stock.known_stocks(comparison))
    if skus is None:
        _compare_all(catalogue)
    else:
        for ids in in_batches(_ids_of(comparison, {"_id": {"$in": sorted(skus | catalogue.stocks.refused)}}), _BATCH):
            _compare_each(catalogue, ids)
    _note_deleted(catalogue)
    stock.settle_refusals_of_unsold(comparison, catalogue.stocks)


# --- which products ---------------------------------------------------------------------------------------------------


def _compare_all(catalogue: _Catalogue) -> None:
    comparison, report = catalogue.comparison, catalogue.comparison.report
    listed: set[int] = set()
    for page in comparison.shop.products():
        report.not_read(PRODUCTS, page.unread)
        rows = [row for row in report.with_ids(PRODUCTS, page.rows) if row.get("status") != "trash"]
        listed.update(row["id"] for row in rows)
        _compare_rows(catalogue, rows)
    of_this_shop = _ids_of(comparison, _of_this_shop(comparison.store))
    for ids in in_batches((each for each in of_this_shop if each not in listed), _BATCH):
        _compare_each(catalogue, ids)


def _of_this_shop(store: Store) -> Document:
    return {"external_ids": {"$regex": f"^{_key_prefix(store)}"}}


def _key_prefix(store: Store) -> str:
    """How the external ids begin for all products of the shop."""
    return external_id(store.id, 0).removesuffix("0")


def _ids_of(comparison: Comparison, query: Document) -> Iterator[int]:
    """The ids in this shop of the products that match, but those that it is known to have deleted."""
    prefix = _key_prefix(comparison.store)
    for product in collections.products(comparison.db).find(query, {"external_ids": 1, "deleted_ids": 1}):
        for key in product.get("external_ids", ()):
            if key.startswith(prefix) and not is_deleted(product, key):
                yield int(key.removeprefix(prefix))


def _compare_each(catalogue: _Catalogue, ids: list[int]) -> None:
    """Compare these products and variations, each asked for alone."""
    read = catalogue.comparison.shop.each_product(ids)
    catalogue.comparison.report.not_read(PRODUCTS, [unread for _, unread in read if unread])
    there = [row for row, _ in read if row is not None and row.get("status") != "trash"]
    _compare_rows(catalogue, there)
    for shop_id, (row, unread) in zip(ids, read, strict=True):
        if unread is None and (row is None or row.get("status") == "trash"):
            _gone(catalogue, shop_id, in_trash=row is not None)


def _compare_rows(catalogue: _Catalogue, rows: list[Row]) -> None:
    comparison = catalogue.comparison
    named = [(row, stock.sku_of(row)) for row in rows if not _is_cut_short(comparison, row)]
    keys = [catalogue.key(row["id"]) for row, _ in named]
    known = lookup(comparison.db, [sku for _, sku in named if sku], keys)
    stored = collections.products(comparison.db).find({"external_ids": {"$in": keys}})
    by_key = {key: product for product in stored for key in product["external_ids"]}
    for (row, sku), key in zip(named, keys, strict=True):
        comparison.report.products_compared += 1
        product = known.match(line_reference(comparison.store.id, sku, row["id"]))
        if key in by_key:
            _compare_content(catalogue, row, by_key[key])
        if product is not None:
            stock.compare(comparison, row, product.id, catalogue.stocks)
        elif sku and stock.units(row) is not None and _is_for_sale(comparison, row):
            stock.note_unknown(comparison, row)


def _is_cut_short(comparison: Comparison, row: Row) -> bool:
    """Whether a product's answer lacks what is compared, which is noted."""
    lacking = lacking_fields(row)
    if lacking:
        what = f"product {row['id']} ({shown_text(row.get('name')) or 'no name'})"
        comparison.report.not_read(PRODUCTS, [Unread(what, f"The shop's answer lacks {', '.join(lacking)}.")])
    return bool(lacking)


# --- what differs -----------------------------------------------------------------------------------------------------


def _compare_content(catalogue: _Catalogue, row: Row, product: ProductDocument) -> None:
    """Note a product whose name, price or SKU differs, or that is archived as deleted; confirmed by a second look."""
    comparison = catalogue.comparison
    if not _differing(catalogue, row, product):
        return
    product = catalogue.by_shop_id(row["id"]) or product
    with_this_sku = collections.products(comparison.db).find_one({"skus": stock.sku_of(row)})
    again, unread = comparison.shop.product(row["id"])
    comparison.report.not_read(PRODUCTS, [unread] if unread else [])
    if again is None or again.get("status") == "trash":
        if unread is None:
            _gone(catalogue, row["id"], in_trash=again is not None)
        return
    if not _is_cut_short(comparison, again) and (fields := _differing(catalogue, again, product)):
        times = [each["synced_at"] for each in (product, with_this_sku) if each and "synced_at" in each]
        _note(catalogue, changed(again, product, fields, max(times, default=None)))


def _differing(catalogue: _Catalogue, row: Row, product: ProductDocument) -> list[str]:
    """The fields of a product here that are not as the shop has them; `archived` where the shop has it again."""
    update = _command(catalogue.comparison, row)
    if not isinstance(update, ProductUpdate):
        return ["unusable"]
    fields = differing_fields(product, update)
    if is_owned_by_another_store(product, catalogue.comparison.store.id):
        fields = ["sku"] if update.sku not in product["skus"] else []
    key = catalogue.key(row["id"])
    others = [each for each in product["external_ids"] if each != key and not is_deleted(product, each)]
    if others and product.get("synced_at", update.modified_at) >= update.modified_at:
        # several products of shops are one here (translations, two shops): the newest update of any of them counts
        fields = [name for name in fields if name == "sku" and update.sku not in product["skus"]]
    return [*fields, "archived"] if is_deleted(product, key) else fields


def _is_for_sale(comparison: Comparison, row: Row) -> bool:
    """Whether a product unknown here should be known: a draft starts with the stock it is published with. One that
    can't be read as a product should be, too."""
    update = _command(comparison, row)
    return not isinstance(update, ProductUpdate) or update.published


def _command(comparison: Comparison, row: Row) -> object:
    return command_of(comparison.store, "product.updated", row)


def _gone(catalogue: _Catalogue, shop_id: int, *, in_trash: bool) -> None:
    """Note for the end a product that is here and that the shop has deleted."""
    product = catalogue.by_shop_id(shop_id)
    if product is not None and not is_deleted(product, catalogue.key(shop_id)):
        catalogue.deleted.append(gone(product, shop_id, in_trash=in_trash))


# --- noting and repairing ---------------------------------------------------------------------------------------------


def _note_deleted(catalogue: _Catalogue) -> None:
    """Note the products that are gone, and archive them where that is asked; none of them where they are so many that
    it may be the shop that fails, unless that is accepted."""
    comparison, deleted = catalogue.comparison, catalogue.deleted
    if comparison.options.repair and not comparison.options.accept_gone and len(deleted) > 1:
        known = comparison.db.products.count_documents(_of_this_shop(comparison.store))
        if too_many_gone(len(deleted), known):
            comparison.report.note_too_many_gone(PRODUCTS, len(deleted), known)
            comparison.report.products += [finding.discrepancy for finding in deleted]
            return
    for finding in deleted:
        shop_id = finding.discrepancy["shop_id"]
        product = catalogue.by_shop_id(shop_id)
        if product and not is_deleted(product, catalogue.key(shop_id)):
            _note(catalogue, finding)  # else it went with the product that it is a variation of


def _note(catalogue: _Catalogue, finding: ProductFinding) -> None:
    """Add a discrepancy to the report, repaired where that is asked: the repair counts when it holds."""
    comparison, discrepancy = catalogue.comparison, finding.discrepancy
    if comparison.options.repair:
        outcome = comparison.apply(finding.body)
        holds = _holds(catalogue, finding)
        done = outcome.outcome in ("updated", "unchanged", "created")
        discrepancy["repair"] = "incomplete" if done and not holds else outcome.outcome
        if not holds and (outcome.reason or outcome.warnings):
            discrepancy["cause"] = outcome.reason or outcome.warnings[0].message
    comparison.report.products.append(discrepancy)


def _holds(catalogue: _Catalogue, finding: ProductFinding) -> bool:
    """Whether the product is here now as the shop gave it."""
    shop_id = finding.discrepancy["shop_id"]
    product = catalogue.by_shop_id(shop_id)
    if product is None:
        return False
    if finding.row is None:
        return is_deleted(product, catalogue.key(shop_id))
    return not _differing(catalogue, finding.row, product)
