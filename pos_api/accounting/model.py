"""What a booking is, and what bookings are made by. Pure: no database.

Amounts are `Decimal` in major units, debit above zero and credit below. Days are local days of the store, as
`2026-11-22`. A VAT rate is its percentage as text without needless zeros (`25`, `8.875`), blank where it is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Literal, TypeAlias

from pos_api.common.minor_units import decimals_of
from pos_api.payments.balance import Provider

Role: TypeAlias = Literal[
    "revenue",
    "shipping",
    "fee",
    "vat",
    "rounding",
    "tip",
    "receivable",
    "under_way",
    "payment",
    "unmatched",
    "cash_difference",
]
ZERO = Decimal(0)
_EXACT = Context(prec=40)


@dataclass(frozen=True, slots=True, order=True)
class Purpose:
    """What an amount is for, which decides its account: its role, and with it
    * the VAT rate, of revenue, shipping, fees and VAT;
    * the product group, of revenue and VAT (blank: of no group);
    * the method (`card`) and the kind of the provider (`stripe`), of payments.
    """

    role: Role
    rate: str = ""
    group: str = ""
    method: str = ""
    provider: str = ""


RECEIVABLE, UNDER_WAY = Purpose("receivable"), Purpose("under_way")
OWED = (RECEIVABLE, UNDER_WAY)
"""Where what an order owes stands until it is paid."""


@dataclass(frozen=True, slots=True)
class Booking:
    """An amount that is booked on a day. `day` is None where it is not known when it happened: then it is booked on the
    day it became known. `event` says what of the order it is (`sale`, `refund:7`, `payment:pay:p1`)."""

    day: str | None
    purpose: Purpose
    amount: Decimal
    currency: str
    event: str


class Refused(Exception):
    """Something can't be booked, for this reason, which people read."""


def _no_group(_: Mapping[str, Any]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What bookings are worked out by: the local day of a moment in the store whose books they are; the stores that
    take payments for it, by their ids; the kinds of all stores; the product group of a line of goods; the VAT rates
    that have accounts; and the store's currency, of what came without one."""

    local_day: Callable[[datetime], str]
    providers: Mapping[str, Provider] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    group_of: Callable[[Mapping[str, Any]], str] = _no_group
    rates: tuple[str, ...] = ("25", "12", "6")
    currency: str = ""


def smallest(currency: str) -> Decimal:
    """The smallest amount that is booked: of the decimals of the currency, and two at least."""
    try:
        places = max(decimals_of(currency), 2)
    except ValueError:
        places = 2
    return Decimal(1).scaleb(-places)


def cents(amount: Decimal, currency: str) -> Decimal:
    """The amount as it is booked: a multiple of the smallest of its currency."""
    return amount.quantize(smallest(currency), ROUND_HALF_UP, _EXACT)


def spread(amount: Decimal, weights: Mapping[Purpose, Decimal], currency: str) -> dict[Purpose, Decimal]:
    """The amount in parts as large as these weights are to each other, to the cent; the largest has what rounding
    leaves. The weights must not add up to 0."""
    whole = sum(weights.values(), ZERO)
    parts = {purpose: cents(amount * weight / whole, currency) for purpose, weight in weights.items()}
    largest = max(weights, key=lambda purpose: (abs(weights[purpose]), purpose))
    parts[largest] += amount - sum(parts.values(), ZERO)
    return {purpose: part for purpose, part in parts.items() if part}


def added_up(bookings: Iterable[Booking]) -> list[Booking]:
    """One booking for each day, purpose, currency and event, without those of nothing, in order. Raises Refused where
    the bookings of a day do not add up to 0."""
    sums: dict[tuple[str | None, str, str, Purpose], Decimal] = defaultdict(Decimal)
    days: dict[tuple[str | None, str, str], Decimal] = defaultdict(Decimal)
    for each in bookings:
        sums[each.day, each.currency, each.event, each.purpose] += each.amount
        days[each.day, each.currency, each.event] += each.amount
    if unbalanced := [str(event) for (_, _, event), amount in days.items() if amount]:
        raise Refused(f"Its bookings do not add up to 0: {', '.join(unbalanced)}.")
    in_order = sorted(sums.items(), key=lambda each: (each[0][0] or "", *each[0][1:]))
    return [
        Booking(day, purpose, amount, currency, event) for (day, currency, event, purpose), amount in in_order if amount
    ]
