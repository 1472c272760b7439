"""How values are written as JSON, in answers and in events: money as decimal strings, times as RFC 3339 with Z."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bson import Binary, Decimal128

from pos_api.common.money import decimal
from pos_api.common.time import rfc3339


def json_value(value: Any) -> Any:
    """What JSON has no type for, as a type that it has. Raises TypeError for what is not known here either."""
    if isinstance(value, Decimal):  # first, as figures of two years have ten thousand of them
        return f"{value:f}"
    if isinstance(value, Decimal128):
        return _amount(value.bid)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Binary | bytes):
        return bytes(value).decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


@lru_cache(maxsize=10_000)
def _amount(bid: bytes) -> str:
    """A stored amount as text; those of an order are often the same as others'."""
    return f"{decimal(Decimal128.from_bid(bid)):f}"


_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=json_value)


def json_bytes(value: Any) -> bytes:
    """A value as compact JSON in UTF-8."""
    return _ENCODER.encode(value).encode()
