"""Cash sessions as a sender gives them to the cash domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Decimal128

from pos_api.cash.model import CashSessionUpdate

FIRST = datetime(2026, 6, 1, 8, tzinfo=UTC)
"""When session 0 was opened; each other one so many days later."""


def cash_session(name: str, day: int = 0, **more: Any) -> CashSessionUpdate:
    """A session of nine hours that began with 20.00 and ended with 100.00."""
    opened_at = FIRST + timedelta(days=day)
    fields: dict[str, Any] = {
        "store": "till-1",
        "external_id": name,
        "sequence": 1,
        "opened_at": opened_at,
        "closed_at": opened_at + timedelta(hours=9),
        "opening_cash": Decimal128("20.00"),
        "counted_cash": Decimal128("100.00"),
        "currency": "USD",
        "at": opened_at,
    }
    return CashSessionUpdate(**{**fields, **more})
