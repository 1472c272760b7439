"""The books: accounts, entries, closing a day, Z-reports, the proof, and files for bookkeeping programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Response, jsonify, request

from pos_api.accounting import check, close, exports, presentation, queries, set_accounts
from pos_api.accounting.queries import Filter
from pos_api.accounting.refresh import bring_up_to_date
from pos_api.accounting.z_reports import z_reports
from pos_api.common import csv_cells
from pos_api.common.money import decimal128
from pos_api.database.client import Document
from pos_api.errors import NotFound
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.stores.model import Store
from pos_api.web import z_page
from pos_api.web.api import accounting_schemas as schemas
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import page_of, reply
from pos_api.web.services import services

blp = Blueprint("accounting", __name__, url_prefix="/api/accounting", description="The books")
MOST_DIFFERENCES = 1_000
_MOST_REFUSED = 1_000
_LONGEST_NUMBER = 18


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def filter_of(query: Document) -> Filter:
    """Which entries a query asks for."""
    names = ("store", "currency", "reference")
    return Filter(_text(query.get("since")), _text(query.get("until")), **{name: query.get(name) for name in names})


def store_named(name: str) -> Store:
    """A store by its id. Raises NotFound."""
    found = next((each for each in services().stores.all() if each.id == name), None)
    if found is None:
        raise NotFound(f"There is no store {name[:80]!r}.")
    return found


# --- accounts ---------------------------------------------------------------------------------------------------------


@blp.get("/accounts")
@staff("viewer", scope=READ)
@blp.response(200, reply(schemas.Accounts))
def get_accounts() -> Any:
    """The accounts, their names, and the product groups."""
    return jsonify(success(set_accounts.shown(services().db)))


@blp.put("/accounts")
@staff("manager")
@blp.arguments(schemas.Accounts)
@blp.response(200, reply(schemas.Accounts))
def put_accounts(accounts: Document) -> Any:
    """Set the accounts, their names, and the product groups, all at once. What is entered stays as it is."""
    return jsonify(success(set_accounts.save(services().db, accounts)))


# --- entries ----------------------------------------------------------------------------------------------------------


@blp.get("/entries")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(schemas.EntryQuery, location="query")
@blp.response(200, page_of(schemas.BookEntry))
def list_entries(query: Document) -> Any:
    """List entries, newest first, a page at a time. On the first page drafts come first: what entries open days would
    have now, of each store the latest 31 of them."""
    db, wanted, after = services().db, filter_of(query), pages.after(query["cursor"], str, int)
    status = query.get("status")
    drafts: list[Document] = []
    if after is None and status != "closed":
        drafts = queries.drafts(db, services().stores, wanted, services().config.accounting_mode)
    if status == "draft":
        return jsonify(success(drafts, page=pages.info(query["limit"], None)))
    rows, info = page_of_entries(query)
    return jsonify(success([*drafts, *rows], page=info))


def page_of_entries(query: Document) -> tuple[list[Document], Document]:
    """A page of the entries that a query asks for, and what it says of itself. Raises BadRequest."""
    after = pages.after(query["cursor"], str, int)
    found = queries.find(services().db, filter_of(query), query["limit"] + 1, after)
    rows, info = pages.page(found, query["limit"], lambda each: (each["date"], each["number"]))
    return queries.shown(services().db, list(rows)), info


@blp.get("/entries/<string:entry>")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.response(200, reply(schemas.BookEntry))
def get_entry(entry: str) -> Any:
    """One entry, by its id or its number."""
    return jsonify(success(queries.get(services().db, entry)))


@blp.get("/entries/<string:entry>/sources")
@staff("viewer", scope=READ)
@fails_with(400, 404)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.EntrySource))
def list_sources(query: Document, entry: str) -> Any:
    """The orders, payments and cash sessions that an entry is made of, with what it has of each, a page at a time."""
    rows, info = page_of_sources(entry, query)
    return jsonify(success(rows, page=info))


def page_of_sources(entry: str, query: Document) -> tuple[list[Document], Document]:
    """A page of what an entry is made of, and what it says of itself. Raises NotFound, BadRequest."""
    after = pages.after(query["cursor"], str)
    found = queries.sources(services().db, entry, query["limit"] + 1, after[0] if after else None)
    rows, info = pages.page(found, query["limit"], lambda each: (each["source"],))
    return [presentation.source_lines(each) for each in rows], info


@blp.get("/refused")
@staff("viewer", scope=READ)
@blp.response(200, reply(schemas.Refused, many=True))
def list_refused() -> Any:
    """What can't be booked, each with the reason: at most 1,000."""
    return jsonify(success(queries.refused(services().db, services().stores, _MOST_REFUSED)))


