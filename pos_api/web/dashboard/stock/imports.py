"""Products from a CSV file: what it would change is looked at first."""

from __future__ import annotations

from typing import Any

from bson import Decimal128
from flask import redirect, request, url_for

from pos_api.catalogue import product_csv, product_import, stock_events
from pos_api.common.money import with_cents
from pos_api.database.client import Document
from pos_api.errors import PosError
from pos_api.processing import listeners
from pos_api.web.api import pages
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.languages import _, money, number, signed
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.stock.blueprint import blp
from pos_api.web.services import services

_LIMIT = 100
_SECONDS = 3.0
"""So long one request applies rows; the page then asks for the next ones."""


@blp.get("/import")
@page("manager")
def import_form() -> Any:
    """Choose a file."""
    return _form()


def _form(problem: str = "") -> str:
    return render("stock/import.html", columns=product_csv.COLUMNS, problem=problem)


def problem_of(error: PosError) -> str:
    """What is wrong with a file, with the columns that are not known."""
    unknown = error.details.get("unknown", []) if isinstance(error.details, dict) else []
    return " ".join([error.message, *([_("Not known:"), ", ".join(unknown)] if unknown else [])])


@blp.post("/import")
@page("manager")
def import_look() -> Any:
    """Work out what the file would change."""
    file = request.files.get("file")
    body = file.read() if file else b""
    if file is None or not body:
        return _form(_("Choose a CSV file first.")), 400
    try:
        made = product_import.prepare(services().db, body, name=file.filename or "", by=current_user().name)
    except PosError as error:
        return _form(problem_of(error)), error.status
    return redirect(url_for(".import_page", identifier=made), 303)


@blp.get("/import/<identifier>")
@page("manager")
def import_page(identifier: str) -> Any:
    """What the file would change; once that is begun, how far it is; at last what became of each row."""
    db, found = services().db, product_import.get(services().db, identifier)
    position = pages.after(request.args.get("cursor"), int)
    after = position[0] if position else None
    rows, info = pages.page(
        product_import.rows(db, identifier, after=after, limit=_LIMIT + 1), _LIMIT, lambda row: [row["line"]]
    )
    results = product_import.results(db, identifier)
    total = found["counts"]["created"] + found["counts"]["updated"]
    return render(
        "stock/import_rows.html",
        found=found,
        total=total,
        done=total - found["left"],
        is_begun=found["left"] < total,
        is_finished=found["left"] == 0 and total > 0,
        results=results,
        rows=[_shown(row) for row in rows],
        more=info["next"] and url_for(".import_page", identifier=identifier, cursor=info["next"]),
    )


@blp.post("/import/<identifier>/apply")
@page("manager")
def import_apply(identifier: str) -> Any:
    """Apply the next rows."""
    events = product_import.apply_some(services().db, identifier, by=current_user().name, seconds=_SECONDS)
    listeners.notify(events)
    stock_events.publish(services().db, events)
    return redirect(url_for(".import_page", identifier=identifier), 303)


def _shown(row: Document) -> Document:
    """A row with its state and its changes in words."""
    names = {
        "created": (_("would be made"), ""),
        "updated": (_("would be changed"), ""),
        "refused": (_("left out"), "bad"),
        "begun": (_("in work"), ""),
        "applied": (_("done"), "good"),
        "outdated": (_("left out: changed since you looked"), "warn"),
        "failed": (_("not possible"), "bad"),
    }
    words, kind = names[row["state"]]
    made = [] if row.get("changes") or row["state"] == "refused" else _made(row.get("values", {}))
    return {
        "line": row["line"],
        "sku": row["sku"],
        "words": words,
        "kind": kind,
        "message": row.get("message", ""),
        "changes": made or [_change(each) for each in row.get("changes", ())],
    }


def _labels() -> dict[str, str]:
    return {
        "name": _("Name"),
        "price": _("Price"),
        "stock": _("Stock"),
        "low_stock_threshold": _("Low at"),
        "archived": _("Archived"),
    }


def _change(change: Document) -> str:
    before, after = change["before"], change["after"]
    text = f"{_labels()[change['field']]}: {_text(before)} → {_text(after)}"
    return f"{text} ({signed(after - before)})" if change["field"] == "stock" else text


def _made(values: Document) -> list[str]:
    return [f"{label}: {_text(values[name])}" for name, label in _labels().items() if name in values]


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Decimal128):
        return money(with_cents(value))
    return value if isinstance(value, str) else number(value)
