"""How values are written as JSON, in answers and in events: money as decimal strings, times as RFC 3339 with Z."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Binary, Decimal128

from pos_api.common.money import decimal
from pos_api.common.time import rfc3339


def json_value(value: Any) -> Any:
    """What JSON has no type for, as a type that it has. Raises TypeError for what is not known here either."""
    if isinstance(value, Decimal128 | Decimal):
        return f"{decimal(value) if isinstance(value, Decimal128) else value:f}"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Binary | bytes):
        return bytes(value).decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def json_bytes(value: Any) -> bytes:
    """A value as compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=json_value).encode()
