"""What should be in a till's drawer: the cash a session was opened with, and all that came in and went out since.

A session is its till's. It lasts until it is closed, or until the next one is opened, whichever is first; so a movement
of cash belongs to one session at most. Pure: no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pos_api.cash.model import CashKind, CashMovement, CashSession
from pos_api.common.money import decimal


@dataclass(frozen=True, slots=True)
class Interval:
    """From when to when a session lasts, the end not included; None: it is open."""

    start: datetime
    end: datetime | None

    def has(self, moment: datetime) -> bool:
        """Whether this moment is within the session."""
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class ExpectedCash:
    """What a session's drawer should have, and the part of it (`assumed`) that is cash by the till's setting alone.
    `expected` is None where it can't be known; `difference` is counted less expected, None without both."""

    expected: Decimal | None
    assumed: Decimal
    difference: Decimal | None
    currency: str


def intervals(sessions: Sequence[CashSession], next_opening: datetime | None) -> list[Interval | None]:
    """The interval of each of a store's sessions, which are given one after the other by `opened_at`, those without
    it anywhere. `next_opening` is when the session after the last of them was opened, None where there is none. A
    session has no interval where it is not known when it was opened, or was closed before."""
    found: list[Interval | None] = []
    following = next_opening
    for session in reversed(sessions):
        start, closed = session["opened_at"], session["closed_at"]
        if start is None or (closed is not None and closed < start):
            found.append(None)
        else:
            found.append(Interval(start, min(filter(None, (closed, following)), default=None)))
        following = start or following
    return found[::-1]


def expected_cash(
    session: CashSession, interval: Interval | None, movements: Iterable[CashMovement], currency_of_store: str = ""
) -> ExpectedCash:
    """What a session should have, by those of these movements that are within its interval.

    Amounts of several currencies are never added up: those that are not the session's are left out. A session or a
    movement without a currency came when the till's store had none, and has the one that the store has now; while it
    has none, a session has that of its movements, as long as it is one.
    """
    own = [each for each in movements if interval and interval.has(each["at"]) and decimal(each["amount"])]
    currencies = {each["currency"] or currency_of_store for each in own}
    currency = session["currency"] or currency_of_store or ("" if len(currencies) > 1 else "".join(currencies))
    own = of_currency(own, currency, currency_of_store)
    assumed = sum((decimal(each["amount"]) for each in own if each["is_assumed"]), Decimal(0))
    opening, counted = session["opening_cash"], session["counted_cash"]
    if interval is None or opening is None or (currencies and not currency):
        return ExpectedCash(None, assumed, None, currency)
    expected = sum((decimal(each["amount"]) for each in own), decimal(opening))
    return ExpectedCash(expected, assumed, None if counted is None else decimal(counted) - expected, currency)


def of_currency(movements: Iterable[CashMovement], currency: str, currency_of_store: str = "") -> list[CashMovement]:
    """Those of these movements that moved any cash in this currency; see `expected_cash`."""
    return [
        each for each in movements if decimal(each["amount"]) and (each["currency"] or currency_of_store) == currency
    ]


def sums_by_kind(movements: Iterable[CashMovement]) -> dict[CashKind, Decimal]:
    """What each kind of movement comes to: sales, voids, debts; a kind without any is left out."""
    sums: dict[CashKind, Decimal] = {}
    for each in movements:
        sums[each["kind"]] = sums.get(each["kind"], Decimal(0)) + decimal(each["amount"])
    return sums
