"""Health: for senders (`/api/webhooks/health`), orchestrators (`/healthz`, `/readyz`) and Prometheus (`/metrics`)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request
from flask_smorest import Blueprint
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pymongo.errors import PyMongoError

from .. import auth
from ..errors import Unavailable
from ..values import now
from ..worker import RETRY_AFTER
from . import services

blp = Blueprint("health", __name__, description="Is it up?")


@blp.get("/api/webhooks/health")
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
        store = auth.of_key(services().stores, key)
        reply["store"] = {"id": store.id, "name": store.name}
    return reply


@blp.get("/healthz")
def alive() -> dict[str, Any]:
    """The process answers."""
    return {"success": True, "status": "ok"}


@blp.get("/readyz")
def ready() -> dict[str, Any]:
    """The process answers and its database does."""
    _ping()
    return {"success": True, "status": "ok", "database": "connected"}


@blp.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _ping() -> None:
    try:
        services().db.command("ping")
    except PyMongoError:
        raise Unavailable("The database can't be reached just now.", retry_after=RETRY_AFTER) from None