@blp.post("/close")
@staff("manager")
@fails_with(404, 409)
@blp.arguments(schemas.CloseDay)
@blp.response(200, reply(schemas.ClosedDay, many=True))
def close_days(wanted: Document) -> Any:
    """Close a store's day, or with `until` all that are open up to a day. Entries are made of it, and corrections of
    what has changed of days that were closed before. A closed day is never opened again."""
    asked: Document = {name: wanted[name].isoformat() for name in ("day", "until") if name in wanted}
    closed = close_as_asked(store_named(wanted["store"]), asked)
    made = any(not each.was_closed for each in closed)
    message = None if made else "It was closed before." if closed else "There is nothing to close."
    rows = [
        {
            "store": each.store,
            "day": each.date,
            "currency": each.currency,
            "entries": list(each.entries),
            "was_closed": each.was_closed,
        }
        for each in closed
    ]
    return jsonify(success(rows, message=message))


def close_as_asked(store: Store, asked: Document, is_enough: Callable[[], bool] = lambda: False) -> list[close.Closed]:
    """Close a store's `day`, or all that are open up to `until`, the earliest first, which is recorded in the audit.
    Ends early, between two days, once it `is_enough`. Raises Invalid, Conflict, Unavailable."""
    of, mode = (services().db, services().stores, store), services().config.accounting_mode
    bring_up_to_date(services().db, services().stores)
    with audit.act(services().db, "books.closed", target=store.id, details=asked):
        if "day" in asked:
            return close.close_day(*of, asked["day"], mode)
        return list(close.close_until(*of, asked["until"], mode, is_enough))


# --- reports ----------------------------------------------------------------------------------------------------------


@blp.get("/z-report")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.arguments(schemas.ZQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, reply(schemas.ZReport, many=True))
def get_z_report(query: Document) -> Any:
    """The Z-reports of a store's day, one for each currency. As CSV with `Accept: text/csv`, and as a page to print
    with `Accept: text/html`."""
    store, day = store_named(query["store"]), query["day"].isoformat()
    kinds = ["application/json", "text/csv", "text/html"]
    kind = request.accept_mimetypes.best_match(kinds, default=kinds[0])
    if kind == "text/csv":
        return z_report_file(store, day)
    if kind == "text/html":
        return z_report_page(store, day)
    return jsonify(success(z_reports(services().db, services().stores, store, day)))


def z_report_file(store: Store, day: str) -> Response:
    """The Z-reports of a store's day as a CSV file."""
    reports = z_reports(services().db, services().stores, store, day)
    rows = [row for report in reports for row in presentation.z_rows(report)]
    headers = {"Content-Disposition": f'attachment; filename="z-report-{store.id}-{day}.csv"'}
    return Response(csv_cells.write(presentation.Z_COLUMNS, rows), mimetype="text/csv", headers=headers)


def z_report_page(store: Store, day: str, localization: z_page.Localization = z_page.ENGLISH) -> Response:
    """The Z-reports of a store's day as a page to print."""
    reports, config = z_reports(services().db, services().stores, store, day), services().config
    page = z_page.z_page(store, day, reports, (config.accounting_company, config.accounting_orgnr), localization)
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": z_page.POLICY})


