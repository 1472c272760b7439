"""Figures as the page shows them: cards with the change since the period compared with, tables and their charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from functools import cache
from typing import Any, TypeAlias

from babel.dates import format_time
from babel.numbers import NumberPattern, get_currency_precision, parse_pattern

from pos_api.database.client import Document
from pos_api.web.dashboard.figures import names, tables
from pos_api.web.dashboard.figures.tables import Column
from pos_api.web.dashboard.languages import EXACT, _, day, locale, money, number, percent

_NUMBERS = ("orders_count", "num_items_sold", "new_customers", "returning_customers")
_WORSE_IF_MORE = ("refunds",)
_NEITHER = ("coupons", "taxes", "shipping")
_CHARTS = {"days": "line", "months": "bars", "hours": "bars", "weekdays": "bars", "stores": "bars"}
_LARGEST_FIRST = ("stores", "kinds", "payment-methods")
_LEFT_OUT = ("payment_method",)
"""Columns of CSV files alone."""


@dataclass(frozen=True, slots=True)
class Card:
    """A figure: its value, and how it changed, where there is something to compare with."""

    label: str
    help: str
    value: str
    change: str = ""
    tone: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is shown: texts alone, and the chart above it."""

    name: str
    title: str
    columns: list[tuple[str, bool]]
    """What each is called, and whether it has numbers."""
    rows: list[list[str]]
    chart: Document | None = None
    note: str = ""


def cards(figures: Document, before: Document | None) -> list[Card]:
    """The figures of the whole period."""
    return [_card(name, label, text, figures, before) for name, (label, text) in names.figures().items()]


def currencies(found: list[Document]) -> Table:
    """A row for each currency; they are never added."""
    columns = ("currency", "orders_count", "net_revenue", "total_sales", "refunds", "tips")
    of = {column.name: column for column in tables.COLUMNS["currencies"]}
    return _table("currencies", [of[name] for name in columns], found, {}, "")


def table(
    name: str,
    figures: Document,
    before: Document | None,
    stores: Mapping[str, str],
    kind_of: Callable[[str], str],
) -> Table:
    """A table of `tables.COLUMNS` with its chart."""
    rows = list(tables.rows(name, figures, kind_of))
    if name in _LARGEST_FIRST:
        rows.sort(key=lambda row: row["total_sales"], reverse=True)
    if name == "hours":
        rows = _busy_hours(rows)
    columns = [column for column in tables.COLUMNS[name] if column.name not in _LEFT_OUT]
    earlier = list(tables.rows(name, before, kind_of)) if before and name in ("days", "months") else []
    chart = _chart(name, columns[0], rows, earlier, figures["currency"], stores)
    return _table(name, columns, rows, stores, figures["currency"], chart)


def _card(name: str, label: str, text: str, figures: Document, before: Document | None) -> Card:
    show = number if name in _NUMBERS else lambda value: money(value, figures["currency"])
    value = show(figures[name])
    if before is None or name not in before:
        return Card(label, text, value)
    change, was = figures[name] - before[name], before[name]
    tone = "" if name in _NEITHER or not change else "good" if (change > 0) != (name in _WORSE_IF_MORE) else "bad"
    return Card(label, text, value, _change(change, was), tone, show(was))


def _change(change: Any, before: Any) -> str:
    """By how much it changed, as a share of what it was; blank where it was nothing."""
    if before <= 0:
        return "" if change else percent(0)
    share = percent(abs(change) / before)
    return f"+{share}" if change > 0 else f"\N{MINUS SIGN}{share}" if change < 0 else share


def _busy_hours(rows: list[Document]) -> list[Document]:
    """The hours from the first with orders to the last."""
    busy = [row["hour"] for row in rows if row["orders_count"]]
    return rows[busy[0] : busy[-1] + 1] if busy else rows


def _table(
    name: str,
    columns: list[Column],
    rows: list[Document],
    stores: Mapping[str, str],
    currency: str,
    chart: Document | None = None,
) -> Table:
    titles, labels = _titles(), _labels()
    shown = [[_cell(column, row, stores, currency) for column in columns] for row in rows]
    note = _("The %(number)s most sold; the CSV file has more.", number=len(rows)) if name == "products" else ""
    heads = [(labels[column.name], column.kind != "text") for column in columns]
    return Table(name, titles[name], heads, shown, chart, note)


