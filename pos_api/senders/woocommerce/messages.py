"""A body of WooCommerce, read: which topic, which object, and what the envelope of our plugin has beside it.

They come in two shapes: our plugin (an envelope `{"event", "data", …}`) and WooCommerce's own webhooks (the REST v3
object as the body, the topic in `X-WC-Webhook-Topic`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pos_api.common.json_body import parse
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.senders.fields import Field, FieldPath, FieldReport, read_fields, same_names
from pos_api.senders.values import moment, visible, whole_number, yes_or_no
from pos_api.senders.woocommerce.headers import SOURCE_HEADER, TOPIC_HEADER


@dataclass(frozen=True, slots=True)
class Message:
    """A readable body of `size` bytes: what it is about, before its content is looked at."""

    topic: str
    resource_id: str
    data: Document
    sequence: int = 0
    opening: bool | None = None
    replaces: int | None = None
    sent_at: datetime | None = None
    report: FieldReport = field(default_factory=FieldReport)
    last_order_id: int | None = None
    stock_taken_at: datetime | None = None
    native: bool = False
    site: str = ""
    size: int = 0


def read(headers: Mapping[str, str], body: bytes) -> Message:
    """The message in a body; `headers` are lower-cased.

    Raises BadRequest when it is not JSON, Invalid when it is neither an envelope nor a WooCommerce object.
    """
    payload = parse(body, any_text=True)
    if not isinstance(payload, dict):
        raise Invalid("The body must be a JSON object.")
    if topic := headers.get(TOPIC_HEADER, "")[:_LONGEST_TOPIC]:
        site = headers.get(SOURCE_HEADER, "")
        return Message(topic, _resource_id(payload), payload, native=True, site=site, size=len(body))
    return _open_envelope(payload, len(body))


_ENVELOPE = {
    **same_names(whole_number, "sequence"),
    "opening": Field("opening", yes_or_no, essential=True),
    "replaces": Field("replaces", lambda value: None if value is None else whole_number(value), essential=True),
    "last_order_id": Field("last_order_id", lambda value: None if value is None else whole_number(value)),
    "stock_taken_at": Field("stock_taken_at", moment),
}


def _open_envelope(envelope: Document, size: int) -> Message:
    report = FieldReport()
    fields = read_fields(envelope, _ENVELOPE, FieldPath(report, "envelope"))
    problems = {path.removeprefix("envelope."): problem for path, problem in report.problems.items()}
    event, data = envelope.get("event"), envelope.get("data")
    if not isinstance(event, str) or not event:
        problems["event"] = "is required, for example order.created"
    if not isinstance(data, dict):
        problems["data"] = "is required and must be an object"
    if problems:
        raise Invalid("The envelope is not valid.", details=problems)
    assert isinstance(data, dict)
    site = envelope.get("site_url")
    return Message(
        visible(str(event)[:_LONGEST_TOPIC]),
        _resource_id(data),
        data,
        **fields,
        sent_at=_sent_at(envelope),
        report=report,
        site=site if isinstance(site, str) else "",
        size=size,
    )


def _sent_at(envelope: Document) -> datetime | None:
    """The envelope's `timestamp`, for which no form is agreed on; None where it is no time."""
    try:
        return moment(envelope.get("timestamp"))
    except ValueError:
        return None


def _resource_id(data: Document) -> str:
    value = data.get("id")
    return visible(str(value)[:32]) if isinstance(value, int | str) and not isinstance(value, bool) else ""


_LONGEST_TOPIC = 300
_BEGINNING = 65_536
_EVENT = re.compile(rb'"event"\s*:\s*"([^"\\]{1,80})"')
_NUMBER = re.compile(rb'"id"\s*:\s*"?(\d{1,19})\b')


def topic_and_id(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """What a body that can't be read is about, topic and resource id, as far as its beginning names them: the object's
    id is its first member, in WooCommerce and in our plugin."""
    beginning = body[:_BEGINNING]
    event = _EVENT.search(beginning)
    topic = headers.get(TOPIC_HEADER, "")[:_LONGEST_TOPIC] or (
        visible(event[1].decode("utf-8", "replace")) if event else ""
    )
    data = beginning.find(b'"data"') if TOPIC_HEADER not in headers else 0
    number = _NUMBER.search(beginning, max(data, 0))
    return topic, number[1].decode() if number else ""
