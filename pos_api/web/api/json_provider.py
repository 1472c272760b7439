"""How answers are written as JSON."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Binary, Decimal128
from flask.json.provider import DefaultJSONProvider

from pos_api.common.money import decimal
from pos_api.common.time import rfc3339


class JsonProvider(DefaultJSONProvider):
    """Flask's JSON, with money as decimal strings and times as RFC 3339 with Z."""

    sort_keys = False
    ensure_ascii = False

    @staticmethod
    def default(value: Any) -> Any:
        """What JSON has no type for."""
        if isinstance(value, Decimal128 | Decimal):
            return f"{decimal(value) if isinstance(value, Decimal128) else value:f}"
        if isinstance(value, datetime):
            return rfc3339(value)
        if isinstance(value, Binary | bytes):
            return bytes(value).decode("utf-8", "replace")
        return DefaultJSONProvider.default(value)
