"""The API is added to the application: its blueprints, the request id, JSON and error handlers."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, g

from pos_api import logs
from pos_api.staff.audit import clear_actor
from pos_api.web.api import (
    accounting,
    audit,
    auth,
    cash_sessions,
    customer_subscriptions,
    customers,
    docs,
    events,
    health,
    inbox,
    orders,
    payments,
    products,
    stats,
    stock_sync,
    store_items,
    stores,
    subscription_deliveries,
    subscriptions,
    webhook_endpoints,
    webhooks,
)
from pos_api.web.api.access import access_of
from pos_api.web.api.errors import register_error_handlers
from pos_api.web.api.event_documents import describe_events
from pos_api.web.api.json_provider import JsonProvider
from pos_api.web.api.openapi import Api
from pos_api.web.api.requests import WholeRequest
from pos_api.web.api.sender_routes import sender_routes
from pos_api.web.server.request_limits import BODY_LIMIT

_BLUEPRINTS = tuple(
    noun.blp
    for noun in (
        webhooks,
        stats,
        orders,
        payments,
        customers,
        customer_subscriptions,
        products,
        cash_sessions,
        accounting,
        inbox,
        stores,
        store_items,
        stock_sync,
        subscriptions,
        subscription_deliveries,
        webhook_endpoints,
        events,
        auth,
        audit,
        health,
    )
)


def register(app: Flask, version: str) -> None:
    """Add the API of this version to an application."""
    app.config.update(_settings(version))
    app.json = JsonProvider(app)
    app.request_class = WholeRequest
    api = Api(app, describe_events)
    for blueprint in _BLUEPRINTS:
        api.register_blueprint(blueprint)
    api.register_blueprint(sender_routes())
    app.extensions[events.API] = api
    app.register_blueprint(docs.blp)
    app.before_request(_begin)
    app.after_request(_finish)
    register_error_handlers(app)


def _settings(version: str) -> dict[str, Any]:
    """Flask's and flask-smorest's settings."""
    return {
        "MAX_CONTENT_LENGTH": BODY_LIMIT + 1,
        "API_TITLE": "WooCommerce POS Sync",
        "API_VERSION": version,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/api-docs",
        "OPENAPI_JSON_PATH": "openapi.json",
    }


def check_access(app: Flask) -> None:
    """Raises RuntimeError where a route does not declare who may call it: none is open by mistake."""
    if missing := sorted(name for name in app.view_functions if access_of(app, name) is None):
        raise RuntimeError(f"No access is declared for {', '.join(missing)}; see web.api.access.Access.")


def _begin() -> None:
    g.request_id = request_id = secrets.token_hex(16)
    clear_actor()
    logs.begin_request(request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if location := response.headers.get("Location"):
        response.headers["Location"] = _relative(location)
    response.headers.setdefault("Cache-Control", "no-store")  # tokens, and what only they open; files have their own
    return response


def _relative(location: str) -> str:
    """A redirect to another path of this service, whatever the Host header says that this service is."""
    parts = urlsplit(location)
    return urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, ""))
