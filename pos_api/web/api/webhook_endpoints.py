"""Subscriptions under the names that the client of a payment provider's kit has for them (`@blocklet/payment-js`, its
`webhookEndpoints`): the same subscriptions, and nothing else.

The application of a store reaches those that it made, and no others. Answers are plain objects, without the envelope of
other routes, as that client expects them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import jsonify
from marshmallow import EXCLUDE, Schema, fields, validate

from pos_api.database import recently_read
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.outbox import queries, subscriptions
from pos_api.outbox import subscription_rules as rules
from pos_api.outbox.model import Subscription
from pos_api.stores.api_keys import SUBSCRIPTIONS
from pos_api.web.api.access import current_application, staff_or_application
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.schemas import Time
from pos_api.web.services import services

_API_VERSION = "2023-09-05"
"""What the provider's own documentation shows."""
_STATUSES = ("enabled", "disabled")
_NAMES = {"url": "url", "enabled_events": "events", "description": "description"}
"""Settings that are the same here, by this client's names."""

blp = Blueprint(
    "webhook_endpoints",
    __name__,
    url_prefix="/api/webhook-endpoints",
    description="Subscriptions, for clients of payment kits",
)


class LivemodeQuery(Schema):
    """What this client sends with every request."""

    livemode = fields.Boolean(
        load_default=True, metadata={"description": "Comes back as it is sent.", "example": False}
    )


class EndpointPage(LivemodeQuery):
    """Which endpoints to list."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, 10_000), metadata={"example": 1})
    size = fields.Integer(load_default=20, validate=validate.Range(1, 100), metadata={"example": 20})


class EndpointChange(Schema):
    """Settings of an endpoint; what is left out stays as it is."""

    url = fields.String(
        validate=validate.Length(1, rules.MOST_URL), metadata={"example": "https://erp.example/hooks/pos"}
    )
    enabled_events = fields.List(
        fields.String(),
        validate=validate.Length(1, rules.MOST_EVENTS),
        metadata={"description": "Types of events as of any subscription.", "example": ["order.*"]},
    )
    description = fields.String(
        validate=validate.Length(max=rules.MOST_DESCRIPTION), metadata={"example": "Bookkeeping"}
    )
    metadata = fields.Dict(
        keys=fields.String(), metadata={"description": "Kept as text.", "example": {"team": "books"}}
    )
    status = fields.String(validate=validate.OneOf(_STATUSES))


class NewEndpoint(EndpointChange):
    """A new endpoint."""

    url = fields.String(
        required=True,
        validate=validate.Length(1, rules.MOST_URL),
        metadata={"example": "https://erp.example/hooks/pos"},
    )
    enabled_events = fields.List(
        fields.String(),
        required=True,
        validate=validate.Length(1, rules.MOST_EVENTS),
        metadata={"example": ["order.*"]},
    )


class Endpoint(Schema):
    """A subscription under this client's names."""

    id = fields.String(required=True, metadata={"example": "sub_19bb91352d222457e2fa0299"})
    livemode = fields.Boolean(required=True, metadata={"description": "As it was asked for.", "example": True})
    api_version = fields.String(required=True, metadata={"example": _API_VERSION})
    url = fields.String(required=True, metadata={"example": "https://erp.example/hooks/pos"})
    description = fields.String(required=True, metadata={"example": "Bookkeeping"})
    enabled_events = fields.List(fields.String(), required=True, metadata={"example": ["order.*"]})
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True, metadata={"example": {}})
    status = fields.String(required=True, validate=validate.OneOf(_STATUSES))
    created_via = fields.String(required=True, metadata={"enum": ["api"]})
    created_at = Time(required=True, metadata={"example": "2026-11-28T06:51:08Z"})
    updated_at = Time(required=True, metadata={"example": "2026-11-28T06:51:08Z"})
    secret = fields.String(metadata={"description": "Shown this once, to whoever makes it.", "example": "whsec_…"})


class EndpointList(Schema):
    """A page of endpoints."""

    list = fields.List(fields.Nested(Endpoint), required=True)
    count = fields.Integer(required=True, metadata={"description": "Of all.", "example": 1})


