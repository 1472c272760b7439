"""Reading the data of Karma's events: into a report's content, which has only what is needed.

Amounts are hundredths of their currency ("cents"), whatever currency that is, and include VAT. A field that is absent
is not in the content: an update may have changed fields only. `odd` has the warnings about fields that could not be
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypedDict

from bson import Decimal128

from pos_api.common.currencies import CURRENCIES
from pos_api.common.minor_units import major
from pos_api.common.money import ZERO, decimal, decimal128
from pos_api.common.quantity import Quantity
from pos_api.common.warning_messages import EventWarning, warn
from pos_api.database.client import Document
from pos_api.orders.status import status_name
from pos_api.senders.fields import Field, FieldPath, FieldReport, list_of, object_of, read_fields, same_names
from pos_api.senders.karma.messages import Message
from pos_api.senders.values import (
    STATUS_LIMIT,
    is_nothing,
    limited,
    moment,
    number_or_text,
    plain_text,
    text,
    title,
    units,
    whole_number,
    yes_or_no,
)

_MOST_BASIS_POINTS = 10_000


class PurchaseLine(TypedDict, total=False):
    """A line of a purchase: `amount` with VAT, `vat` the part of it, `rate` the VAT rate in basis points."""

    id: int | str
    type: str
    name: str
    amount: Decimal128
    vat: Decimal128
    rate: int
    quantity: Quantity


def cents(value: Any) -> Decimal128:
    """An amount in hundredths of its currency, in major units."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a whole number of hundredths of the currency")
    return major(value, "", decimals=2)


def _status(value: Any) -> str:
    return limited(status_name(plain_text(value)), STATUS_LIMIT)


def _currency(value: Any) -> str:
    code = plain_text(value).strip().upper()
    if code not in CURRENCIES:
        raise ValueError("is no currency of ISO 4217")
    return code


def _basis_points(value: Any) -> int:
    points = whole_number(value)
    if is_nothing(value) or points > _MOST_BASIS_POINTS:
        raise ValueError(f"must be from 0 to {_MOST_BASIS_POINTS:,}")
    return points


def _optional(read: Any) -> Any:
    """A reader that leaves a field without a value out, as if it were absent."""

    def read_given(value: Any) -> Any:
        return None if is_nothing(value) else read(value)

    return read_given


_VARIANT = {"name": Field("name", title), "price": Field("price", cents)}
_ITEM = {
    "id": Field("id", number_or_text),
    "itemId": Field("item", whole_number),
    "title": Field("name", title),
    "quantity": Field("quantity", units, essential=True),
    "price": Field("price", cents),
    "variants": Field("variants", list_of(object_of(_VARIANT)), nested=True),
}


def _item(value: Any, path: FieldPath) -> Document:
    """A line of an order. Its `price` is that of one unit with its variants, which are shown as they are."""
    line = read_fields(value, _ITEM, path)
    if "quantity" not in value:
        path.problem("quantity", "is required")
    variants = [each for each in line.pop("variants", []) if each]
    added = sum((decimal(each.get("price")) for each in variants), Decimal(0))
    if "price" in line:
        line["price"] = decimal128(decimal(line["price"]) + added)
    if variants:
        line["variants"] = [{"name": each.get("name", ""), "price": each.get("price", ZERO)} for each in variants]
    return line


_ORDER = {
    **same_names(_optional(_status), "state"),
    "tabId": Field("tab", _optional(text)),
    "createdAt": Field("created_at", moment),
    "source": Field("source", _optional(text)),
    "items": Field("items", list_of(_item, essential=True), essential=True, nested=True),
    "subtotalCents": Field("subtotal", _optional(cents)),
    "taxCents": Field("tax", _optional(cents)),
    "totalCents": Field("total", _optional(cents)),
}
_LINE = {
    "id": Field("id", number_or_text),
    **same_names(_status, "type"),
    "title": Field("name", title),
    "finalAmountCents": Field("amount", cents, essential=True),
    "vatRateBasisPoints": Field("rate", _basis_points),
    "vatAmountCents": Field("vat", cents),
    "quantity": Field("quantity", units),
}


def _line(value: Any, path: FieldPath) -> Document:
    line = read_fields(value, _LINE, path)
    if "finalAmountCents" not in value:
        path.problem("finalAmountCents", "is required")
    return line


_PURCHASE = {
    **same_names(_optional(_status), "state"),
    "tabId": Field("tab", _optional(text)),
    "psp": Field("psp", _optional(text)),
    "pspResponseRef": Field("reference", _optional(text)),
    "currencyCode": Field("currency", _optional(_currency), essential=True),
    "purchasedAt": Field("paid_at", moment),
    "lineItems": Field("lines", list_of(_line, essential=True), essential=True, nested=True),
}
_TAB = {
    "latestState": Field("state", _optional(_status)),
    "totalAmountCents": Field("total", _optional(cents)),
    "paidAmountCents": Field("paid", _optional(cents)),
    "tipAmountCents": Field("tip", _optional(cents)),
    "createdAt": Field("opened_at", moment),
    "closedAt": Field("closed_at", moment),
}
_INVENTORY = {
    **same_names(_optional(title), "name", "title"),
    "available": Field("available", lambda value: None if value is None else yes_or_no(value)),
}
NAMED: Final = frozenset((*_ORDER, *_PURCHASE))
"""All fields of orders and purchases about which there can be a warning."""


def order_content(message: Message) -> Document:
    """What an event says of an order. Raises Invalid."""
    return _content(message, _ORDER, "The order is not valid.")


def purchase_content(message: Message) -> Document:
    """What an event says of a purchase. Raises Invalid, also where it names no lines: they are what was paid."""
    return _content(message, _PURCHASE, "The purchase is not valid.", required="lineItems")


def tab_content(message: Message) -> Document:
    """What an event says of a tab."""
    return _content(message, _TAB, "The tab is not valid.")


def item_content(message: Message) -> Document:
    """What an event says of an item."""
    return _content(message, _INVENTORY, "The item is not valid.")


def _content(message: Message, table: dict[str, Field], problem: str, required: str = "") -> Document:
    report = FieldReport()
    path = FieldPath(report)
    data = {name: value for name, value in message.data.items() if value is not None}
    if required and is_nothing(data.get(required)):
        path.problem(required, "is required")
    read = read_fields(data, table, path)
    report.check(problem)
    content = {name: value for name, value in read.items() if value is not None}
    if report.warnings:
        content["odd"] = [{"code": each.code, "values": dict(each.values)} for each in report.warnings]
    return content


def odd_fields(*contents: Mapping[str, Any]) -> tuple[EventWarning, ...]:
    """The warnings about fields of these contents that could not be read, each once."""
    found = (warn(odd["code"], **odd["values"]) for content in contents for odd in content.get("odd", ()))
    return tuple({warning.message: warning for warning in found}.values())
