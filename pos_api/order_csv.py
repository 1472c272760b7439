"""Orders as a CSV file (RFC 4180, UTF-8) for a spreadsheet: one line per order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from .db import Document
from .product_csv import cell
from .values import decimal, rfc3339

COLUMNS = (
    "order",
    "number",
    "store",
    "created_at",
    "day",
    "status",
    "currency",
    "total",
    "total_tax",
    "shipping_total",
    "discount_total",
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
_CHUNK = 16_384


def write(orders: Iterable[Document]) -> Iterator[str]:
    """The lines of a CSV file of these orders (as `order_list` gives them), some at a time."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(COLUMNS)
    for order in orders:
        row = _row(order)
        writer.writerow([row[name] for name in COLUMNS])
        if lines.tell() > _CHUNK:
            yield lines.getvalue()
            lines.seek(0)
            lines.truncate()
    yield lines.getvalue()


def _row(order: Document) -> dict[str, Any]:
    billing = order.get("billing", {})
    items = "; ".join(f"{line['quantity']} × {line['sku'] or line.get('name', '')}" for line in order["line_items"])
    return {
        "order": order["id"],
        "created_at": rfc3339(order["created_at"]),
        "day": order["day"],
        **{name: cell(str(order.get(name, ""))) for name in ("number", "store", "status", "currency")},
        **{name: f"{decimal(order[name]):f}" if name in order else "" for name in _AMOUNTS},
        "refunded": f"{sum((decimal(refund['amount']) for refund in order.get('refunds', ())), Decimal(0)):f}",
        "payment_method": cell(order.get("payment_method_title") or order.get("payment_method", "")),
        **{name: cell(billing.get(name, "")) for name in _BUYER},
        "items": cell(items),
    }
