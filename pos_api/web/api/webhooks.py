"""`POST /api/webhooks/orders`, which WooCommerce shops send to, and how a delivery is taken at any route. The routes
of other kinds of stores are in `sender_routes`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import chain
from queue import Empty
from typing import Any, cast

from flask import Response, g, jsonify, request

from pos_api import metrics
from pos_api.common.time import now
from pos_api.errors import BadRequest, Invalid, PayloadTooLarge, PosError, Unavailable, UnsupportedMediaType
from pos_api.inbox.model import Outcome
from pos_api.logs import get_logger
from pos_api.processing.faults import RETRY_AFTER
from pos_api.processing.reading import BEGINNING, read_delivery, without_body
from pos_api.processing.work import Work, parked
from pos_api.processing.worker import Receipt
from pos_api.senders.base import Authenticated, Sender, StoreCandidates
from pos_api.senders.registry import sender_of
from pos_api.stores.api_keys import ORDERS
from pos_api.web.api.access import Access, declared
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import documented, fails_with
from pos_api.web.api.requests import TOO_LARGE, WholeRequest
from pos_api.web.api.responses import success
from pos_api.web.api.webhook_schemas import RECEIVE
from pos_api.web.server.request_limits import BODY_LIMIT
from pos_api.web.services import services

OUTCOME_SECONDS = 10.0
"""How long a shop's delivery waits for its outcome before it is answered 202."""

LARGEST = 64 * 1024 * 1024
"""So much of a body over the limit is read, for its signature."""
_LOGGED = 80
"""So many characters of what a sender wrote are in the log."""
_MESSAGES = {
    "created": "Created",
    "updated": "Updated",
    "unchanged": "Nothing changed",
    "duplicate": "Delivered before",
    "stale": "Older than what is stored",
    "ignored": "Nothing to keep",
    "parked": "Kept for a look: it could not be used",
}
_KEPT = "Kept until the rest of it comes"

_LEAST_SECONDS = 0.5
"""So long a delivery is waited for at least, also where its body took long to arrive."""


class Deadline:
    """When a delivery is answered at the latest."""

    def __init__(self, seconds: float) -> None:
        self._started = time.perf_counter()
        self._seconds = seconds

    def spent(self) -> float:
        """Seconds since the delivery came."""
        return time.perf_counter() - self._started

    def left(self) -> float:
        """Seconds that its outcome can still be waited for."""
        return max(self._seconds - self.spent(), _LEAST_SECONDS)


log = get_logger(__name__)
blp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description="Deliveries of stores")


@blp.post("/orders", strict_slashes=False)
@declared(Access(scope=ORDERS, signature=True))
@fails_with(400, 413, 415, 422)
@documented(**RECEIVE)
def receive() -> tuple[Response, int]:
    """Take a delivery: the plugin's envelope, or WooCommerce's own webhook."""
    return take_delivery(sender_of(services().config.store_kind), Deadline(OUTCOME_SECONDS))


def take_delivery(sender: Sender[Any], deadline: Deadline, store: str | None = None) -> tuple[Response, int]:
    """Authenticate, read, store and process a delivery that comes from this store, or from any of the sender's kind."""
    g.kind_of_sender = sender.kind
    headers = {name.lower(): value for name, value in request.headers}
    path, query = request.root_path + request.path, request.query_string.decode("utf-8", "replace")
    candidates = StoreCandidates(services().stores, sender.kind, request.remote_addr, store, path, query)
    body, large = _body()
    if large:
        return _take_large(sender, headers, large, candidates, deadline)
    if sender.is_ping(headers, body):
        return jsonify(success(None, message="Ping received")), 200
    sent_by = sender.authenticate(headers, body, candidates)
    work = read_delivery(sender, sent_by.store, headers, body, now())
    if work.commands:
        services().stores.bind_to_site(sent_by.store, work.site)
    if "json" not in headers.get("content-type", "").lower():
        work = parked(work.entry, UnsupportedMediaType("Send application/json."))
    return _take(sender, work, sent_by, deadline)


