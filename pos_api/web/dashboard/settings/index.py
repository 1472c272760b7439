"""Settings: what is set, whether the database answers, and links to all that can be set here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import current_app

from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.settings.blueprint import blp
from pos_api.web.services import services


@dataclass(frozen=True, slots=True)
class Room:
    """A page of the settings: its endpoint, its name and what is done there."""

    endpoint: str
    name: str
    what: str


@blp.get("")
@page("admin")
def index() -> Any:
    """The settings."""
    started = time.perf_counter()
    services().db.command("ping")
    return render(
        "settings/index.html",
        rooms=[each for each in _rooms() if each.endpoint in current_app.view_functions],
        version=current_app.config["API_VERSION"],
        milliseconds=round((time.perf_counter() - started) * 1000, 1),
        environment=_environment(),
        secrets=_secrets(),
        warnings=services().config.warnings,
    )


def _rooms() -> tuple[Room, ...]:
    of = "dashboard.settings."
    return (
        Room(f"{of}stores", _("Stores"), _("Shops, tills, ordering apps and payment providers: add, set up, test.")),
        Room(f"{of}users", _("Users"), _("Who may sign in, and as what.")),
        Room(f"{of}tokens", _("Tokens of scripts"), _("For programs that use the API.")),
        Room("dashboard.deliveries.index", _("Subscriptions"), _("Who is sent what happens here.")),
        Room(f"{of}audit_log", _("Audit log"), _("Who did what, and when.")),
        Room(f"{of}retention", _("Retention"), _("How long what is kept.")),
    )


def _environment() -> list[tuple[str, Any]]:
    """What is set in the environment or in .env and is no secret: the setting's name and its value."""
    config = services().config
    return [
        ("PUBLIC_URL", config.public_url),
        ("PORT", config.port),
        ("STORE_NAME", config.store_name),
        ("STORE_URL", config.store_url),
        ("STORE_TIMEZONE", config.store_timezone),
        ("RECONCILE_EVERY", config.reconcile_every),
        ("WEB_PROCESSES", config.web_processes),
        ("WEB_THREADS", config.web_threads),
        ("WEBHOOK_PROCESSING", config.webhook_processing),
        ("PROXIES", config.proxies),
        ("INBOX_DAYS", config.inbox_days),
        ("INBOX_PARKED_DAYS", config.inbox_parked_days),
        ("EVENT_DAYS", config.event_days),
        ("AUDIT_DAYS", config.audit_days),
        ("ORDER_PERSONAL_DAYS", config.order_personal_days),
        ("ACCOUNTING", config.accounting_mode),
        ("ACCOUNTING_CLOSE_AT", config.accounting_close_at),
        ("LOG_LEVEL", config.log_level),
    ]


def _secrets() -> list[tuple[str, bool]]:
    """Of each secret of the environment only whether it is set."""
    config = services().config
    return [
        ("WEBHOOK_API_KEY", bool(config.webhook_api_key)),
        ("WEBHOOK_SECRET", bool(config.webhook_secret)),
        ("JWT_SECRET", bool(config.jwt_secret)),
        ("SECRETS_KEYS", bool(config.secrets_keys)),
        ("MONGODB_URI", bool(config.mongodb_uri)),
    ]
