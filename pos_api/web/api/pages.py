"""Pages of lists: a keyset cursor, so that page 1000 costs what page 1 does, and nothing is skipped or shown twice
while rows come in."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args

from marshmallow import Schema, fields, validate

from pos_api.common.time import rfc3339, utc
from pos_api.common.value_limits import INT64_MAX
from pos_api.errors import BadRequest

Row = TypeVar("Row")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR = 4096
"""Characters that a cursor can have: that of a customer with the longest e-mail address there can be has some 3,500."""


class PageQuery(Schema):
    """The query of every list; a list with filters inherits from it."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"description": "Rows on a page.", "example": DEFAULT_LIMIT},
    )
    cursor = fields.String(
        load_default=None,
        metadata={"description": "`page.next` of the page before; leave it out for the first page."},
    )


class PageInfo(Schema):
    """What a page says of itself."""

    limit = fields.Integer(required=True, metadata={"example": DEFAULT_LIMIT})
    next = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The cursor of the next page; null on the last one.", "example": None},
    )


def after(cursor: str | None, *kinds: type | UnionType) -> tuple[Any, ...] | None:
    """The position a cursor stands for: one value of each of `kinds` (str, int or datetime, `| None` where it may be
    null); None for no cursor. Raises BadRequest for what `page` did not make."""
    if cursor is None:
        return None
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError("longer than any")
        raw = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if not isinstance(raw, list) or len(raw) != len(kinds):
            raise ValueError("other values")
        position = tuple(_value(value, kind) for value, kind in zip(raw, kinds, strict=True))
        if _cursor(position) != cursor:
            raise ValueError("not as it was made")
        return position
    except (ValueError, binascii.Error, RecursionError):
        raise BadRequest("The cursor is not one of this list; start again without it.") from None


def _value(value: Any, kind: type | UnionType) -> Any:
    kinds = get_args(kind) or (kind,)
    if value is None and NoneType in kinds:
        return None
    if datetime in kinds and value is not None:
        return utc(value)
    if type(value) not in kinds or not isinstance(value, int | str):
        raise ValueError("another kind of value")
    if isinstance(value, str):
        value.encode()  # a lone surrogate can't be asked for
    elif abs(value) > INT64_MAX:
        raise ValueError("out of range")
    return value


def page(
    rows: Sequence[Row], limit: int, position: Callable[[Row], Sequence[Any]]
) -> tuple[Sequence[Row], dict[str, Any]]:
    """Cut `rows`, of which one more than `limit` was asked for, to a page, and say where the next one starts.

    `position` gives a row's values in the order of the list's sort (str, int, datetime or None), the last one unique.
    """
    shown = rows[:limit]
    return shown, info(limit, position(shown[-1]) if len(rows) > limit else None)


def info(limit: int, last: Sequence[Any] | None) -> dict[str, Any]:
    """What a page says of itself; `last` is the position after which the next one starts, None for no next one."""
    return {"limit": limit, "next": None if last is None else _cursor(last)}


def _cursor(values: Sequence[Any]) -> str:
    raw = [rfc3339(value) if isinstance(value, datetime) else value for value in values]
    text = json.dumps(raw, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
