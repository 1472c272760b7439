"""What differs between a product here and in the shop, in words: no database here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pos_api.catalogue.model import ProductDocument
from pos_api.common.money import decimal
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.senders.woocommerce.reconcile import stock
from pos_api.senders.woocommerce.reconcile.model import ProductDiscrepancy, ProductSide
from pos_api.senders.woocommerce.rows import Row, shown_text

_NEEDED = ("name", "sku", "price", "manage_stock", "stock_quantity")
"""Without these a product's answer is cut short: what it leaves out would count as unchanged."""
_WORDS = {"gtin": "barcode", "image_url": "image", "categories": "list of categories", "tax_class": "tax class"}


@dataclass(frozen=True, slots=True)
class ProductFinding:
    """A discrepancy, the event that repairs it, and the product as the shop gave it (None: the shop has none)."""

    discrepancy: ProductDiscrepancy
    body: bytes
    row: Row | None = None


def lacking_fields(row: Row) -> list[str]:
    """What a product's answer lacks, where it is cut short."""
    return [name for name in _NEEDED if name not in row] or ([] if stock.is_sound(row) else ["a number of units"])


def changed(row: Row, product: ProductDocument, fields: list[str], known_at: datetime | None) -> ProductFinding:
    """A product that is not here as it is in the shop: these fields differ (`archived`: the shop has it again).
    `known_at` is the time of the newest update known here: the repair counts as no older."""
    here = _side(product)
    there: ProductSide = {
        "sku": stock.sku_of(row),
        "name": shown_text(row["name"]),
        "price": shown_text(row["price"]),
        "archived": False,
    }
    restored = "archived" in fields
    discrepancy: ProductDiscrepancy = {
        "product": product["_id"],
        "sku": product["sku"],
        "name": product["name"],
        "shop_id": row["id"],
        "problem": "restored" if restored else "changed",
        "fields": fields,
        "here": here,
        "shop": there,
        "cause": _cause(here, there, fields),
    }
    replaces = int(known_at.timestamp() * 1000) if known_at else None
    event = "product.restored" if restored else "product.updated"
    return ProductFinding(discrepancy, envelope(event, row, replaces=replaces), row)


def _cause(here: ProductSide, there: ProductSide, fields: list[str]) -> str:
    causes = []
    if "sku" in fields:
        causes.append(f"sku {here['sku']!r} here, {there['sku']!r} in the shop")
    if "name" in fields:
        causes.append(f"name {here['name']!r} here, {there['name']!r} in the shop")
    if "price" in fields:
        causes.append(f"price {here['price']} here, {there['price']} in the shop")
    causes += [f"another {_WORDS[name]} in the shop" for name in fields if name in _WORDS]
    if "archived" in fields:
        causes.append("it was restored in the shop, and is archived here as deleted")
    if "sku" in fields and not there["sku"]:
        causes = ["it has no SKU in the shop any more"]
    if "unusable" in fields:
        causes.append("the shop's answer can't be used")
    cause = "; ".join(causes)
    return f"{cause[0].upper()}{cause[1:]}."


def gone(product: ProductDocument, shop_id: int, *, in_trash: bool) -> ProductFinding:
    """A product that is here and that the shop has deleted."""
    discrepancy: ProductDiscrepancy = {
        "product": product["_id"],
        "sku": product["sku"],
        "name": product["name"],
        "shop_id": shop_id,
        "problem": "gone",
        "fields": ["archived"],
        "here": _side(product),
        "shop": None,
        "cause": "It is in the shop's trash." if in_trash else "It was deleted in the shop.",
    }
    return ProductFinding(discrepancy, envelope("product.deleted", {"id": shop_id}))


def _side(product: ProductDocument) -> ProductSide:
    price = None if product.get("price") is None else str(decimal(product["price"]))
    archived = bool(product.get("archived"))
    return {"sku": product["sku"], "name": product["name"], "price": price, "archived": archived}
