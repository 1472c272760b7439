"""Shapes that every route shares: the envelopes of success and failure, money, quantities and times."""

from __future__ import annotations

from functools import cache
from typing import Any

from bson import Decimal128
from marshmallow import Schema, ValidationError, fields

from pos_api.common.money import decimal, money
from pos_api.common.quantity import quantity
from pos_api.common.time import rfc3339
from pos_api.web.api.pages import PageInfo


class Money(fields.Field[Decimal128]):
    """An amount: a decimal string out, and a decimal string or a number in."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else f"{decimal(value):f}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal128:
        if isinstance(value, str) and not value.strip():  # what a shop leaves blank is 0, what staff do is a slip
            raise ValidationError("not an amount of money")
        try:
            return money(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Quantity(fields.Field[float]):
    """A number of units, at most six decimals, whole ones without a point."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, int | float):
            raise ValidationError("must be a number")
        try:
            return quantity(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Id(fields.Field[Any]):
    """An id of a sender: a number, or text where the sender has such ids."""


class Trimmed(fields.String):
    """Text without the blanks around it; `validate` sees it so."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class Time(fields.Field[Any]):
    """A moment, as `2026-11-22T06:51:08Z` (RFC 3339)."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else rfc3339(value)


OPENAPI_TYPES: tuple[tuple[type[fields.Field[Any]], str | None, str | None], ...] = (
    (Money, "string", "decimal"),
    (Quantity, "number", None),
    (Time, "string", "date-time"),
    (Id, None, None),
)
"""How the API document names these fields' types."""


class ErrorDetails(Schema):
    code = fields.String(required=True, metadata={"description": "Stable, for programs.", "example": "not_found"})
    message = fields.String(
        required=True, metadata={"description": "For people.", "example": "There is no product with SKU 'beans-1kg'."}
    )
    details = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "Which field and why, where that is known.", "example": None},
    )


class Error(Schema):
    """The body of every failure."""

    success = fields.Boolean(required=True, metadata={"enum": [False]})
    error = fields.Nested(ErrorDetails, required=True)
    request_id = fields.String(
        required=True,
        metadata={"description": "The log has it under this.", "example": "0f8fad5bd9cb469fa16570867728950e"},
    )


@cache
def reply(schema: type[Schema], *, many: bool = False) -> type[Schema]:
    """The schema of `success(data)`, with `data` by `schema`."""
    return _envelope(schema, "ListReply" if many else "Reply", many=many)


@cache
def page_of(schema: type[Schema]) -> type[Schema]:
    """The schema of `success(rows, page=info)`, with the rows by `schema`."""
    return _envelope(schema, "Page", many=True, page=fields.Nested(PageInfo, required=True))


def _envelope(schema: type[Schema], suffix: str, *, many: bool, **more: fields.Field[Any]) -> type[Schema]:
    return Schema.from_dict(
        {
            "success": fields.Boolean(required=True, metadata={"enum": [True]}),
            "message": fields.String(metadata={"description": "For people."}),
            "data": fields.Nested(schema, required=True, many=many),
            **more,
        },
        name=f"{schema.__name__}{suffix}",
    )
