"""Warnings: what people should know about an order, or about a delivery that was accepted.

Each has a stable code, an English sentence, and the values in that sentence, so that a program can tell them apart and
write them in another language. `docs/api.md` lists the codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = str | int | float

SENTENCES: Mapping[str, str] = {
    "unknown_sku": "SKU {sku} is unknown here; this order does not move its stock.",
    "unlinked_item": "Item {item} is linked to no product here; this order does not move its stock.",
    "unclear_refund_line": "Refund {refund} returns {quantity} of {line}, which is no line of this order, or several; "
    "its stock is not moved.",
    "product_without_sku": "The product has no SKU, so its stock can't be kept.",
    "stock_not_managed": "The shop does not manage the stock of {sku}, so there is none to start with.",
    "shared_sku": "SKU {sku} is shared with another product of the shop.",
    "sku_of_several": "SKU {sku} is that of products {ids} of the shop, which are one product with one stock here.",
    "not_published": "{sku} is not published yet; it starts with the stock it is published with.",
    "unknown_parent": "The stock of {sku} is that of product {parent}, which is not known here.",
    "field_left_out": "The field {field} could not be read and is left out: {problem}.",
    "field_shortened": "The field {field} is longer than {limit} characters; only so many are kept.",
    "characters_replaced": "The field {field} had characters that can't be stored; they are replaced.",
    "payment_names_several_orders": "The payment names {orders} in the same way, so it is matched with none of them.",
    "line_without_sku": "Line {line}, {name}, has no product code; this order does not move its stock.",
    "reported_differently": "It was reported with {count} different contents; the newest counts.",
    "waits_for_rest": "It is kept, and applied when the rest comes: what it belongs to has not been reported yet.",
    "sku_taken": "SKU {sku} was another product's, which is {product} until it has a new one.",
}
"""The English sentence of each code, with its values' names in braces."""

_LONGEST = 200
"""A value is what a sender wrote; so many letters of it are kept."""


@dataclass(frozen=True, slots=True)
class EventWarning:
    """One warning; `message` is the sentence of `code` with `values` in it."""

    code: str
    message: str
    values: Mapping[str, Value]

    def stored(self) -> dict[str, Any]:
        """As it is kept with an order or an inbox entry."""
        return {"code": self.code, "message": self.message, "values": dict(self.values)}


def warn(code: str, **values: Value) -> EventWarning:
    """The warning of this code. Raises KeyError for a code or a value that SENTENCES does not have."""
    short = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in values.items()}
    return EventWarning(code, SENTENCES[code].format(**short), short)


def from_stored(warnings: Iterable[Mapping[str, Any]]) -> list[EventWarning]:
    """The warnings that are kept with an order or an inbox entry."""
    return [EventWarning(each["code"], each["message"], each["values"]) for each in warnings]


def messages(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """The sentences of stored warnings, which is what the API shows of them."""
    return [each["message"] for each in warnings]
