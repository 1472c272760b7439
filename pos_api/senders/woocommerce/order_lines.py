"""The lines of an order: goods, taxes, shipping, fees and coupons."""

from __future__ import annotations

from typing import Any

from pos_api.common.limits import LIST_LIMIT
from pos_api.database.client import Document
from pos_api.orders.meta import first_meta
from pos_api.senders.fields import (
    Field,
    Place,
    amount,
    is_nothing,
    number_or_text,
    percent,
    read_fields,
    same,
    sku,
    text,
    title,
    units,
    whole_number,
)
from pos_api.senders.woocommerce.meta import read_meta

_IDS = same(whole_number, "product_id", "variation_id")

_LINE = {
    "id": Field("id", number_or_text, essential=True),
    **same(title, "name"),
    **same(text, "tax_class"),
    "sku": Field("sku", sku, essential=True),
    "quantity": Field("quantity", units, essential=True),
    **same(amount, "price", "subtotal", "subtotal_tax", "total", "total_tax"),
}
TAX_LINE = {
    "id": Field("id", whole_number),
    "rate_id": Field("rate_id", number_or_text),
    **same(text, "rate_code"),
    **same(title, "label"),
    "rate_percent": Field("rate_percent", percent),
    **same(amount, "tax_total", "shipping_tax_total"),
}
SHIPPING_LINE = {
    "id": Field("id", whole_number),
    **same(text, "method_id"),
    **same(title, "method_title"),
    **same(amount, "total", "total_tax"),
}
FEE_LINE = {"id": Field("id", whole_number), **same(title, "name"), **same(amount, "total", "total_tax")}
COUPON_LINE = {"id": Field("id", whole_number), **same(text, "code"), **same(amount, "discount", "discount_tax")}
_READ_OF_LINES = ("_reduced_stock", "_refunded_item_id")
LINE_META = {
    "meta_data": Field(
        "meta",
        lambda values, place: read_meta(values, place, lambda key: key[:1] != "_" or key in _READ_OF_LINES),
        nested=True,
    )
}


def product_ids(value: Document, place: Place) -> Document:
    """A line's product and variation id. Where one can't be read, neither counts: the SKU alone says more than the
    product id of a variation."""
    ids = read_fields(value, _IDS, place)
    return ids if len(ids) == len(_IDS.keys() & value.keys()) else {}


def line_item(value: Any, place: Place) -> Document:
    line = read_fields(value, _LINE, place)
    line |= product_ids(value, place)
    if "quantity" not in value:
        place.problem("quantity", "is required")
    line.setdefault("sku", "")
    if isinstance(value.get("meta_data"), list | dict):
        line["full"] = True
    meta = read_fields(value, LINE_META, place).get("meta", [])
    line |= _reduced_stock(first_meta(meta, "_reduced_stock"), place)
    if shown := [entry for entry in meta if not entry["key"].startswith("_")]:
        line["meta"] = first_entries(shown, place.at("meta_data"))
    return line


def first_entries(meta: list[Document], place: Place) -> list[Document]:
    """The first LIST_LIMIT entries of meta data: what a plugin writes again and again costs no order."""
    if len(meta) > LIST_LIMIT:
        place.left_out(LIST_LIMIT, f"only the first {LIST_LIMIT:,} entries are kept")
    return meta[:LIST_LIMIT]


_REDUCED_STOCK = Field("reduced_stock", units)


def _reduced_stock(value: Any, place: Place) -> Document:
    """The units that the shop has taken for a line. Below zero where more was restocked than is left of the line: its
    quantity was set down afterwards. Nothing is as if it were absent, as in `wc_reduce_stock_levels`."""
    return (
        {} if is_nothing(value) else read_fields({"_reduced_stock": value}, {"_reduced_stock": _REDUCED_STOCK}, place)
    )
