"""The refunds of an order, and the lines that they name."""

from __future__ import annotations

from typing import Any

from bson import Decimal128

from pos_api.common.money import ZERO, is_negative
from pos_api.database.client import Document
from pos_api.senders.fields import Field, FieldPath, check_count, list_of, object_of, read_fields, same_names
from pos_api.senders.values import amount, is_nothing, moment, note, number_or_text, sku, units, whole_number
from pos_api.senders.woocommerce.meta import first_meta
from pos_api.senders.woocommerce.order_lines import FEE_LINE, LINE_META, SHIPPING_LINE, product_ids
from pos_api.senders.woocommerce.refund_signs import given_back

_LINE_TAX = {"id": Field("rate_id", number_or_text), "total": Field("total", amount)}
_LINE_TAXES = {"taxes": Field("taxes", list_of(object_of(_LINE_TAX)), nested=True)}
_REFUND = {
    "id": Field("id", whole_number),
    "reason": Field("reason", note),
    "date_created_gmt": Field("created_at", moment),
}


def _refund(value: Any, path: FieldPath) -> Document:
    """A refund, its `amount` from 0 on and its lines with the signs of the sale. WooCommerce writes the order's
    `refunds[].total` negative and a refund's own `amount` positive; only the latter (REST `orders/<id>/refunds`, our
    plugin) comes with lines."""
    refund = read_fields(value, _REFUND, path)
    refund["amount"] = _refunded_amount(value, path)
    if not is_nothing(value.get("line_items")) or value.get("line_items") == []:
        refund.update(_refund_lines(value, refund["amount"], path))
    return refund


def _refunded_amount(value: Document, path: FieldPath) -> Decimal128:
    """What was paid back: the refund's `amount`, else its `total`."""
    given = [name for name in ("amount", "total") if not is_nothing(value.get(name))]
    for name in given:
        table = {name: Field("amount", amount, essential=name == given[-1])}
        if fields := read_fields(value, table, path):
            return _positive(fields["amount"])
    return ZERO


def read_refunds(values: Any, path: FieldPath) -> list[Document]:
    """Refunds, the newest first: those of one second WooCommerce sends in any order. Raises ValueError where they have
    more than LIST_LIMIT lines together."""
    read = [] if is_nothing(values) else list_of(_refund, essential=True)(values, path)
    check_count(sum(len(refund.get("line_items", ())) for refund in read), "lines together")
    return sorted(read, key=lambda refund: refund.get("id", 0), reverse=True)


_REFUND_LINE = {
    **same_names(whole_number, "id"),
    **same_names(sku, "sku"),
    **same_names(amount, "total", "total_tax"),
    "quantity": Field("quantity", lambda value: 0 if is_nothing(value) else units(value), essential=True),
    **_LINE_TAXES,
}
_REFUNDED_ITEM = {"_refunded_item_id": Field("line_item_id", number_or_text)}


def _refund_line(value: Any, path: FieldPath) -> Document:
    line = {"quantity": 0} | read_fields(value, _REFUND_LINE, path)
    line |= product_ids(value, path)
    item = first_meta(read_fields(value, LINE_META, path).get("meta", []), "_refunded_item_id")
    return line if item is None else line | read_fields({"_refunded_item_id": item}, _REFUNDED_ITEM, path)


_REFUND_LINES = {
    "line_items": Field("goods", list_of(_refund_line, essential=True), essential=True, nested=True),
    "shipping_lines": Field("shipping", list_of(object_of({**SHIPPING_LINE, **_LINE_TAXES})), nested=True),
    "fee_lines": Field("fees", list_of(object_of({**FEE_LINE, **_LINE_TAXES})), nested=True),
}


def _refund_lines(value: Document, paid_back: Decimal128, path: FieldPath) -> Document:
    lines = read_fields(value, _REFUND_LINES, path)
    return given_back(paid_back, lines.get("goods", []), lines.get("shipping", []), lines.get("fees", []))


def _positive(amount: Decimal128) -> Decimal128:
    return Decimal128(-amount.to_decimal()) if is_negative(amount) else amount
