"""`POST /api/webhooks/orders`: every delivery of a shop comes in here."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from flask import Response, jsonify, request

from .. import auth, metrics, worker
from ..errors import PosError, Unavailable, UnsupportedMediaType
from ..inbox import Outcome
from ..logs import get_logger
from ..orders import OrderSnapshot
from ..sources import woocommerce
from ..values import now
from ..worker import RETRY_AFTER, Receipt, Work
from . import docs, services, success
from .rest import Blueprint, documented, fails_with

OUTCOME_SECONDS = 10.0
"""How long a delivery waits for its outcome before it is answered 202."""

_LOGGED = 80
"""A sender's words are cut to this many letters in the log."""
_MESSAGES = {
    "created": "Created",
    "updated": "Updated",
    "unchanged": "Nothing changed",
    "duplicate": "Delivered before",
    "stale": "Older than what is stored",
    "ignored": "Nothing to keep",
    "parked": "Kept for a look: it could not be used",
}

log = get_logger(__name__)
blp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description="Deliveries of shops")


@blp.post("/orders")
@fails_with(400, 401, 413, 415, 422, 429, 503)
@documented(**docs.RECEIVE)
def receive() -> tuple[Response, int]:
    """Take a delivery: the plugin's envelope, or WooCommerce's own webhook."""
    started = time.perf_counter()
    headers = {name.lower(): value for name, value in request.headers}
    content_type = headers.get("content-type", "").lower()
    body = request.get_data(cache=False, parse_form_data=False)
    if woocommerce.is_ping(content_type, body):
        return jsonify(success(None, message="Ping received")), 200
    sender = auth.sender(services().stores, headers, body)
    if "json" not in content_type:
        raise UnsupportedMediaType("Send application/json.")
    work = worker.understand(sender.store, headers, body, now())
    _log_receipt(work)
    outcome = _outcome(services().worker.submit(work))
    _count(work, outcome, started)
    if work.problem and not sender.native:
        raise _with_key(work.problem, work.event.key)
    return _answer(work, outcome)


def _log_receipt(work: Work) -> None:
    event, subject = work.event, work.subject
    number = subject.fields.get("number") if isinstance(subject, OrderSnapshot) else None
    log.info(
        f"📦 Webhook received: {event.topic[:_LOGGED] or 'unreadable'}",
        number=(number or event.resource_id)[:_LOGGED],
        store=event.store,
        event_key=event.key[:16],
    )


def _outcome(receipt: Receipt) -> Outcome | None:
    """The outcome, or None when the event is stored and will be processed later. Raises Unavailable when it is not
    known to be stored."""
    try:
        return receipt.done.result(OUTCOME_SECONDS)
    except NotYet:
        if receipt.stored:
            return None
        raise Unavailable("The event could not be stored in time; send it again.", retry_after=RETRY_AFTER) from None


def _count(work: Work, outcome: Outcome | None, started: float) -> None:
    topic = work.event.topic if work.event.topic in woocommerce.TOPICS else "other"
    metrics.answered(topic, outcome.outcome if outcome else "waiting", time.perf_counter() - started)


def _with_key(problem: PosError, event_key: str) -> PosError:
    """The problem as the sender is told it, with the key under which the body was kept."""
    return type(problem)(problem.message, details={"fields": problem.details, "event_key": event_key})


def _answer(work: Work, outcome: Outcome | None) -> tuple[Response, int]:
    warnings = outcome.warnings if outcome else ()
    data: dict[str, Any] = {
        "outcome": outcome.outcome if outcome else "waiting",
        "event_key": work.event.key,
        "order": work.subject.key if isinstance(work.subject, OrderSnapshot) else None,
        "warnings": [each.message for each in warnings],
        "warning_codes": [{"code": each.code, "values": dict(each.values)} for each in warnings],
    }
    if outcome is None:
        return jsonify(success(data, message="Stored, and processed later")), 202
    return jsonify(success(data, message=_MESSAGES[outcome.outcome])), 200
