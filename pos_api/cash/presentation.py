"""What is shown of a cash session, by the API and in CSV files. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bson import Decimal128

from pos_api.cash.expected_cash import ExpectedCash, Interval
from pos_api.cash.model import CashKind, CashMovement, CashSession
from pos_api.common.money import decimal, decimal128, with_decimals_of
from pos_api.common.presentation import fields, shown
from pos_api.database.client import Document

COLUMNS = (
    *("id", "store", "external_id", "opened_at", "closed_at", "opening_cash", "counted_cash", "expected_cash"),
    *("difference", "assumed_cash", "currency"),
)
_SESSION = fields(*COLUMNS)


def session(stored: CashSession, expected: ExpectedCash) -> Document:
    """A stored session with what was expected of it. `assumed_cash` has the decimals of the cash that it was opened
    with, or else closed."""
    beside = decimal(stored["opening_cash"] or stored["counted_cash"])
    worked_out: dict[str, Decimal128 | str | None] = {
        "id": stored["_id"],
        "expected_cash": None if expected.expected is None else decimal128(expected.expected),
        "difference": None if expected.difference is None else decimal128(expected.difference),
        "assumed_cash": decimal128(with_decimals_of(expected.assumed, beside)),
        "currency": expected.currency,
    }
    known = {**stored, **worked_out}
    return shown({name: known[name] for name in COLUMNS}, _SESSION)


_MOVEMENT = fields("external_id", "kind", "at", "amount", "is_assumed")


def movements(stored: Iterable[CashMovement], sums: Mapping[CashKind, Decimal], interval: Interval | None) -> Document:
    """What came into a session's drawer and went out of it, by kind and one by one, and until when that counts."""
    return {
        "ends_at": interval.end if interval else None,
        "by_kind": [{"kind": kind, "amount": decimal128(amount)} for kind, amount in sorted(sums.items())],
        "movements": [shown(each, _MOVEMENT) for each in stored],
    }
