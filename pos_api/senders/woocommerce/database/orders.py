"""Orders as REST gives them, with the lines of their refunds."""

from __future__ import annotations

from decimal import Decimal

from pos_api.senders.woocommerce.database.connection import Database, Rows
from pos_api.senders.woocommerce.database.order_heads import hpos_heads, legacy_heads
from pos_api.senders.woocommerce.database.order_lines import read_lines
from pos_api.senders.woocommerce.database.settings import Settings
from pos_api.senders.woocommerce.database.values import is_shown_meta, times
from pos_api.senders.woocommerce.rows import Row

_UNCHANGED = [
    "id",
    "parent_id",
    "currency",
    "customer_id",
    "order_key",
    "created_via",
    "customer_note",
    "payment_method",
    "payment_method_title",
    "transaction_id",
    "billing",
    "shipping",
]
_MONEY = ("cart_tax", "shipping_tax", "shipping_total", "discount_total", "discount_tax", "total")
_LINES = ("line_item", "tax_line", "shipping_line", "fee_line", "coupon_line")
_REFUND_LINES = ("line_item", "shipping_line", "fee_line")


def read_orders(database: Database, settings: Settings, ids: list[int]) -> Rows:
    """These orders, whatever their status, by ascending id. Raises ShopError."""
    heads = (hpos_heads if settings.order_tables else legacy_heads)(database, ids)
    refund_ids = [refund["id"] for head in heads for refund in head["refunds"]]
    lines = read_lines(database, settings, [*(head["id"] for head in heads), *refund_ids])
    orders = []
    for head in heads:
        refunds = [_refund(refund, lines[refund["id"]], settings) for refund in head["refunds"]]
        orders.append({**_order(head, lines[head["id"]], settings), "refunds": refunds})
    return orders


def _order(head: Row, lines: dict[str, Rows], settings: Settings) -> Row:
    total_tax = Decimal(head["cart_tax"] or 0) + Decimal(head["shipping_tax"] or 0)
    order = {
        **{name: head[name] for name in _UNCHANGED},
        **{name: settings.money(head[name]) for name in _MONEY},
        "total_tax": settings.money(total_tax),
        "number": next((value for key, value in head["meta"] if key == "_order_number"), str(head["id"])),
        "status": head["status"].removeprefix("wc-"),
        "prices_include_tax": head["prices_include_tax"] in ("yes", "1", 1),
        "meta_data": [{"key": key, "value": value} for key, value in head["meta"] if is_shown_meta(key)],
        **{f"{kind}s": lines[kind] for kind in _LINES},
    }
    for name in ("created", "modified", "paid", "completed"):
        order |= times(f"date_{name}", head[name], settings.timezone)
    return order


def _refund(refund: Row, lines: dict[str, Rows], settings: Settings) -> Row:
    return {
        "id": refund["id"],
        "reason": refund["reason"],
        "amount": settings.money(refund["amount"]),
        **times("date_created", refund["created"], settings.timezone),
        **{f"{kind}s": lines[kind] for kind in _REFUND_LINES},
    }
