"""Cash sessions of tills: with what the drawer was opened, what was expected, what was counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema, fields, validate

from pos_api.cash import presentation, queries
from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell
from pos_api.common.money import decimal
from pos_api.common.time import first_moment, last_moment, rfc3339
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Money, Time, Trimmed, page_of, reply
from pos_api.web.services import services

blp = Blueprint("cash-sessions", __name__, url_prefix="/api/cash-sessions", description="Cash sessions of tills")


class CashSessionQuery(PageQuery):
    """Which sessions to list; filters add up."""

    store = Trimmed(validate=validate.Length(1, 40), metadata={"description": "The till's id.", "example": "till-1"})
    since = fields.String(
        data_key="from",
        validate=validate.Length(max=40),
        metadata={"description": "Opened from this day (UTC) or RFC 3339 time on.", "example": "2026-11-22"},
    )
    until = fields.String(
        data_key="to",
        validate=validate.Length(max=40),
        metadata={"description": "Opened up to this day (UTC) or time, included.", "example": "2026-11-22"},
    )


class CashSession(Schema):
    """A cash session of a till. What was not reported is null."""

    id = fields.String(required=True, metadata={"description": "`store:external id`", "example": "till-1:5"})
    store = fields.String(required=True, metadata={"example": "till-1"})
    external_id = fields.String(required=True, metadata={"description": "The till's own id.", "example": "5"})
    opened_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T08:00:00Z"})
    closed_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T18:05:00Z"})
    opening_cash = Money(required=True, allow_none=True, metadata={"example": "20.00"})
    counted_cash = Money(required=True, allow_none=True, metadata={"example": "187.50"})
    expected_cash = Money(
        required=True,
        allow_none=True,
        metadata={
            "description": "Opening cash, with sales and debts paid in cash, less voids; null where it is not known"
            " when, or with what, the session was opened.",
            "example": "185.50",
        },
    )
    difference = Money(
        required=True, allow_none=True, metadata={"description": "Counted less expected.", "example": "2.00"}
    )
    assumed_cash = Money(
        required=True,
        metadata={
            "description": "The part of the expected cash that the till does not report as cash: debts, which its"
            " setting says are paid so.",
            "example": "50.00",
        },
    )
    currency = fields.String(required=True, metadata={"description": "Blank where it is not known.", "example": "USD"})


class CashOfKind(Schema):
    """What a kind of movement comes to."""

    kind = fields.String(required=True, validate=validate.OneOf(["sale", "void", "debt"]), metadata={"example": "sale"})
    amount = Money(required=True, metadata={"example": "165.50"})


class CashMovement(CashOfKind):
    """Cash that came into the drawer, or, below 0, left it."""

    external_id = fields.String(required=True, metadata={"description": "What moved it.", "example": "sale-42"})
    at = Time(required=True, metadata={"example": "2026-11-22T09:30:00Z"})
    is_assumed = fields.Boolean(required=True, metadata={"description": "That it is cash is the till's setting."})


class FullCashSession(CashSession):
    """A cash session with what came in and went out."""

    ends_at = Time(
        required=True,
        allow_none=True,
        metadata={
            "description": "Until when its cash counts: its closing, or the next opening if that is earlier; null while"
            " it is open.",
            "example": "2026-11-22T18:05:00Z",
        },
    )
    by_kind = fields.List(fields.Nested(CashOfKind), required=True)
    movements = fields.List(
        fields.Nested(CashMovement), required=True, metadata={"description": "At most 500, the oldest first."}
    )


def _bound(query: Document, name: str, parameter: str, read: Callable[[str | None], datetime | None]) -> Any:
    try:
        return read(query.get(name))
    except ValueError as error:
        raise Invalid("The request is not valid.", details={parameter: [str(error)]}) from None


def _wanted(query: Document) -> queries.Filter:
    return queries.Filter(
        query.get("store"), _bound(query, "since", "from", first_moment), _bound(query, "until", "to", last_moment)
    )


def currency_of() -> queries.CurrencyOf:
    """What looks up the currency that a store has now, also after the request has ended."""
    stores = services().stores  # a file is written when the request is over
    return lambda store: stores.get(store).currency


def _row(session: Document) -> list[Cell]:
    return [_cell(session[name]) for name in presentation.COLUMNS]


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str):
        return value
    return rfc3339(value) if isinstance(value, datetime) else decimal(value)


@blp.get("")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(CashSessionQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(CashSession))
def list_sessions(query: Document) -> Any:
    """List cash sessions, newest first, a page at a time; all that match as one CSV file with `Accept: text/csv`."""
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return sessions_file(query)
    rows, info = page_of_sessions(query)
    return jsonify(success(rows, page=info))


def page_of_sessions(query: Document) -> tuple[list[Document], Document]:
    """A page of the sessions that a query asks for, and what it says of itself. Raises Invalid, BadRequest."""
    after = pages.after(query["cursor"], datetime, str)
    found = queries.find(services().db, currency_of(), _wanted(query), query["limit"] + 1, after)
    rows, info = pages.page(found, query["limit"], queries.position)
    return [queries.shown(each) for each in rows], info


def sessions_file(query: Document) -> Response:
    """All sessions that a query asks for as a CSV file, which the audit records. Raises Invalid."""
    db, wanted = services().db, _wanted(query)
    asked = {"store": query.get("store"), "from": query.get("since"), "to": query.get("until")}
    audit.record(db, "cash.exported", details={name: value for name, value in asked.items() if value})
    lines = csv_cells.write(presentation.COLUMNS, map(_row, queries.stream(db, currency_of(), wanted)))
    disposition = {"Content-Disposition": 'attachment; filename="cash-sessions.csv"'}
    return Response(lines, mimetype="text/csv", headers=disposition)


@blp.get("/<path:session>")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.response(200, reply(FullCashSession))
def get_session(session: str) -> Any:
    """One cash session, as `store:id`, with what came in and went out."""
    return jsonify(success(queries.get(services().db, currency_of(), session)))