def _body() -> tuple[bytes, Iterable[bytes] | None]:
    """The request's body; or, where it is over the limit, its parts. Raises BadRequest where it is not whole."""
    whole = cast(WholeRequest, request)
    size = whole.content_length
    if size is not None and size <= BODY_LIMIT:
        return whole.whole_body(size), None
    parts, body = whole.parts(LARGEST), b""
    if size is not None:
        return b"", parts
    for part in parts:  # it comes in chunks, so its size shows when it is there
        body += part
        if len(body) > BODY_LIMIT:
            return b"", chain([body], parts)
    return body, None


def _take(sender: Sender[Any], work: Work, sent_by: Authenticated, deadline: Deadline) -> tuple[Response, int]:
    """Store and process it, and answer."""
    _log_receipt(work)
    outcome = _outcome(services().worker.submit(work), deadline.left())
    topic = work.entry.topic if work.entry.topic in sender.topics else "other"
    metrics.answered(topic, outcome.outcome if outcome else "waiting", deadline.spent())
    problem = work.problem or _problem_found_later(outcome)
    if problem and not sent_by.always_200:
        raise _with_key(problem, work.entry.key)
    return _answer(work, outcome)


def _problem_found_later(outcome: Outcome | None) -> PosError | None:
    """Why a delivery could not be used, where that was seen only when it was applied."""
    if outcome is None or outcome.outcome != "parked":
        return None
    return Invalid(outcome.reason or "It could not be used.", details=outcome.details)


def _take_large(
    sender: Sender[Any],
    headers: dict[str, str],
    parts: Iterable[bytes],
    candidates: StoreCandidates,
    deadline: Deadline,
) -> tuple[Response, int]:
    """Leave a trace of a body that is over the limit, where it is known who sent it: what it is about, and its size."""
    authentication = sender.authenticate_parts(headers, candidates)
    beginning, size = b"", 0
    try:
        for part in parts:
            beginning = beginning or part[:BEGINNING]
            size += len(part)
            authentication.add(part)
    except BadRequest:
        if not authentication.is_known:  # who sent it would only be shown by the whole body
            raise
    sent_by = authentication.result()
    size = max(size, request.content_length or 0)
    problem = PayloadTooLarge(f"{TOO_LARGE} It has {size:,} bytes and was not kept; its sender has to make it smaller.")
    work = without_body(sender, sent_by.store, headers, beginning, size, now(), problem)
    return _take(sender, work, sent_by, deadline)


def _log_receipt(work: Work) -> None:
    entry, orders = work.entry, work.orders()
    number = orders[0].fields.get("number") if orders else None
    log.info(
        f"📦 Webhook received: {entry.topic[:_LOGGED] or 'unreadable'}",
        number=(number or entry.resource_id)[:_LOGGED],
        store=entry.store,
        event_key=entry.key[:16],
    )


def _outcome(receipt: Receipt, seconds: float) -> Outcome | None:
    """The outcome within so many seconds, or None when the delivery is stored and will be processed later. Raises
    Unavailable when it is not known to be stored."""
    try:
        return receipt.outcome(seconds)
    except Empty:
        if receipt.stored:
            return None
        raise Unavailable("The event could not be stored in time; send it again.", retry_after=RETRY_AFTER) from None


def _with_key(problem: PosError, event_key: str) -> PosError:
    """The problem as it is answered, with the key under which the body was kept."""
    return type(problem)(problem.message, details={"fields": problem.details, "event_key": event_key})


def _order(work: Work) -> str | None:
    """The `_id` of the order that a delivery is about: of the one that it has whole, or reports a part of."""
    if orders := work.orders():
        return orders[0].key
    about_order = work.commands and work.entry.noun == "order"
    return f"{work.entry.store}:{work.entry.resource_id}" if about_order else None


def _answer(work: Work, outcome: Outcome | None) -> tuple[Response, int]:
    warnings = outcome.warnings if outcome else ()
    data: dict[str, Any] = {
        "outcome": outcome.outcome if outcome else "waiting",
        "event_key": work.entry.key,
        "order": _order(work),
        "warnings": [each.message for each in warnings],
        "warning_codes": [{"code": each.code, "values": dict(each.values)} for each in warnings],
    }
    if outcome is None:
        return jsonify(success(data, message="Stored, and processed later")), 202
    waits = outcome.outcome == "ignored" and any(each.code == "waits_for_rest" for each in warnings)
    return jsonify(success(data, message=_KEPT if waits else _MESSAGES[outcome.outcome])), 200
