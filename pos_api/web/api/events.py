"""What happened: the events that are kept, and the types of events that there are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from flask import current_app, jsonify
from marshmallow import Schema, fields, validate

from pos_api.common.time import first_moment, last_moment
from pos_api.database.client import Document
from pos_api.outbox import presentation, queries
from pos_api.outbox.event_types import EVENT_TYPES, PATTERNS
from pos_api.stores.api_keys import SUBSCRIPTIONS
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import Api, fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Time, page_of, reply
from pos_api.web.api.subscription_schemas import time_bound
from pos_api.web.services import services

blp = Blueprint("events", __name__, url_prefix="/api/v1", description="What happened, as subscribers are sent it")

API = "pos-api-document"
"""The application's extension that is the API document, which has the types of events."""
_ID = "order:default:23:7"


def _text(longest: int, example: str, description: str) -> fields.String:
    return fields.String(
        validate=validate.Length(1, longest),
        load_default=None,
        metadata={"description": description, "example": example},
    )


class EventQuery(PageQuery):
    """Which events to list; filters add up."""

    type = fields.String(
        validate=validate.OneOf([*EVENT_TYPES, *PATTERNS]),
        load_default=None,
        metadata={"description": "A type, or all of a kind: `order.*`.", "example": "order.created"},
    )
    resource = _text(1000, "order:default:23", "About this thing, as events name it.")
    store = _text(40, "default", "Of this store.")
    since = time_bound("From this day (UTC) or time on.", load_default=None)
    until = time_bound("Up to this day (UTC, whole) or time.", load_default=None)


class StoredEvent(Schema):
    """An event, with what it is about and when it was written."""

    id = fields.String(required=True, metadata={"example": _ID})
    type = fields.String(required=True, metadata={"example": "order.completed"})
    timestamp = Time(required=True, metadata={"description": "When it happened.", "example": "2026-11-28T06:51:08Z"})
    store = fields.String(
        required=True, allow_none=True, metadata={"description": "Null for what is of no store.", "example": "default"}
    )
    resource = fields.String(required=True, metadata={"example": "order:default:23"})
    written_at = Time(
        required=True,
        metadata={
            "description": "When it was there to be sent, which `since` and `until` are about.",
            "example": "2026-11-28T06:51:08Z",
        },
    )
    erased_at = Time(
        required=True,
        allow_none=True,
        metadata={"description": "When its personal data was erased: `data` only says since then what it is about."},
    )
    data = fields.Dict(
        required=True,
        metadata={"description": "As the API shows it: see the type's schema.", "example": {"id": "default:23"}},
    )


class EventType(Schema):
    """A type of events."""

    type = fields.String(required=True, metadata={"example": "order.created"})
    description = fields.String(required=True, metadata={"example": EVENT_TYPES["order.created"]})
    schema = fields.Dict(
        required=True, metadata={"description": "JSON Schema (2020-12) of the event.", "example": {"type": "object"}}
    )
    example = fields.Dict(required=True, metadata={"example": {"id": _ID}})


@blp.get("/events")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(400)
@blp.arguments(EventQuery, location="query")
@blp.response(200, page_of(StoredEvent))
def list_events(query: Document) -> Any:
    """List the events that are kept (`EVENT_DAYS`, 30 by default), the newest first, a page at a time. An event is kept
    where there was a subscription that wanted it."""
    wanted = queries.EventFilter(
        type=query["type"],
        resource=query["resource"],
        store=query["store"],
        since=first_moment(query["since"]),
        until=last_moment(query["until"]),
    )
    after = pages.after(query["cursor"], datetime, str)
    found = queries.find_events(services().db, wanted, query["limit"] + 1, after)
    rows, info = pages.page(found, query["limit"], lambda row: (row["written_at"], row["_id"]))
    return jsonify(success([presentation.event(row) for row in rows], page=info))


@blp.get("/events/<path:event>")
@staff("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.response(200, reply(StoredEvent))
def get_event(event: str) -> Any:
    """One event, by its id (`webhook-id` of its deliveries)."""
    return jsonify(success(presentation.event(queries.get_event(services().db, event))))


@blp.get("/event-types")
@staff("viewer", scope=SUBSCRIPTIONS)
@blp.response(200, reply(EventType, many=True))
def list_event_types() -> Any:
    """All types of events, each with a JSON schema and an example. `webhooks` of the API document is made of the
    same."""
    return jsonify(success(cast(Api, current_app.extensions[API]).event_types))
