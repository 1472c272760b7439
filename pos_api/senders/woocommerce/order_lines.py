"""The lines of an order: goods, taxes, shipping, fees and coupons."""

from __future__ import annotations

from typing import Any

from pos_api.common.value_limits import LIST_LIMIT
from pos_api.database.client import Document
from pos_api.senders.fields import Field, FieldPath, read_fields, same_names
from pos_api.senders.values import amount, is_nothing, number_or_text, percent, sku, text, title, units, whole_number
from pos_api.senders.woocommerce.meta import first_meta, read_meta

_IDS = same_names(whole_number, "product_id", "variation_id")

_LINE = {
    "id": Field("id", number_or_text, essential=True),
    **same_names(title, "name"),
    **same_names(text, "tax_class"),
    "sku": Field("sku", sku, essential=True),
    "quantity": Field("quantity", units, essential=True),
    **same_names(amount, "price", "subtotal", "subtotal_tax", "total", "total_tax"),
}
TAX_LINE = {
    "id": Field("id", whole_number),
    "rate_id": Field("rate_id", number_or_text),
    **same_names(text, "rate_code"),
    **same_names(title, "label"),
    "rate_percent": Field("rate_percent", percent),
    **same_names(amount, "tax_total", "shipping_tax_total"),
}
SHIPPING_LINE = {
    "id": Field("id", whole_number),
    **same_names(text, "method_id"),
    **same_names(title, "method_title"),
    **same_names(amount, "total", "total_tax"),
}
FEE_LINE = {"id": Field("id", whole_number), **same_names(title, "name"), **same_names(amount, "total", "total_tax")}
COUPON_LINE = {
    "id": Field("id", whole_number),
    **same_names(text, "code"),
    **same_names(amount, "discount", "discount_tax"),
}
_READ_OF_LINES = ("_reduced_stock", "_refunded_item_id")
LINE_META = {
    "meta_data": Field(
        "meta",
        lambda values, path: read_meta(values, path, lambda key: key[:1] != "_" or key in _READ_OF_LINES),
        nested=True,
    )
}


def product_ids(value: Document, path: FieldPath) -> Document:
    """A line's product and variation id. Where one can't be read, neither counts: the SKU alone says more than the
    product id of a variation."""
    ids = read_fields(value, _IDS, path)
    return ids if len(ids) == len(_IDS.keys() & value.keys()) else {}


def line_item(value: Any, path: FieldPath) -> Document:
    line = read_fields(value, _LINE, path)
    line |= product_ids(value, path)
    if "quantity" not in value:
        path.problem("quantity", "is required")
    line.setdefault("sku", "")
    if isinstance(value.get("meta_data"), list | dict):
        line["full"] = True
    meta = read_fields(value, LINE_META, path).get("meta", [])
    line |= _reduced_stock(first_meta(meta, "_reduced_stock"), path)
    if shown := [entry for entry in meta if not entry["key"].startswith("_")]:
        line["meta"] = first_entries(shown, path.at("meta_data"))
    return line


def first_entries(meta: list[Document], path: FieldPath) -> list[Document]:
    """The first LIST_LIMIT entries of meta data: what a plugin writes again and again costs no order."""
    if len(meta) > LIST_LIMIT:
        path.left_out(LIST_LIMIT, f"only the first {LIST_LIMIT:,} entries are kept")
    return meta[:LIST_LIMIT]


_REDUCED_STOCK = Field("reduced_stock", units)


def _reduced_stock(value: Any, path: FieldPath) -> Document:
    """The units that the shop has taken for a line. Below zero where more was restocked than is left of the line: its
    quantity was set down afterwards. Nothing is as if it were absent, as in `wc_reduce_stock_levels`."""
    return {} if is_nothing(value) else read_fields({"_reduced_stock": value}, {"_reduced_stock": _REDUCED_STOCK}, path)
