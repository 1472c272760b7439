"""Health: for senders (`/api/webhooks/health`), orchestrators (`/healthz`, `/readyz`) and Prometheus (`/metrics`)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request
from marshmallow import Schema, fields
from pymongo.errors import PyMongoError

from pos_api import metrics
from pos_api.accounting import queries as accounting
from pos_api.common.time import now
from pos_api.errors import Unavailable
from pos_api.outbox import backlog
from pos_api.privacy import retention
from pos_api.processing.faults import RETRY_AFTER
from pos_api.stock import sync_backlog
from pos_api.stores import authentication
from pos_api.stores.api_keys import ORDERS
from pos_api.web.api.access import Access, declared, public
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.schemas import Time
from pos_api.web.services import services

blp = Blueprint("health", __name__, description="Is it up?")


class _Store(Schema):
    id = fields.String(required=True, metadata={"example": "default"})
    name = fields.String(required=True, metadata={"example": "default"})


class Alive(Schema):
    """The process answers."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    status = fields.String(required=True, metadata={"enum": ["ok"]})


class Ready(Alive):
    """The process answers, and its database does."""

    database = fields.String(required=True, metadata={"enum": ["connected"]})


class Health(Ready):
    """Deliveries are taken."""

    timestamp = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})
    version = fields.String(required=True, metadata={"example": "0.1.0"})
    store = fields.Nested(_Store, metadata={"description": "The store of the key, where one was sent."})


@blp.get("/api/webhooks/health")
@declared(Access(public=True, scope=ORDERS))
@blp.response(200, Health)
def webhook_health() -> dict[str, Any]:
    """Whether deliveries are taken; an API key that is sent is checked."""
    _ping()
    reply: dict[str, Any] = {
        "success": True,
        "status": "ok",
        "database": "connected",
        "timestamp": now(),
        "version": current_app.config["API_VERSION"],
    }
    if key := request.headers.get("X-API-Key"):
        api_key = authentication.api_key(services().stores, key, request.remote_addr, ORDERS)
        store = services().stores.get(api_key.store)
        reply["store"] = {"id": store.id, "name": store.name}
    return reply


@blp.get("/healthz")
@public
@blp.response(200, Alive)
def alive() -> dict[str, Any]:
    """The process answers."""
    return {"success": True, "status": "ok"}


@blp.get("/readyz")
@public
@fails_with(503)
@blp.response(200, Ready)
def ready() -> dict[str, Any]:
    """The process answers and its database does."""
    _ping()
    return {"success": True, "status": "ok", "database": "connected"}


_MOST_REFUSED = 10_000
"""So far it is counted what can't be booked."""


@blp.get("/metrics")
@public
@blp.response(200, {"type": "string"}, content_type="text/plain", description="Prometheus' text format")
def prometheus() -> Response:
    """Figures for Prometheus."""
    try:
        counts = retention.inbox_counts(services().db, services().config)
        key_ages = services().stores.key_ages()
        outbox = backlog.figures(services().db)
        stock = sync_backlog.figures(services().db)
        refused = accounting.refused_count(services().db, _MOST_REFUSED)
    except PyMongoError:
        counts, key_ages, outbox, stock, refused = None, {}, {}, {}, 0
    return Response(metrics.page(counts, key_ages, outbox, stock, refused), content_type=metrics.CONTENT_TYPE)


def _ping() -> None:
    try:
        services().db.command("ping")
    except PyMongoError:
        raise Unavailable("The database can't be reached just now.", retry_after=RETRY_AFTER) from None
