"""What is shown of subscriptions, events and deliveries. A field that is not named here is shown nowhere; neither is a
secret, nor the value of a header of a subscription's own. Pure: no database."""

from __future__ import annotations

import json
from datetime import datetime

from pos_api.database.client import Document
from pos_api.outbox.delivering.health import is_failing
from pos_api.outbox.envelopes import envelope, message_of, webhook_id
from pos_api.outbox.model import Attempt, StoredDelivery, StoredEvent, Subscription
from pos_api.outbox.subscription_rules import MASK, is_ours, masked


def subscription(stored: Subscription, backlog: int, moment: datetime) -> Document:
    """A subscription with its health at this moment."""
    return {
        "id": stored["_id"],
        "url": stored["url"],
        "events": stored["events"],
        "active": stored["active"],
        "description": stored["description"],
        "stores": stored["stores"],
        "signature": stored["signature"],
        "payload": stored["payload"],
        "headers": masked(stored["headers"]),
        "rate_limit": stored["rate_limit"],
        "metadata": stored["metadata"],
        "former_secret_until": _if_later(stored.get("former_secret_until"), moment),
        "created_at": stored["created_at"],
        "created_by": stored["created_by"],
        "updated_at": stored["updated_at"],
        "health": health(stored, backlog, moment),
    }


def health(stored: Subscription, backlog: int, moment: datetime) -> Document:
    """How a subscription's deliveries fare."""
    paused_until = _if_later(stored.get("paused_until"), moment)
    return {
        "state": _state(stored, paused_until, moment),
        "backlog": backlog,
        "last_success_at": stored.get("last_success_at"),
        "last_failure_at": stored.get("last_failure_at"),
        "last_failure": stored.get("last_failure"),
        "failing_since": stored.get("failing_since"),
        "failures_in_row": stored.get("failures_in_row", 0),
        "is_failing": is_failing(stored, moment),
        "paused_until": paused_until,
        "disabled_at": stored.get("disabled_at"),
        "disabled_reason": stored.get("disabled_reason"),
    }


def _state(stored: Subscription, paused_until: datetime | None, moment: datetime) -> str:
    if "disabled_at" in stored:
        return "disabled"
    if not stored["active"]:
        return "off"
    if is_failing(stored, moment):
        return "failing"
    return "paused" if paused_until else "ok"


def _if_later(until: datetime | None, moment: datetime) -> datetime | None:
    return until if until is not None and until > moment else None


def event(stored: StoredEvent) -> Document:
    """An event as it is sent in full, with what it is about and when it came into the outbox."""
    return {
        "id": webhook_id(stored["_id"]),
        "type": stored["type"],
        "timestamp": stored["at"],
        "store": stored["store"],
        "resource": stored["resource"],
        "written_at": stored["written_at"],
        "erased_at": stored.get("erased_at"),
        "data": json.loads(stored["data"]),
    }


def delivery(stored: StoredDelivery) -> Document:
    """A delivery without its attempts."""
    return {
        "id": stored["_id"],
        "event": webhook_id(stored["event"]),
        "type": stored["type"],
        "store": stored["store"],
        "resource": stored["resource"],
        "state": stored["state"],
        "created_at": stored["created_at"],
        "due_at": None if stored.get("held") else stored.get("due_at"),
        "ended_at": stored.get("ended_at"),
        "attempt_count": len(stored["log"]),
        "last_status": stored["log"][-1].get("status") if stored["log"] else None,
        "last_error": stored["log"][-1].get("error") if stored["log"] else None,
    }


def attempt(made: Attempt, event: StoredEvent | None) -> Document:
    """An attempt with its request, whose body is written anew from the event (None where that is no longer kept), and
    what came back."""
    return {
        "at": made["at"],
        "seconds": made["seconds"],
        "request": {
            "url": made["url"],
            "headers": {name: value if is_ours(name) else MASK for name, value in made["headers"].items()},
            "body": None if event is None else envelope(made["signature"], message_of(event, made["payload"])).decode(),
        },
        "status": made.get("status"),
        "answer": made["answer"].decode("utf-8", "replace") if "answer" in made else None,
        "error": made.get("error"),
        "cause": made.get("cause"),
    }
