"""A body of Karma, read: which event, about what, and when it was emitted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pos_api.common.json_body import parse
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.senders.karma.kind import TOPICS
from pos_api.senders.values import moment, visible

_LONGEST_TOPIC = 300
LONGEST_ID = 100
"""So many characters an id of Karma has at most; its own have some 20."""


@dataclass(frozen=True, slots=True)
class Message:
    """A readable body: its event, the id of what it is about, and its data. `sent_at` is None where that is no time."""

    topic: str
    resource_id: str
    data: Document
    sent_at: datetime | None
    site: str = ""


def read(body: bytes) -> Message:
    """The message in a body. Raises BadRequest where it is not JSON; Invalid where it names no event, or, of an event
    that is known here, nothing that it is about."""
    envelope = parse(body, any_text=True)
    if not isinstance(envelope, dict):
        raise Invalid("The body must be a JSON object.")
    event, data = envelope.get("event"), envelope.get("data")
    if not isinstance(event, str) or not event.strip():
        raise Invalid("The envelope is not valid.", details={"event": "is required, for example order.created"})
    topic = visible(event.strip()[:_LONGEST_TOPIC])
    if topic in TOPICS:
        if not isinstance(data, dict):
            raise Invalid("The envelope is not valid.", details={"data": "is required and must be an object"})
        return Message(topic, _resource_id(envelope, data), data, _sent_at(envelope))
    resource = _id(envelope.get("resourceId")) or ""
    return Message(topic, visible(resource[:LONGEST_ID]), data if isinstance(data, dict) else {}, None)


def _resource_id(envelope: Document, data: Document) -> str:
    """The id of what it is about: the envelope has it as text, the data as text or a number, and a tab's is its uuid.
    Raises Invalid where there is none, or two."""
    named = {name: each for name in ("id", "uuid") if (each := _id(data.get(name)))}
    if resource := _id(envelope.get("resourceId")):
        if named and resource not in named.values():
            raise Invalid("The envelope is not valid.", details={"resourceId": "is another than the id in data"})
    else:
        resource = named.get("uuid") or named.get("id")
    if not resource:
        raise Invalid("The envelope is not valid.", details={"resourceId": "is required"})
    if len(resource) > LONGEST_ID or visible(resource) != resource:
        raise Invalid("The envelope is not valid.", details={"resourceId": f"is no id of {LONGEST_ID} characters"})
    return resource


def _id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip() or None


def _sent_at(envelope: Document) -> datetime | None:
    """The envelope's `timestamp`; None where it is no time."""
    try:
        return moment(envelope.get("timestamp"))
    except ValueError:
        return None


_BEGINNING = 65_536
_EVENT = re.compile(rb'"event"\s*:\s*"([^"\\]{1,80})"')
_RESOURCE = re.compile(rb'"resourceId"\s*:\s*"?([A-Za-z0-9_-]{1,100})\b')


def topic_and_id(body: bytes) -> tuple[str, str]:
    """What a body that can't be read is about, event and id, as far as its beginning names them."""
    beginning = body[:_BEGINNING]
    event, resource = _EVENT.search(beginning), _RESOURCE.search(beginning)
    topic = visible(event[1].decode("utf-8", "replace")) if event else ""
    return topic, resource[1].decode() if resource else ""
