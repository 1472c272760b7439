"""CSV files (RFC 4180, UTF-8) for a spreadsheet: of payments, one line each, and of orders whose payments contradict
their shop, one line for each contradiction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell
from pos_api.common.money import decimal
from pos_api.common.time import rfc3339
from pos_api.database.client import Document

_TEXTS = ("store", "external_id", "status", "currency", "method", "reference")
_AMOUNTS = ("amount", "refunded", "tip")
COLUMNS = (
    *("payment", "store", "external_id", "order", "status", "amount", "refunded", "tip", "currency"),
    *("method", "reference", "paid_at", "tab"),
)

_ORDER_AMOUNTS = ("total", "paid", "owed")
DISCREPANCY_COLUMNS = ("order", "store", "number", "created_at", "currency", *_ORDER_AMOUNTS, "code", "message")


def write(payments: Iterable[Document]) -> Iterator[str]:
    """The lines of a CSV file of these payments (as `payments.queries` gives them), some at a time."""
    return csv_cells.write(COLUMNS, (_row(payment) for payment in payments))


def _row(payment: Document) -> list[Cell]:
    cells: dict[str, Cell] = {
        "payment": payment["id"],
        "order": payment["order"] or "",
        **{name: str(payment[name]) for name in _TEXTS},
        **{name: decimal(payment[name]) for name in _AMOUNTS},
        "paid_at": rfc3339(payment["paid_at"]) if payment["paid_at"] else "",
        "tab": payment["tab"]["external_id"] if "tab" in payment else "",
    }
    return [cells[name] for name in COLUMNS]


def write_discrepancies(orders: Iterable[Document]) -> Iterator[str]:
    """The lines of a CSV file of these orders (as `payments.account` gives them), some at a time."""
    return csv_cells.write(DISCREPANCY_COLUMNS, (row for order in orders for row in _discrepancy_rows(order)))


def _discrepancy_rows(order: Document) -> Iterator[list[Cell]]:
    named: list[Cell] = [order["order"], order["store"], order["number"], rfc3339(order["created_at"])]
    amounts: list[Cell] = [decimal(order[name]) for name in _ORDER_AMOUNTS]
    for each in order["discrepancies"]:
        yield [*named, order["currency"], *amounts, each["code"], each["message"]]