@blp.post("")
@staff_or_application("manager", scope=SUBSCRIPTIONS)
@blp.arguments(NewEndpoint, unknown=EXCLUDE)
@blp.arguments(LivemodeQuery, location="query")
@blp.response(200, Endpoint)
def create_endpoint(given: Document, query: Document) -> Any:
    """Subscribe to events; the application of a store to those of its own store. The answer has the secret too, which
    deliveries are signed with."""
    settings, application = _settings(given), current_application()
    with _their_names():
        made = subscriptions.create(services().db, services().config, settings, application=application)
    recently_read.wait_until_known()
    return jsonify({**_shown(made.subscription, query), "secret": made.secret})


@blp.get("")
@staff_or_application("manager", scope=SUBSCRIPTIONS)
@blp.arguments(EndpointPage, location="query")
@blp.response(200, EndpointList)
def list_endpoints(query: Document) -> Any:
    """List subscriptions, the newest first; for the application of a store those that it made."""
    db, size, application = services().db, query["size"], current_application()
    found = queries.find_subscriptions(db, size, skip=(query["page"] - 1) * size, application=application)
    count = queries.count_subscriptions(db, application)
    return jsonify({"list": [_shown(each, query) for each in found], "count": count})


@blp.get("/<subscription>")
@staff_or_application("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.arguments(LivemodeQuery, location="query")
@blp.response(200, Endpoint)
def get_endpoint(query: Document, subscription: str) -> Any:
    """One subscription."""
    return jsonify(_shown(_reached(subscription), query))


@blp.put("/<subscription>")
@staff_or_application("manager", scope=SUBSCRIPTIONS)
@fails_with(404, 409)
@blp.arguments(EndpointChange, unknown=EXCLUDE)
@blp.arguments(LivemodeQuery, location="query")
@blp.response(200, Endpoint)
def change_endpoint(given: Document, query: Document, subscription: str) -> Any:
    """Change settings of a subscription. Enabled again, it goes on where it stopped."""
    _reached(subscription)
    settings = _settings(given)
    with _their_names():
        changed = subscriptions.change(services().db, services().config, subscription, settings)
    if "events" in settings:
        recently_read.wait_until_known()
    return jsonify(_shown(changed, query))


@blp.delete("/<subscription>")
@staff_or_application("manager", scope=SUBSCRIPTIONS)
@fails_with(404)
@blp.arguments(LivemodeQuery, location="query")
@blp.response(200, Endpoint)
def delete_endpoint(query: Document, subscription: str) -> Any:
    """Remove a subscription with its deliveries; the answer is what it was."""
    found = _reached(subscription)
    subscriptions.delete(services().db, subscription)
    return jsonify(_shown(found, query))


def _reached(identifier: str) -> Subscription:
    """The subscription, if who makes the current request reaches it. Raises NotFound."""
    return subscriptions.get(services().db, identifier, current_application())


def _settings(given: Document) -> Document:
    """The same under our names."""
    settings: Document = {ours: given[theirs] for theirs, ours in _NAMES.items() if theirs in given}
    if "status" in given:
        settings["active"] = given["status"] == "enabled"
    if "metadata" in given:
        settings["metadata"] = {name: _text(value) for name, value in given["metadata"].items()}
    return settings


@contextmanager
def _their_names() -> Iterator[None]:
    """What is refused inside is named as this client names it."""
    theirs = {ours: theirs for theirs, ours in _NAMES.items()}
    try:
        yield
    except Invalid as error:
        details = {theirs.get(name, name): problems for name, problems in error.details.items()}
        raise Invalid(error.message, details=details) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(stored: Subscription, query: Document) -> Document:
    """A subscription under this client's names."""
    return {
        "id": stored["_id"],
        "livemode": query["livemode"],
        "api_version": _API_VERSION,
        "url": stored["url"],
        "description": stored["description"],
        "enabled_events": stored["events"],
        "metadata": stored["metadata"],
        "status": "enabled" if stored["active"] else "disabled",
        "created_via": "api",
        "created_at": stored["created_at"],
        "updated_at": stored["updated_at"],
    }
