"""An event of a payment provider, as it is read and stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pos_api.common import json_body
from pos_api.common.time import utc
from pos_api.errors import Invalid
from pos_api.senders import values
from pos_api.senders.blanking import blanked

_PRIVATE = re.compile(
    r'"(?:(?:[a-z0-9_]{0,40}_)?(?:email|name|phone|address|secret|line1|line2|fingerprint|last4|postal_code|tax_ids|payer|did)'
    r"|[A-Za-z0-9_ .-]{0,40}(?i:e-?mail|name|phone|phone[_ ]?number|address)"  # in meta data, as the seller wrote it
    r"|description|iin|billing_details|shipping|shipping_details|customer_details|customer_shipping|collected_information"
    r'|custom_fields|receipt_url|hosted_invoice_url|invoice_pdf|url)"\s*:\s*'
)
"""What comes before the value of a field that is not needed here: data of persons, parts of card numbers, the secrets
with which a browser may act on a payment, and addresses of pages with receipts."""
_EVENT_ID = re.compile(rb'"id"\s*:\s*"(evt_[A-Za-z0-9_]{1,100})"')
_TYPE = re.compile(rb'"type"\s*:\s*"([a-z_]{1,50}(?:\.[a-z_]{1,50}){1,3})"')
_LONGEST_ID = 200
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """An event that was read: its type, the object that it shows, when it happened, and whether it is about real money
    (None where it does not say)."""

    topic: str
    resource_id: str
    shown: Mapping[str, Any]
    at: datetime | None
    livemode: bool | None
    site: str = ""


def kept_body(body: bytes) -> bytes:
    """The body without the fields that are not needed here."""
    return blanked(body, _PRIVATE)


def read(body: bytes) -> ProviderEvent:
    """The event in a body. Raises BadRequest and Invalid."""
    event = json_body.parse(body, any_text=True)
    if not isinstance(event, dict):
        raise Invalid("The event is not valid.", details={"": "must be an object"})
    topic = _text(event.get("type"))
    if not topic:
        raise Invalid("The event is not valid.", details={"type": "is required"})
    if str(event.get("object")) == "v2.core.event":
        raise Invalid(
            "It is a thin event, which does not show what happened: choose the payload style 'Snapshot' for the"
            " endpoint."
        )
    data = event.get("data")
    shown = data.get("object") if isinstance(data, dict) else None
    shown = shown if isinstance(shown, dict) else {}
    at = moment(event.get("created", event.get("created_at")))
    livemode = event.get("livemode")
    return ProviderEvent(topic, object_id(shown.get("id")), shown, at, livemode if isinstance(livemode, bool) else None)


def topic_and_id(beginning: bytes) -> tuple[str, str]:
    """The type of an event whose body can't be read, and its id, as far as its beginning has them."""
    types = [found for found in _TYPE.findall(beginning) if b"." in found]
    event_id = _EVENT_ID.search(beginning)
    return (types[-1].decode() if types else "", event_id[1].decode() if event_id else "")


def moment(value: Any) -> datetime | None:
    """A time of a provider: seconds since 1970, or ISO 8601; None for none, and for what is no time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(int(value), UTC) if 0 < value < _LATEST else None
    try:
        at = utc(value)
    except ValueError:
        return None
    return at if at and 0 < at.timestamp() < _LATEST else None


def object_id(value: Any) -> str:
    """The id of an object, which stands there itself or by its id; blank where there is none."""
    return _text(value.get("id") if isinstance(value, dict) else value)


def _text(value: Any) -> str:
    """A short text; blank for what is none. A part of a longer one could be the id of something else."""
    text = value.strip() if isinstance(value, str) else ""
    return values.visible(text) if len(text) <= _LONGEST_ID else ""
