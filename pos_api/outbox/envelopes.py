"""The body of a delivery: an event in one of four envelopes. `data` goes into it as the bytes that are stored. It is
not parsed, so the same event is the same body whenever it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

from pos_api.outbox.model import Payload, SignatureForm, StoredEvent, noun_of


@dataclass(frozen=True, slots=True)
class Message:
    """An event as a subscription is sent it: `data` is a JSON object, full or thin; `resource_id` is the id within its
    noun (`default:124`), `at` when it happened."""

    id: str
    type: str
    at: datetime
    store: str | None
    resource_id: str
    data: bytes


def message_of(event: StoredEvent, payload: Payload) -> Message:
    """A stored event as a subscription is sent it."""
    data = bytes(event["data"] if payload == "full" else event["reference"])
    resource_id = event["resource"].partition(":")[2]
    return Message(event["_id"], event["type"], event["at"], event["store"], resource_id, data)


@lru_cache(1024)
def webhook_id(event_id: str) -> str:
    """An event's id as it is sent: visible ASCII, and without the full stop, which separates the id from what follows
    in the signed text (Standard Webhooks 1.0.0). All else is percent-encoded, so different ids stay different."""
    return quote(event_id, safe=":").replace(".", "%2E")


def envelope(form: SignatureForm, message: Message) -> bytes:
    """The body: JSON in UTF-8."""
    return _ENVELOPES[form](message)


def _standard(message: Message) -> bytes:
    return _json(
        id=webhook_id(message.id),
        type=message.type,
        timestamp=_milliseconds(message.at),
        store=message.store,
        data=message.data,
    )


def _karma(message: Message) -> bytes:
    return _json(
        id=webhook_id(message.id),
        event=message.type,
        resource=noun_of(message.type),
        resourceId=message.resource_id,
        timestamp=_milliseconds(message.at),
        apiVersion="v1",
        data=message.data,
    )


def _kaynko(message: Message) -> bytes:
    return _json(event=message.type, data=message.data, timestamp=_milliseconds(message.at))


def _stripe(message: Message) -> bytes:
    return _json(
        id=webhook_id(message.id),
        object="event",
        created=int(message.at.timestamp()),
        data=b'{"object":%s}' % message.data,
        livemode=True,
        type=message.type,
    )


_encoder = json.JSONEncoder(ensure_ascii=False)
"""json.dumps would make one each time."""
_ENVELOPES: dict[SignatureForm, Callable[[Message], bytes]] = {
    "standard": _standard,
    "karma": _karma,
    "kaynko": _kaynko,
    "stripe": _stripe,
}


def _json(**fields: str | int | bool | bytes | None) -> bytes:
    """An object of these fields; bytes are JSON already."""
    parts = (
        b'"%s":%s' % (name.encode(), value if isinstance(value, bytes) else _text(value))
        for name, value in fields.items()
    )
    return b"{%s}" % b",".join(parts)


def _text(value: str | int | bool | None) -> bytes:
    return _encoder.encode(value).encode()


def _milliseconds(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
