"""What is shown of an inbox entry. A field that is not named here is shown nowhere. Pure: no database."""

from __future__ import annotations

from datetime import datetime

from pos_api.common.warning_messages import messages
from pos_api.database.client import Document
from pos_api.inbox.model import StoredEntry


def entry(stored: StoredEntry, kept_until: datetime | None) -> Document:
    """An entry without what was sent; `kept_until` is when it is deleted."""
    return {
        "key": stored["_id"],
        "store": stored["store"],
        "kind": stored["kind"],
        "topic": stored["topic"],
        "resource_id": stored["resource_id"],
        "state": stored["state"],
        "attempts": stored["attempts"],
        "received_at": stored["received_at"],
        "outcome": stored.get("outcome"),
        "reason": stored.get("reason"),
        "details": stored.get("details"),
        "attention_at": stored.get("attention_at"),
        "due_at": stored.get("due_at"),
        "warnings": messages(stored.get("warnings", ())),
        "kept_until": kept_until,
    }


def whole_entry(stored: StoredEntry, kept_until: datetime | None) -> Document:
    """An entry with what was sent, which holds personal data."""
    body = bytes(stored["body"]).decode("utf-8", "replace")
    return {**entry(stored, kept_until), "headers": stored["headers"], "body": body}


def for_person(stored: StoredEntry) -> Document:
    """An entry as the person is given it whom it is about, without what was sent."""
    known = {"outcome": stored.get("outcome"), "reason": stored.get("reason"), "details": stored.get("details")}
    return {
        "key": stored["_id"],
        "store": stored["store"],
        "topic": stored["topic"],
        "resource_id": stored["resource_id"],
        "received_at": stored["received_at"],
        "state": stored["state"],
        **{name: value for name, value in known.items() if value is not None},
        "warnings": messages(stored.get("warnings", ())),
    }
