"""The tables of the page and of its CSV files, from the figures of one currency (`pos_api.figures.queries.figures`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pos_api.database.client import Document

MOST_DAYS_SHOWN = 93
"""Of a longer period the page shows months; its CSV file has the days."""
_SUMMED = ("orders_count", "num_items_sold", "refunds", "net_revenue", "total_sales", "tips")

Kind = Literal["text", "number", "money"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the name of its values in a row, and what they are."""

    name: str
    kind: Kind = "money"


_ORDERS, _ITEMS, _SALES = Column("orders_count", "number"), Column("num_items_sold", "number"), Column("total_sales")
_NET, _TIPS, _REFUNDS = Column("net_revenue"), Column("tips"), Column("refunds")
_OF_TIME = (_ORDERS, _ITEMS, _REFUNDS, _NET, _SALES, _TIPS)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "currencies": (
        Column("currency", "text"),
        *(_ORDERS, _ITEMS, Column("gross_sales"), Column("coupons"), _REFUNDS, _NET),
        *(Column("taxes"), Column("shipping"), _SALES, _TIPS, Column("avg_order_value")),
        *(Column("new_customers", "number"), Column("returning_customers", "number")),
    ),
    "days": (Column("day", "text"), *_OF_TIME),
    "months": (Column("month", "text"), *_OF_TIME),
    "hours": (Column("hour", "text"), *_OF_TIME),
    "weekdays": (Column("weekday", "text"), Column("days", "number"), *_OF_TIME),
    "stores": (Column("store", "text"), _ORDERS, _SALES),
    "kinds": (Column("kind", "text"), _ORDERS, _SALES),
    "products": (Column("sku", "text"), Column("name", "text"), Column("items_sold", "number"), _NET),
    "tax-rates": (Column("label", "text"), Column("rate_percent", "text"), Column("total_tax")),
    "payment-methods": (Column("payment_method", "text"), Column("title", "text"), _ORDERS, _SALES),
    "statuses": (Column("status", "text"), _ORDERS, Column("total")),
}
"""Each table and its columns. In CSV files they are preceded by the currency."""


def rows(table: str, figures: Document, kind_of: Callable[[str], str]) -> Iterable[Document]:
    """The rows of a table of `COLUMNS`; `kind_of` says of which kind a store is."""
    if table == "currencies":
        return [figures]
    if table == "months":
        return _months(figures["by_day"])
    if table == "weekdays":
        return _weekdays(figures["by_day"])
    if table == "kinds":
        return _kinds(figures["by_store"], kind_of)
    found: list[Document] = figures[_NAMES[table]]
    return found


_NAMES = {
    "days": "by_day",
    "hours": "by_hour",
    "stores": "by_store",
    "products": "top_products",
    "tax-rates": "tax_by_rate",
    "payment-methods": "by_payment_method",
    "statuses": "by_status",
}


def csv_rows(table: str, currencies: list[Document], kind_of: Callable[[str], str]) -> list[list[Any]]:
    """The rows of a table in all these currencies."""
    names = csv_columns(table)
    return [
        [{"currency": figures["currency"], **row}[name] for name in names]
        for figures in currencies
        for row in rows(table, figures, kind_of)
    ]


def csv_columns(table: str) -> list[str]:
    """The first line of the CSV file of a table."""
    names = [each.name for each in COLUMNS[table]]
    return names if table == "currencies" else ["currency", *names]


def _months(by_day: list[Document]) -> list[Document]:
    found: dict[str, Document] = {}
    for row in by_day:
        _add(found.setdefault(row["day"][:7], {"month": row["day"][:7]}), row)
    return list(found.values())


def _weekdays(by_day: list[Document]) -> list[Document]:
    """Monday (1) to Sunday (7), with the number of days that each is the sum of."""
    found: list[Document] = [
        {
            "weekday": number,
            "days": 0,
            "orders_count": 0,
            "num_items_sold": 0,
            **dict.fromkeys(_AMOUNTS, Decimal("0.00")),
        }
        for number in range(1, 8)
    ]
    for row in by_day:
        of = found[date.fromisoformat(row["day"]).weekday()]
        of["days"] += 1
        _add(of, row)
    return found


_AMOUNTS = ("refunds", "net_revenue", "total_sales", "tips")


def _kinds(by_store: list[Document], kind_of: Callable[[str], str]) -> list[Document]:
    found: dict[str, Document] = {}
    for row in by_store:
        kind = kind_of(row["store"])
        of = found.setdefault(kind, {"kind": kind, "orders_count": 0, "total_sales": Decimal("0.00")})
        for name in ("orders_count", "total_sales"):
            of[name] += row[name]
    return sorted(found.values(), key=lambda row: row["kind"])


def _add(to: Document, row: Document) -> None:
    for name in _SUMMED:
        to[name] = to[name] + row[name] if name in to else row[name]