def _cell(column: Column, row: Document, stores: Mapping[str, str], currency: str) -> str:
    value = row[column.name]
    if column.kind != "text":
        return number(value) if column.kind == "number" else _amount(value, currency or row.get("currency", ""))
    shown = _TEXTS.get(column.name)
    return shown(value, row, stores) if shown else str(value)


def _amount(value: Decimal, currency: str) -> str:
    """An amount without its currency: with all the decimals that the currency has, so that they stand in columns, and
    more where the amount has them."""
    with localcontext(EXACT):
        exponent = value.normalize().as_tuple().exponent
        digits = max(get_currency_precision(currency), -exponent if isinstance(exponent, int) else 0)
        return str(_pattern(digits).apply(value, locale()))


@cache
def _pattern(digits: int) -> NumberPattern:
    return parse_pattern("#,##0" + ("." + "0" * digits if digits else ""))


_Text: TypeAlias = Callable[[Any, Document, Mapping[str, str]], str]
_TEXTS: dict[str, _Text] = {
    "day": lambda value, _row, _stores: day(value),
    "month": lambda value, _row, _stores: names.month(date.fromisoformat(f"{value}-01")),
    "hour": lambda value, _row, _stores: str(format_time(time(value), "short", locale=locale())),
    "weekday": lambda value, _row, _stores: names.weekdays()[value - 1],
    "store": lambda value, _row, stores: stores.get(value, value),
    "rate_percent": lambda value, _row, _stores: f"{number(value)} %",
    "label": lambda value, _row, _stores: value or _("Rate not named"),
    "title": lambda value, row, _stores: value or row["payment_method"] or _("Not named"),
    "currency": lambda value, _row, _stores: value or _("Without a currency"),
}
"""How texts are shown, where not as they are."""


def _chart(
    name: str,
    first: Column,
    rows: list[Document],
    earlier: list[Document],
    currency: str,
    stores: Mapping[str, str],
) -> Document | None:
    """The net revenue (of stores the sales) as a chart; None where there is only one value or no chart of this."""
    if name not in _CHARTS or len(rows) < 2:
        return None
    amount = "total_sales" if name == "stores" else "net_revenue"
    x: list[Any] = [_cell(first, row, stores, currency) for row in rows]
    if name == "days":
        x = [int(datetime.combine(date.fromisoformat(row["day"]), time.min, UTC).timestamp()) for row in rows]
    series: list[Document] = [{"name": names.figures()[amount][0], "values": [float(row[amount]) for row in rows]}]
    if earlier:
        values = [float(row[amount]) for row in earlier][: len(rows)]
        values_or_none = [*values, *[None] * (len(rows) - len(values))]
        series.append({"name": _("Compared period"), "values": values_or_none, "dashed": True})
    language = str(locale()).replace("_", "-")
    return {
        "kind": _CHARTS[name],
        "x": x,
        "series": series,
        "language": language,
        "timezone": "UTC",
        "currency": currency,
    }


def _titles() -> dict[str, str]:
    return {
        "currencies": _("By currency"),
        "days": _("By day"),
        "months": _("By month"),
        "hours": _("By hour of the day"),
        "weekdays": _("By weekday"),
        "stores": _("By store"),
        "kinds": _("By kind of store"),
        "products": _("By product"),
        "tax-rates": _("By tax rate"),
        "payment-methods": _("By payment method"),
        "statuses": _("By status"),
    }


def _labels() -> dict[str, str]:
    """What columns are called."""
    return {
        **{name: label for name, (label, _help) in names.figures().items()},
        "currency": _("Currency"),
        "day": _("Day"),
        "month": _("Month"),
        "hour": _("Hour"),
        "weekday": _("Weekday"),
        "days": _("Days"),
        "store": _("Store"),
        "kind": _("Kind"),
        "sku": _("SKU"),
        "name": _("Product"),
        "items_sold": _("Items sold"),
        "label": _("Tax rate"),
        "rate_percent": _("Percent"),
        "total_tax": _("Taxes"),
        "title": _("Payment method"),
        "status": _("Status"),
        "total": _("Total"),
    }
