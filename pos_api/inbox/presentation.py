"""What is shown of an inbox entry. A field that is not named here is shown nowhere. Pure: no database."""

from __future__ import annotations

from datetime import datetime

from pos_api.common.event_warnings import messages
from pos_api.database.client import Document

_ALWAYS = ("store", "topic", "resource_id", "state", "attempts", "received_at")
_MAYBE = ("outcome", "reason", "details", "attention_at", "due_at")


def entry(stored: Document, kept_until: datetime | None) -> Document:
    """An entry without what was sent; `kept_until` is when it is deleted."""
    return {
        "key": stored["_id"],
        **{name: stored[name] for name in _ALWAYS},
        **{name: stored.get(name) for name in _MAYBE},
        "warnings": messages(stored.get("warnings", ())),
        "kept_until": kept_until,
    }


def whole_entry(stored: Document, kept_until: datetime | None) -> Document:
    """An entry with what was sent, which holds personal data."""
    body = bytes(stored["body"]).decode("utf-8", "replace")
    return {**entry(stored, kept_until), "headers": stored["headers"], "body": body}


def for_person(stored: Document) -> Document:
    """An entry as the person is given it whom it is about, without what was sent."""
    return {
        "key": stored["_id"],
        **{name: stored[name] for name in ("store", "topic", "resource_id", "received_at", "state")},
        **{name: stored[name] for name in ("outcome", "reason", "details") if stored.get(name) is not None},
        "warnings": messages(stored.get("warnings", ())),
    }
