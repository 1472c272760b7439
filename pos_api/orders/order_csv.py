"""Orders as a CSV file (RFC 4180, UTF-8) for a spreadsheet: one line per order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell
from pos_api.common.money import decimal, with_decimals_of
from pos_api.common.time import rfc3339
from pos_api.database.client import Document

COLUMNS = (
    "order",
    "number",
    "store",
    "kind",
    "external_id",
    "created_at",
    "day",
    "status",
    "currency",
    "total",
    "total_tax",
    "shipping_total",
    "discount_total",
    "tip",
    "refunded",
    "payment_method",
    "email",
    "first_name",
    "last_name",
    "company",
    "phone",
    "country",
    "items",
)
_AMOUNTS = ("total", "total_tax", "shipping_total", "discount_total")
_BUYER = ("email", "first_name", "last_name", "company", "phone", "country")
READ: dict[str, Any] = dict.fromkeys(
    (
        *("store", "order_id", "number", "created_at", "day", "status", "currency"),
        *("payment_method", "payment_method_title", "refunds.amount", *(f"billing.{name}" for name in _BUYER)),
        *("line_items.quantity", "line_items.sku", "line_items.name"),
    ),
    1,
)
READ |= {name: {"$toString": f"${name}"} for name in (*_AMOUNTS, "tip")}
"""What a query reads of orders that are written: amounts as text, which takes the driver a fraction of the time."""


def write(orders: Iterable[Document], kind_of: Callable[[str], str], *, with_buyers: bool) -> Iterator[str]:
    """The lines of a CSV file of these stored orders, some at a time. `kind_of` gives the kind of a store; without
    buyers the cells that say who bought are blank."""
    return csv_cells.write(COLUMNS, (_row(order, kind_of(order["store"]), with_buyers) for order in orders))


def _row(order: Document, kind: str, with_buyer: bool) -> list[Cell]:
    """The cells, in the order of COLUMNS."""
    external_id, total = str(order["order_id"]), Decimal(order["total"] or 0)
    nothing = with_decimals_of(_ZERO, total)
    tip = with_decimals_of(Decimal(order["tip"]), total) if order["tip"] else nothing
    refunded = [decimal(refund["amount"]) for refund in order.get("refunds", ())]
    billing = order.get("billing", {}) if with_buyer else {}
    return [
        *(order["_id"], order.get("number") or external_id, order["store"], kind, external_id),
        *(rfc3339(order["created_at"]), order["day"], order["status"], order.get("currency", "")),
        *[Decimal(order[name]) if order[name] else None for name in _AMOUNTS],
        *(tip, with_decimals_of(sum(refunded, _ZERO), total) if refunded else nothing),
        order.get("payment_method_title") or order.get("payment_method", ""),
        *[billing.get(name, "") for name in _BUYER],
        "; ".join([f"{line['quantity']} × {line['sku'] or line.get('name', '')}" for line in order["line_items"]]),
    ]


_ZERO = Decimal(0)
