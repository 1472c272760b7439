"""What a webhook of KasperoPay claims, as it is read. Pure: no database.

Of a body only what is in FIELDS is kept: not who bought what, nor the wallet that paid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict

from bson import Decimal128

from pos_api.common import json_body
from pos_api.common.money import decimal, decimal128, with_cents
from pos_api.errors import BadRequest, Invalid, PosError
from pos_api.senders import values

COMPLETED = "payment.completed"
FIELDS = (
    *("event", "timestamp", "merchant_id", "payment_id", "order_id"),
    *("amount_kas", "amount_usd", "transaction_id"),
)
_LONGEST = 1_000
"""So many characters of a field are kept."""
_PAYMENT_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
"""It goes into an address, so nothing that has a meaning there."""
_NAMED = {
    name: re.compile(rf'"{name}"\s*:\s*"([A-Za-z0-9_.-]{{1,100}})"', re.ASCII)
    for name in ("event", "merchant_id", "payment_id")
}


class Claim(TypedDict):
    """That a payment was made: the content of a report. `order_id` is blank where the webhook names no order."""

    payment_id: str
    order_id: str
    amount_kas: Decimal128
    amount_usd: Decimal128
    transaction_id: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body that was read: `data` has those of FIELDS that it has."""

    topic: str
    resource_id: str
    data: dict[str, Any]
    site: str = ""


def merchant_of(body: bytes) -> str:
    """The merchant that a body names; blank where it names none, or can't be read."""
    try:
        data = json_body.parse(body, any_text=True)
    except PosError:
        return ""
    merchant = data.get("merchant_id") if isinstance(data, dict) else None
    return merchant if isinstance(merchant, str) else ""


def kept_body(body: bytes) -> bytes:
    """The body with FIELDS alone, and no more of each than is needed to see what it is."""
    try:
        data = json_body.parse(body, any_text=True, exact=True)
    except PosError:
        return b""
    if not isinstance(data, dict):
        return b""
    return json.dumps({name: _kept(data[name]) for name in FIELDS if name in data}, default=str).encode()


def _kept(value: Any) -> Any:
    """The value; a number with decimals as text, so that it stays exact, and of what is too long the beginning."""
    written = value if isinstance(value, str) else json.dumps(value, default=str)
    return value if len(written) <= _LONGEST else written[:_LONGEST]


def read(body: bytes) -> Webhook:
    """The webhook in a body. Raises BadRequest and Invalid."""
    data = json_body.parse(body, any_text=True)
    if not isinstance(data, dict) or not data:
        raise BadRequest("The body is not a webhook of KasperoPay.")
    topic, payment_id = data.get("event"), data.get("payment_id")
    if not isinstance(topic, str) or not topic.strip():
        raise Invalid("The webhook names no event.", details={"event": "must be text"})
    resource_id = values.visible(payment_id)[:100] if isinstance(payment_id, str) else ""
    return Webhook(values.visible(topic.strip())[:100], resource_id, data)


def topic_and_id(beginning: bytes) -> tuple[str, str]:
    """Event and payment of a body of which only the beginning is there; blank where it does not name them."""
    return named("event", beginning), named("payment_id", beginning)


def named(name: str, beginning: bytes) -> str:
    """The text of the first field of that name; blank where there is none."""
    found = _NAMED[name].search(beginning.decode("utf-8", "replace"))
    return found[1] if found else ""


def claim_of(webhook: Webhook) -> Claim:
    """The claim of a webhook. Raises Invalid, with the problems by field."""
    problems: dict[str, str] = {}

    def essential(name: str, reader: Callable[[Any], Any]) -> Any:
        try:
            return reader(webhook.data.get(name))
        except ValueError as problem:
            problems[name] = str(problem)

    claim: Claim = {
        "payment_id": essential("payment_id", _payment_id),
        "order_id": _order_id(webhook.data.get("order_id")),
        "amount_kas": essential("amount_kas", kas),
        "amount_usd": essential("amount_usd", usd),
        "transaction_id": essential("transaction_id", _transaction_id),
    }
    if problems:
        raise Invalid("The payment is not valid.", details=problems)
    return claim


def _payment_id(value: Any) -> str:
    if not isinstance(value, str) or not _PAYMENT_ID.fullmatch(value):
        raise ValueError("must be 1 to 100 letters, digits, - or _")
    return value


def _transaction_id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        raise ValueError("must be text of at most 200 characters")
    return values.visible(value.strip())


def _order_id(value: Any) -> str:
    """The order's id or number; blank where there is none, or it can't be one."""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > 200:
        return ""
    return values.visible(str(value).strip())


def kas(value: Any) -> Decimal128:
    """An amount of KAS, from text or a number, without zeros at its end. Raises ValueError."""
    return decimal128(_amount(value))


def usd(value: Any) -> Decimal128:
    """An amount of US dollars, with at least two decimals. Raises ValueError."""
    return with_cents(decimal128(_amount(value)))


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be an amount")
    amount = decimal(values.amount(str(value)))
    if amount <= 0:
        raise ValueError("must be more than 0")
    return Decimal(f"{amount.normalize():f}")
