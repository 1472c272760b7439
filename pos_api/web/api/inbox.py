"""The inbox as people see it: deliveries that could not be used, why, and another try."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from pos_api.common.time import first_moment, last_moment
from pos_api.database.client import Document
from pos_api.database.reach import Position
from pos_api.inbox import presentation, queries
from pos_api.inbox.model import IGNORED, STALE, STATES, StoredEntry
from pos_api.inbox.replay import replay_entries
from pos_api.privacy import retention
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Time, page_of, reply
from pos_api.web.api.subscription_schemas import time_bound
from pos_api.web.services import services

blp = Blueprint("inbox", __name__, url_prefix="/api/inbox", description="Deliveries that wait, were parked, or failed")

_KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class InboxFilter(Schema):
    """Which deliveries."""

    store = fields.String(metadata={"example": "default"})
    kind = fields.String(metadata={"description": "Those of stores of this kind.", "example": "till"})
    topic = fields.String(metadata={"example": "order.updated"})

    outcome = fields.String(
        validate=validate.OneOf([IGNORED, STALE]),
        metadata={
            "description": "In place of a state: those in which there was nothing to keep, as their topic is not known,"
            " or those that were older than what is stored."
        },
    )
    since = time_bound("That came on this day (UTC) or time, or later.")
    until = time_bound("That came up to this day (UTC, whole) or time.")

    @validates_schema
    def _state_or_outcome(self, data: Document, **_: Any) -> None:
        if "state" in data and "outcome" in data:
            raise ValidationError("Give state or outcome, not both.", "outcome")


class InboxQuery(PageQuery, InboxFilter):
    """Which deliveries to list."""

    state = fields.String(
        validate=validate.OneOf(["parked", "failed", "waiting", "done"]),
        metadata={"description": "Left out: parked and failed ones."},
    )


class ReplayFilter(InboxFilter):
    """Which deliveries to replay; `{}` for all that were parked or failed."""

    state = fields.String(
        validate=validate.OneOf(["parked", "failed"]), metadata={"description": "Left out: both.", "example": "parked"}
    )


class InboxEntry(Schema):
    """A delivery as it came in, and how it went."""

    key = fields.String(required=True, metadata={"example": _KEY})
    store = fields.String(required=True, metadata={"example": "default"})
    kind = fields.String(required=True, metadata={"description": "Of its store.", "example": "till"})
    topic = fields.String(required=True, metadata={"example": "order.updated"})
    resource_id = fields.String(required=True, metadata={"example": "4711"})
    state = fields.String(required=True, validate=validate.OneOf(STATES), metadata={"example": "parked"})
    outcome = fields.String(required=True, allow_none=True, metadata={"example": "parked"})
    reason = fields.String(required=True, allow_none=True, metadata={"example": "The order is not valid."})
    details = fields.Raw(
        required=True, allow_none=True, metadata={"example": {"data.id": "is required, a whole number from 1"}}
    )
    warnings = fields.List(fields.String(), required=True, metadata={"example": []})
    attempts = fields.Integer(required=True, metadata={"example": 0})
    received_at = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})
    attention_at = Time(
        required=True, allow_none=True, metadata={"description": "When it was parked or failed.", "example": None}
    )
    due_at = Time(required=True, allow_none=True, metadata={"description": "When it is tried next.", "example": None})
    kept_until = Time(
        required=True,
        allow_none=True,
        metadata={
            "description": "When it is deleted, unless it is replayed; null while it waits.",
            "example": "2027-11-22T06:51:08Z",
        },
    )


class WholeInboxEntry(InboxEntry):
    """A delivery with what was sent. The body holds personal data."""

    headers = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, metadata={"example": {"user-agent": "WooCommerce"}}
    )
    body = fields.String(required=True, metadata={"example": '{"event": "order.updated", "data": {}}'})


class Replayed(Schema):
    """How many deliveries are tried again."""

    replayed = fields.Integer(required=True, metadata={"example": 1})


def filter_of(given: Document) -> queries.Filter:
    """The filter that a query asks for."""
    names = ("state", "store", "topic", "kind", "outcome")
    since, until = first_moment(given.get("since")), last_moment(given.get("until"))
    return queries.Filter(**{name: given.get(name) for name in names}, since=since, until=until)


def kept_until(entry: StoredEntry) -> datetime | None:
    """When an entry is deleted; None while it waits."""
    return retention.kept_until(entry, services().config)


@blp.get("")
@staff("manager")
@fails_with(400)
@blp.arguments(InboxQuery, location="query")
@blp.response(200, page_of(InboxEntry))
def list_entries(query: Document) -> Any:
    """List the deliveries that need a look, those that wait, were ignored or stale, or are done, newest first. What was
    sent is not in the list."""
    wanted = filter_of(query)
    before = cast("Position | None", pages.after(query["cursor"], datetime, str))
    rows, last = queries.find(services().db, wanted, before=before, limit=query["limit"])
    shown = [presentation.entry(entry, kept_until(entry)) for entry in rows]
    return success(shown, page=pages.info(query["limit"], last))


@blp.get("/<key>")
@staff("manager")
@fails_with(404)
@blp.response(200, reply(WholeInboxEntry))
def get_entry(key: str) -> Any:
    """One delivery, with the body as it was sent; IP address, user agent and order key are blanked."""
    entry = queries.get(services().db, key)
    return success(presentation.whole_entry(entry, kept_until(entry)))


@blp.post("/<key>/replay")
@staff("manager")
@fails_with(404, 409)
@blp.response(202, reply(Replayed))
def replay_entry(key: str) -> Any:
    """Try a delivery again, whatever became of it. The worker takes it up within a second or so. 409: its body
    was erased, with the personal data in it."""
    return success({"replayed": replay_entries(services().db, [key])})


@blp.post("/replay")
@staff("manager")
@blp.arguments(ReplayFilter)
@blp.response(202, reply(Replayed))
def replay_matching(given: Document) -> Any:
    """Try all deliveries again that were parked or failed, or those of them that match; or those that were ignored."""
    return success({"replayed": replay_entries(services().db, filter_of(given))})
