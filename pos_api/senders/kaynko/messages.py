"""A body of Kaynko, read: which event it is, what it is about, and when it was sent.

Every body is `{"event", "data", "timestamp"}`; of sessions and products the timestamp may be absent. There is no id of
the event or of the delivery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import Decimal128

from pos_api.common.json_body import parse
from pos_api.database.client import Document
from pos_api.errors import BadRequest, Invalid, PosError
from pos_api.inbox.model import Noun
from pos_api.senders.fields import Field, FieldPath, FieldReport, Table, read_fields
from pos_api.senders.values import amount_with_cents, is_blank, moment, number_or_text, plain_text, visible

SALE_COMPLETED, SALE_VOIDED = "sale.completed", "sale.voided"
SESSION_OPENED, SESSION_CLOSED = "session.opened", "session.closed"
DEBT_SETTLED = "debt.settled"
PRODUCT_CREATED, PRODUCT_UPDATED = "product.created", "product.updated"

ABOUT: Mapping[str, tuple[str, Noun]] = {
    SALE_COMPLETED: ("saleId", "order"),
    SALE_VOIDED: ("saleId", "order"),
    SESSION_OPENED: ("sessionId", "cash"),
    SESSION_CLOSED: ("sessionId", "cash"),
    DEBT_SETTLED: ("debtId", "payment"),
    PRODUCT_CREATED: ("productId", "product"),
    PRODUCT_UPDATED: ("productId", "product"),
}
"""By event, the field that names what it is about, and what that is."""

EVENT_HEADER = "x-kaynko-event"
MOST_AHEAD = timedelta(days=1)
"""By so much a time may be later than its arrival; a till's clock that is further ahead is not believed."""

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LONGEST_EVENT = 80
_LONGEST_ID = 60
_LONGEST_TEST = 10_000
"""A longer body is no test: nobody but a known till may have the service read much."""
_EVENT = re.compile(rb'"event"\s*:\s*"([^"\\]{1,80})"')
_TEST = re.compile(r"(?<![a-z])(?:ping|test)(?![a-z])")


@dataclass(frozen=True, slots=True)
class Message:
    """A readable body, before its content is looked at. `timestamp` is as it was sent."""

    topic: str
    resource_id: str
    data: Document
    timestamp: Any = None
    site: str = ""
    report: FieldReport = field(default_factory=FieldReport)

    def sent_at(self, received_at: datetime) -> datetime | None:
        """When it was sent, by the till's clock; None where that is not said, or can't be."""
        path = FieldPath(self.report)
        try:
            return possible_time(moment(self.timestamp), received_at)
        except ValueError as error:
            path.left_out("timestamp", str(error))
            return None


def possible_time(at: datetime | None, received_at: datetime) -> datetime | None:
    """The time. Raises ValueError where it lies more than a day after its arrival, or before there were such tills: an
    app may write no time as the first one that it knows (`0001-01-01`, `1970-01-01`)."""
    if at and at > received_at + MOST_AHEAD:
        raise ValueError("is more than a day after its arrival")
    if at and at < _EARLIEST:
        raise ValueError(f"is before {_EARLIEST.year}")
    return at


def read(body: bytes) -> Message:
    """The message in a body. Raises Invalid where it is no JSON object with an event; numbers are exact."""
    try:
        payload = parse(body, any_text=True, exact=True)
    except BadRequest as error:
        raise Invalid(error.message, details=error.details) from None
    event = payload.get("event") if isinstance(payload, dict) else None
    if not isinstance(event, str) or not event.strip():
        raise Invalid("The envelope is not valid.", details={"event": "is required, for example sale.completed"})
    topic, data = visible(event.strip()[:_LONGEST_EVENT]), payload.get("data")
    if not isinstance(data, dict):
        if topic in ABOUT:
            raise Invalid("The envelope is not valid.", details={"data": "is required and must be an object"})
        data = {}
    return Message(topic, _resource_id(topic, data), data, payload.get("timestamp"))


def _resource_id(topic: str, data: Document) -> str:
    """The id of what a body is about, as the order's own key has it: deliveries are found by it when its buyer is
    erased. Blank where there is none."""
    try:
        return str(required(_id)(data.get(ABOUT[topic][0] if topic in ABOUT else "id")))
    except ValueError:
        return ""


def topic_and_id(beginning: bytes) -> tuple[str, str]:
    """Event and id of a body that can't be read or is too large, as far as its beginning names them."""
    found = _EVENT.search(beginning)
    topic = visible(found[1].decode("utf-8", "replace")) if found else ""
    if topic not in ABOUT:
        return topic, ""
    number = re.search(rb'"%s"\s*:\s*"?(\d{1,19})\b' % ABOUT[topic][0].encode(), beginning)
    return topic, number[1].decode() if number else ""


def is_test(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is what the app's button "Test" sends. Its event is not documented: one that has `ping` or `test` as
    a word, in the header or in the body, counts as one, and none that is about something."""
    named = headers.get(EVENT_HEADER, "")
    if named in ABOUT or len(body) > _LONGEST_TEST:
        return False
    event = named
    with suppress(PosError):
        event = read(body).topic
    return event not in ABOUT and any(_TEST.search(each.lower()) for each in (named, event))


# --- reading fields ---------------------------------------------------------------------------------------------


def read_object(data: Any, table: Table, path: FieldPath) -> Document:
    """The fields of an object by the table (`fields.read_fields`); that an essential one is absent is a problem."""
    fields = read_fields(data, table, path)
    for name, known in table.items():
        if known.essential and name not in data:
            path.problem(name, "is required")
    return fields


def required(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader that takes no nothing: `null` is not 0 there."""

    def read_something(value: Any) -> Any:
        if is_blank(value):
            raise ValueError("is required")
        return read(value)

    return read_something


def _id(value: Any) -> int | str:
    written = visible(value.strip()) if isinstance(value, str) else value
    if isinstance(written, str) and len(written) > _LONGEST_ID:
        raise ValueError(f"is longer than {_LONGEST_ID} characters")
    return number_or_text(written)


def _amount_from_0(value: Any) -> Decimal128:
    money = amount_with_cents(value)
    if money.to_decimal() < 0:
        raise ValueError("must not be below 0")
    return money


def number(value: Any) -> Decimal | int | str:
    """A number as it is in JSON; text that is one is taken, too."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("must be a number")
    return value


def id_field(name: str) -> dict[str, Field]:
    """The field that names what an event is about: `id`."""
    return {name: Field("id", required(_id), essential=True)}


def code(value: Any) -> str:
    """A short name of Kaynko (`cash`, `retail`) in small letters."""
    return plain_text(value).strip().lower()[:40]


essential_amount = required(_amount_from_0)
"""An amount that must be there, from 0 on."""
