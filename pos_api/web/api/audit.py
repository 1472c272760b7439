"""Who did what, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError, fields, validate

from pos_api.common.time import day_or_moment, first_moment, last_moment
from pos_api.database.client import Document
from pos_api.staff import audit, audit_csv
from pos_api.staff.presentation import audit_entry
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Time, page_of
from pos_api.web.services import services

blp = Blueprint("audit", __name__, url_prefix="/api/audit", description="Who did what")

_LONGEST = 500


def _is_day_or_moment(text: str) -> None:
    try:
        day_or_moment(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _text(example: str, description: str) -> fields.String:
    return fields.String(
        load_default=None,
        validate=validate.Length(1, _LONGEST),
        metadata={"example": example, "description": description},
    )


def _bound(example: str, description: str) -> fields.String:
    return fields.String(
        load_default=None, validate=_is_day_or_moment, metadata={"example": example, "description": description}
    )


class AuditQuery(PageQuery):
    """Which entries to list."""

    action = _text("product.price", "An action, or all of a kind by what is before the dot: `product`.")
    who = _text("anna", "The name of who did it.")
    target = _text("beans-1kg", "What it was done to: a SKU, a user's or store's name, an event's key.")
    since = _bound("2026-11-22", "From this day (UTC) or time on.")
    until = _bound("2026-11-22T06:51:08Z", "Up to this day (UTC, whole) or time.")


class Actor(Schema):
    """Who did it."""

    kind = fields.String(required=True, validate=validate.OneOf(audit.KINDS), metadata={"example": "user"})
    name = fields.String(
        required=True,
        metadata={"description": "A user, a token's or key's name, the system user.", "example": "anna"},
    )
    store = fields.String(metadata={"description": "Of an API key.", "example": "default"})
    address = fields.String(metadata={"description": "Where the request came from.", "example": "203.0.113.9"})
    sudo = fields.String(
        metadata={"description": "At the command line: who became that system user, as sudo has it.", "example": "anna"}
    )


class AuditEntry(Schema):
    """An act."""

    id = fields.String(required=True, metadata={"example": "b9d04cbd1b8b4a0c9d3f9d7c3f0f6e55"})
    time = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})
    action = fields.String(required=True, metadata={"example": "product.price"})
    who = fields.Nested(Actor, required=True)
    target = fields.String(required=True, allow_none=True, metadata={"example": "beans-1kg"})
    details = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "By action; of a change the values before and after.",
            "example": {"price": {"before": "189.00", "after": "199.00"}},
        },
    )
    outcome = fields.String(
        required=True,
        validate=validate.OneOf(audit.OUTCOMES),
        metadata={
            "description": "`started` where its end is not known: the process or the database failed during it.",
            "example": "done",
        },
    )


@blp.get("")
@staff("admin")
@fails_with(400)
@blp.arguments(AuditQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(AuditEntry))
def list_entries(query: Document) -> Any:
    """Who did what, the newest first: log-ins and failed ones, changes by staff and at the command line, exports. All
    that match as one CSV file with `Accept: text/csv`."""
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return audit_file(query)
    rows, info = page_of_entries(query)
    return jsonify(success(rows, page=info))


def page_of_entries(query: Document) -> tuple[list[Document], Document]:
    """A page of the entries that a query asks for, and what it says of itself. Raises BadRequest."""
    after = pages.after(query["cursor"], datetime, str)
    found = audit.find(services().db, _wanted(query), after=after, limit=query["limit"] + 1)
    rows, info = pages.page(found, query["limit"], lambda entry: [entry["time"], entry["_id"]])
    return [audit_entry(entry) for entry in rows], info


def audit_file(query: Document) -> Response:
    """All entries that a query asks for, as a CSV file, which the audit records."""
    db, filters = services().db, ("action", "who", "target", "since", "until")
    audit.record(db, "audit.exported", details={name: query[name] for name in filters if query[name] is not None})
    lines = audit_csv.write(map(audit_entry, audit.stream(db, _wanted(query))))
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(lines, mimetype="text/csv", headers=headers)


def _wanted(query: Document) -> audit.Filter:
    return audit.Filter(
        action=query["action"],
        who=query["who"],
        target=query["target"],
        since=first_moment(query["since"]),
        until=last_moment(query["until"]),
    )
