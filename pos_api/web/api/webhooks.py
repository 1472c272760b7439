"""`POST /api/webhooks/orders`: every delivery of a shop comes in here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import TimeoutError as NotYet
from itertools import chain
from typing import Any, cast

from flask import Response, jsonify, request

from pos_api import metrics
from pos_api.common.time import now
from pos_api.errors import BadRequest, PayloadTooLarge, PosError, Unavailable, UnsupportedMediaType
from pos_api.inbox.model import Outcome
from pos_api.logs import get_logger
from pos_api.orders.model import OrderUpdate
from pos_api.processing import worker
from pos_api.processing.worker import RETRY_AFTER, Receipt, Work
from pos_api.senders.woocommerce import authentication as shop_authentication
from pos_api.senders.woocommerce.authentication import Sender
from pos_api.senders.woocommerce.headers import is_ping
from pos_api.senders.woocommerce.topics import TOPICS
from pos_api.stores.api_keys import ORDERS
from pos_api.web.api import BODY_LIMIT, TOO_LARGE, WholeRequest, docs, services, success
from pos_api.web.api.rest import Access, Blueprint, declared, documented, fails_with

OUTCOME_SECONDS = 10.0
"""How long a delivery waits for its outcome before it is answered 202."""

LARGEST = 64 * 1024 * 1024
"""So much of a body over the limit is read, for its signature."""
_BEGINNING = 65_536
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


@blp.post("/orders", strict_slashes=False)
@declared(Access(scope=ORDERS, signature=True))
@fails_with(400, 413, 415, 422)
@documented(**docs.RECEIVE)
def receive() -> tuple[Response, int]:
    """Take a delivery: the plugin's envelope, or WooCommerce's own webhook."""
    started = time.perf_counter()
    headers = {name.lower(): value for name, value in request.headers}
    content_type = headers.get("content-type", "").lower()
    body, large = _body()
    if large:
        return _take_large(headers, large, started)
    if is_ping(content_type, body):
        return jsonify(success(None, message="Ping received")), 200
    sender = shop_authentication.sender(services().stores, headers, body, request.remote_addr)
    work = worker.understand(sender.store, headers, body, now())
    if work.subject:
        services().stores.remember_site(sender.store, work.site)
    if "json" not in content_type:
        work = worker.parked(work.event, UnsupportedMediaType("Send application/json."))
    return _take(work, sender, started)


def _body() -> tuple[bytes, Iterable[bytes] | None]:
    """The request's body; or, where it is over the limit, its parts. Raises BadRequest where it is not whole."""
    whole = cast(WholeRequest, request)
    if whole.content_length is not None and whole.content_length <= BODY_LIMIT:
        return whole.get_data(cache=False, parse_form_data=False), None
    parts, body = whole.parts(LARGEST), b""
    if whole.content_length is not None:
        return b"", parts
    for part in parts:  # it comes in chunks, so its size shows when it is there
        body += part
        if len(body) > BODY_LIMIT:
            return b"", chain([body], parts)
    return body, None


def _take(work: Work, sender: Sender, started: float) -> tuple[Response, int]:
    """Store and process it, and answer."""
    _log_receipt(work)
    outcome = _outcome(services().worker.submit(work))
    _count(work, outcome, started)
    if work.problem and not sender.native:
        raise _with_key(work.problem, work.event.key)
    return _answer(work, outcome)


def _take_large(headers: dict[str, str], parts: Iterable[bytes], started: float) -> tuple[Response, int]:
    """Leave a trace of a body that is over the limit, where its sender is known: what it is about, and its size."""
    large = shop_authentication.LargeSender(services().stores, headers, request.remote_addr)
    beginning, size = b"", 0
    try:
        for part in parts:
            beginning = beginning or part[:_BEGINNING]
            size += len(part)
            large.read(part)
    except BadRequest:
        if not large.by_key:  # whom the signature of the whole would show
            raise
    sender = large.sender()
    size = max(size, request.content_length or 0)
    problem = PayloadTooLarge(f"{TOO_LARGE} It has {size:,} bytes and was not kept; its sender has to make it smaller.")
    work = worker.without_body(sender.store, headers, beginning, size, now(), problem)
    return _take(work, sender, started)


def _log_receipt(work: Work) -> None:
    event, subject = work.event, work.subject
    number = subject.fields.get("number") if isinstance(subject, OrderUpdate) else None
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
    topic = work.event.topic if work.event.topic in TOPICS else "other"
    metrics.answered(topic, outcome.outcome if outcome else "waiting", time.perf_counter() - started)


def _with_key(problem: PosError, event_key: str) -> PosError:
    """The problem as the sender is told it, with the key under which the body was kept."""
    return type(problem)(problem.message, details={"fields": problem.details, "event_key": event_key})


def _answer(work: Work, outcome: Outcome | None) -> tuple[Response, int]:
    warnings = outcome.warnings if outcome else ()
    data: dict[str, Any] = {
        "outcome": outcome.outcome if outcome else "waiting",
        "event_key": work.event.key,
        "order": work.subject.key if isinstance(work.subject, OrderUpdate) else None,
        "warnings": [each.message for each in warnings],
        "warning_codes": [{"code": each.code, "values": dict(each.values)} for each in warnings],
    }
    if outcome is None:
        return jsonify(success(data, message="Stored, and processed later")), 202
    return jsonify(success(data, message=_MESSAGES[outcome.outcome])), 200