@blp.get("/check")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.arguments(schemas.CheckQuery, location="query")
@blp.response(200, reply(schemas.Checked))
def get_check(query: Document) -> Any:
    """The proof of the books: entries, figures and payments of some days side by side, with the orders of which they
    differ, why, and what is left unexplained."""
    since, until = query["since"].isoformat(), query["until"].isoformat()
    if name := query.get("store"):
        store_named(name)
    proof = check.check(services().db, services().stores, since, until, name)
    rows = sorted(proof.rows, key=lambda row: row.is_explained)[:MOST_DIFFERENCES]
    shown = {
        "is_explained": proof.is_explained,
        "currencies": [
            {
                "currency": currency,
                "entries": _stored(proof.books[currency]),
                "figures": _stored(proof.others[currency]),
                "unexplained": _stored(proof.unexplained[currency]),
            }
            for currency in sorted(proof.books)
        ],
        "differences": [
            {
                "source": row.source,
                "reference": row.reference,
                "currency": row.currency,
                "entries": _stored(row.books),
                "figures": _stored(row.others),
                "unexplained": _stored(row.unexplained),
                "because": row.because,
                "is_explained": row.is_explained,
            }
            for row in rows
        ],
    }
    return jsonify(success(shown))


def _stored(amounts: check.Amounts) -> Document:
    return {name: decimal128(amount) for name, amount in amounts.items()}


# --- exports ----------------------------------------------------------------------------------------------------------


@blp.get("/export")
@staff("manager")
@fails_with(404)
@blp.arguments(schemas.ExportQuery, location="query")
@blp.response(200, schema={"type": "string", "format": "binary"}, content_type="application/octet-stream")
def export_entries(query: Document) -> Any:
    """Entries as a file for a bookkeeping program. Its number is in its name; the same entries in the same format are
    the same export, with the same bytes."""
    return _file(export_as_asked(query))


def export_as_asked(query: Document) -> exports.Exported:
    """The export that a query asks for, which the audit records. Raises NotFound, Invalid."""
    wanted = filter_of(query)
    asked = {"format": query["format"], "new": query["new"], **wanted.query()}
    with audit.act(services().db, "books.exported", details=asked) as details:
        exported = exports.export(services().db, services().config, query["format"], wanted, new=query["new"])
        details["number"] = exported.number
    return exported


@blp.get("/exports")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(schemas.BookExport))
def list_exports(query: Document) -> Any:
    """List exports, newest first, a page at a time."""
    rows, info = page_of_exports(query)
    return jsonify(success(rows, page=info))


def page_of_exports(query: Document) -> tuple[list[Document], Document]:
    """A page of exports, and what it says of itself. Raises BadRequest."""
    after = pages.after(query["cursor"], int)
    found = exports.listed(services().db, query["limit"] + 1, after[0] if after else None)
    rows, info = pages.page(found, query["limit"], lambda each: (each["number"],))
    return list(rows), info


@blp.get("/exports/<string:number>")
@staff("manager")
@fails_with(404)
@blp.response(200, schema={"type": "string", "format": "binary"}, content_type="application/octet-stream")
def get_export(number: str) -> Any:
    """The file of an export, with the same bytes as before."""
    return export_file(number)


def export_file(number: str) -> Response:
    """The file of an export, which the audit records. Raises NotFound."""
    if not (number.isascii() and number.isdecimal() and len(number) < _LONGEST_NUMBER):
        raise NotFound(f"There is no export {number[:80]!r}.")
    exported = exports.again(services().db, int(number))
    audit.record(services().db, "books.exported", details={"number": exported.number})
    return _file(exported)


def _file(exported: exports.Exported) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{exported.name}"'}
    return Response(exported.content, mimetype="application/octet-stream", headers=headers)
