"""The page and its CSV files."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, make_response, request, url_for

from pos_api.common import csv_cells
from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.errors import Invalid, Unavailable
from pos_api.figures import queries as stats
from pos_api.figures.measures import MOST_ROWS, PRODUCT
from pos_api.staff import audit
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.figures import names, presentation, query, tables
from pos_api.web.dashboard.figures.query import Query
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

blp = Blueprint("figures", __name__, url_prefix="/figures")

_PATIENCE = 3.0
"""So many seconds a page waits for figures that are being counted."""
_NO_DAYS = ("days", "months", "weekdays")
"""Tables that say nothing of a single day."""


@blp.get("")
@page("viewer")
def index() -> Any:
    """The figures of a period; where they are being rebuilt, that they are."""
    try:
        asked = query.read(request.args)
    except Invalid as error:
        return _render(None, error=error.message), error.status
    try:
        found = _load(asked)
    except Unavailable as error:
        response = make_response(_render(asked, rebuilding=error.message), error.status)
        response.headers["Retry-After"] = str(error.retry_after or "")
        return response
    chosen = _choose(found["currencies"], asked)
    if chosen is None:
        return _render(asked)
    before = _before(asked, chosen["currency"])
    shown = [
        presentation.table(name, chosen, before, _names_of_stores(), _kind_of)
        for name in _tables(asked, found["currencies"], chosen)
    ]
    return _render(
        asked,
        chosen=chosen["currency"],
        currencies=[each["currency"] for each in found["currencies"]],
        cards=presentation.cards(chosen, before),
        overview=presentation.currencies(found["currencies"]) if len(found["currencies"]) > 1 else None,
        tables=shown,
    )


@blp.get("/<string:table>.csv")
@page("viewer")
def table_csv(table: str) -> Any:
    """A table of the page as a CSV file, in every currency, or in the one that is asked for."""
    if table not in tables.COLUMNS:
        abort(404)
    asked, db = query.read(request.args), services().db
    found = _load(asked, products=MOST_ROWS[PRODUCT])["currencies"]
    days = {"from": asked.period.first.isoformat(), "to": asked.period.last.isoformat()}
    filters = {"store": asked.store, "currency": asked.currency}
    details = {"table": table, **days, **{name: value for name, value in filters.items() if value is not None}}
    audit.record(db, "figures.exported", details=details)
    wanted = [each for each in found if asked.currency in (None, each["currency"])]
    lines = csv_cells.write(tables.csv_columns(table), tables.csv_rows(table, wanted, _kind_of))
    name = f"figures-{table}-{days['from']}-{days['to']}.csv"
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _load(asked: Query, products: int = stats.TOP_PRODUCTS) -> Document:
    return stats.figures(
        services().db,
        since=asked.period.first,
        until=asked.period.last,
        store=asked.store,
        products=products,
        patience=_PATIENCE,
    )


def _choose(currencies: list[Document], asked: Query) -> Document | None:
    """The figures in the currency that is asked for, or else in the one of most orders; None where nothing was sold."""
    if asked.currency is not None:
        currencies = [each for each in currencies if each["currency"] == asked.currency]
    return max(currencies, key=lambda each: int(each["orders_count"]), default=None)


def _before(asked: Query, currency: str) -> Document | None:
    if asked.compared is None:
        return None
    of = asked.compared
    found = stats.by_day(services().db, of.first, of.last, asked.store, currency)
    return found[0] if found else stats.nothing(currency, of.first, of.last)


def _tables(asked: Query, currencies: list[Document], chosen: Document) -> list[str]:
    """The tables that say something of this."""
    days = asked.period.days
    left_out = {"days" if days > tables.MOST_DAYS_SHOWN else "months", "currencies"}
    if days == 1:
        left_out |= set(_NO_DAYS)
    if len({_kind_of(row["store"]) for row in chosen["by_store"]}) < 2:
        left_out.add("kinds")
    return [name for name in tables.COLUMNS if name not in left_out]


def _kind_of(store: str) -> str:
    return services().stores.get(store).kind


def _names_of_stores() -> dict[str, str]:
    return {store.id: store.name or store.id for store in services().stores.all()}


def _render(asked: Query | None, **found: Any) -> str:
    """The page: the form, as it was sent, and what there is to show."""
    stores = _names_of_stores()
    store = asked.store if asked else None
    context: dict[str, Any] = {
        "asked": asked,
        "typed": {name: request.args.get(name, "") for name in ("from", "to", "period", "compare", "store")},
        "stores": [("", _("All stores")), *stores.items()],
        "store_name": stores.get(store, store) if store else _("All stores"),
        "presets": list(names.presets().items()),
        "comparisons": list(names.comparisons().items()),
        "period_name": names.period(asked.period) if asked else "",
        "compared_name": names.period(asked.compared) if asked and asked.compared else "",
        "zone": timezone_of(store),
        "made_at": now(),
        "url": lambda **changes: url_for(".index", **asked.arguments(**changes)) if asked else "",
        "csv": lambda table: url_for(".table_csv", table=table, **asked.arguments()) if asked else "",
    }
    nothing: dict[str, Any] = {"cards": [], "tables": [], "currencies": [], "overview": None, "chosen": "", "error": ""}
    return render("figures.html", **context, **{**nothing, "rebuilding": "", **found})
