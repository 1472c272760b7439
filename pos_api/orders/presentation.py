"""What is shown of an order, by the API, in CSV files and in the export of a person's data. A field that is not named
here is shown nowhere.

A viewer is shown what was sold, when, for how much, and what became of it; nothing that says who bought it. What was
chosen or written for a line (`meta`: size, toppings, an engraving) is part of the goods and shown. Pure: no database.
"""

from __future__ import annotations

from typing import Any

from pos_api.common.money import decimal, decimal128, with_decimals_of
from pos_api.common.presentation import fields, shown
from pos_api.common.warning_messages import messages
from pos_api.customers.presentation import ADDRESS
from pos_api.database.client import Document

_META = fields("key", "value")
_LINE = fields(
    *("id", "sku", "product", "name", "product_id", "variation_id", "quantity", "reduced_stock", "price", "tax_class"),
    *("subtotal", "subtotal_tax", "total", "total_tax"),
    meta=_META,
)
_TAX = fields("id", "rate_id", "rate_code", "label", "rate_percent", "tax_total", "shipping_tax_total")
_SHIPPING = fields("id", "method_id", "method_title", "total", "total_tax")
_FEE = fields("id", "name", "total", "total_tax")
_COUPON = fields("id", "code", "discount", "discount_tax")
_REFUND_LINE = fields("id", "line_item_id", "sku", "product_id", "variation_id", "quantity", "total", "total_tax")
_REFUND = fields(
    *("id", "amount", "created_at", "shipping_total"), line_items=_REFUND_LINE, taxes=fields("rate_id", "total")
)
_STATUS = fields("status", "deleted", "at", "cause")
_MOVEMENT = fields("sku", "seq", "n", "quantity", "held", "carried", "balance", "reason", "cause", "at", "note")

_GOODS_AND_MONEY = fields(
    *("id", "store", "kind", "external_id", "order_id", "parent_id", "number", "status", "created_via", "sequence"),
    *("test_mode", "tab", "created_at", "day", "modified_at", "paid_at", "completed_at", "deleted_at", "erased_at"),
    *("currency", "total", "total_tax", "tip", "cart_tax", "shipping_total", "shipping_tax"),
    *("discount_total", "discount_tax", "prices_include_tax", "payment_method", "payment_method_title"),
    line_items=_LINE,
    tax_lines=_TAX,
    shipping_lines=_SHIPPING,
    fee_lines=_FEE,
    coupon_lines=_COUPON,
)
_STATE = fields("rev", "unmatched", "without_stock", "warnings", held=fields("sku", "quantity"))
_BUYER = fields(
    *("customer", "customer_id", "customer_note", "transaction_id"),
    billing=ADDRESS,
    shipping=ADDRESS,
    refunds={**_REFUND, "reason": None},
)
_ONE = fields("opening", status_history=_STATUS, movements=_MOVEMENT)

_IN_LIST = {**_GOODS_AND_MONEY, **_STATE, **_BUYER}
_IN_FULL = {**_IN_LIST, **_ONE, "meta": _META}
_FOR_VIEWER = {**_GOODS_AND_MONEY, **_STATE, **_ONE, "refunds": _REFUND}
_FOR_BUYER = {**_GOODS_AND_MONEY, **_BUYER, "received_at": None, "status_history": _STATUS, "meta": _META}

LISTED = dict.fromkeys(_IN_LIST.keys() - {"id"}, 1)
"""What a query reads of orders that are shown in a list."""


def in_list(order: Document) -> Document:
    """A stored order as one of many."""
    return shown(_with_texts(order), _IN_LIST)


def in_full(order: Document, movements: list[Document]) -> Document:
    """A stored order with all that is shown of it, and its movements of stock."""
    return shown({**_with_texts(order), "movements": movements}, _IN_FULL)


def in_event(order: Document) -> Document:
    """A stored order as an event has it: with all that is shown of it but its movements, which are events of their own.
    Of its tab only what identifies it, as the rest changes without the order."""
    shown_order = shown(_with_texts(order), _IN_FULL)
    if tab := order.get("tab"):
        shown_order["tab"] = {"id": f"{order['store']}:{tab}", "external_id": tab}
    return shown_order


def for_viewer(order: Document) -> Document:
    """Of an order as it is shown, what viewers are shown."""
    return shown(order, _FOR_VIEWER)


def for_buyer(order: Document, kind: str) -> Document:
    """A stored order, of a store of this kind, as whoever bought it is given it: where its stock stands is not
    theirs."""
    return shown({**_with_names(order), "kind": kind}, _FOR_BUYER)


def _with_texts(order: Document) -> dict[str, Any]:
    return {**_with_names(order), "warnings": messages(order.get("warnings", ()))}


def _with_names(order: Document) -> dict[str, Any]:
    """The order with what orders of all senders have: its id as text, a number (its id, where its sender gives none)
    and a tip, with the decimals of the total."""
    external_id = str(order["order_id"])
    number = order.get("number") or external_id
    tip = decimal128(with_decimals_of(decimal(order.get("tip")), decimal(order.get("total"))))
    return {"id": order["_id"], **order, "external_id": external_id, "number": number, "tip": tip}
