"""Orders as a CSV file (RFC 4180, UTF-8) for a spreadsheet: one line per order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

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
_TEXTS = ("number", "store", "kind", "external_id", "status", "currency")
_AMOUNTS = ("total", "total_tax", "shipping_total", "discount_total", "tip")
_BUYER = ("email", "first_name", "last_name", "company", "phone", "country")


def write(orders: Iterable[Document]) -> Iterator[str]:
    """The lines of a CSV file of these orders (as `queries` gives them, with their `kind`), some at a time."""
    return csv_cells.write(COLUMNS, (_row(order) for order in orders))


def _row(order: Document) -> list[Cell]:
    billing = order.get("billing", {})
    items = "; ".join(f"{line['quantity']} × {line['sku'] or line.get('name', '')}" for line in order["line_items"])
    refunded = sum((decimal(refund["amount"]) for refund in order.get("refunds", ())), Decimal(0))
    cells: dict[str, Cell] = {
        "order": order["id"],
        "created_at": rfc3339(order["created_at"]),
        "day": order["day"],
        **{name: str(order.get(name, "")) for name in _TEXTS},
        **{name: decimal(order[name]) if name in order else None for name in _AMOUNTS},
        "refunded": with_decimals_of(refunded, decimal(order.get("total"))),
        "payment_method": order.get("payment_method_title") or order.get("payment_method", ""),
        **{name: billing.get(name, "") for name in _BUYER},
        "items": items,
    }
    return [cells[name] for name in COLUMNS]
