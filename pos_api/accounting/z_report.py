"""A store's day in one currency, as a till's Z-report has it. Pure: no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pos_api.accounting.entries import Source
from pos_api.accounting.model import ZERO, Booking
from pos_api.common.money import decimal128

_SOLD = ("revenue", "shipping", "fee")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a Z-report has of an order besides its bookings: when it was paid or made, and what coupons took off it."""

    at: datetime
    discount: Decimal


def z_report(day: str, currency: str, sources: Sequence[Source], receipts: Mapping[str, Receipt]) -> dict[str, Any]:
    """The Z-report of a day: what was sold and refunded by VAT rate, how it was paid, tips, discounts, and how many
    receipts there are, with the first and the last. `receipts` are those of the orders among the sources, by the ids of
    these.

    What was sold has shipping and fees in it. `owed` is by how much what customers owe grew on the day."""
    of_day = [
        (source, each)
        for source in sources
        for each in source.bookings
        if each.day == day and each.currency == currency
    ]
    sold = [each for _, each in of_day if each.event == "sale"]
    refunded = [each for _, each in of_day if each.event.startswith("refund:")]
    refunds = {(source.id, each.event) for source, each in of_day if each.event.startswith("refund:")}
    named = {source.id: source.reference for source, each in of_day if each.event == "sale"}
    in_order = sorted((known.at, named[source]) for source, known in receipts.items() if source in named)
    return {
        "receipts": len(named),
        "first_receipt": in_order[0][1] if in_order else None,
        "last_receipt": in_order[-1][1] if in_order else None,
        "sales": _by_rate(sold, -1),
        "sales_total": _sum(sold, -1, *_SOLD, "vat", "rounding"),
        "refunds_count": len(refunds),
        "refunds": _by_rate(refunded, 1),
        "refunds_total": _sum(refunded, 1, *_SOLD, "vat", "rounding"),
        "rounding": _sum((each for _, each in of_day), -1, "rounding"),
        "payments": _by_method(each for _, each in of_day),
        "tips": _sum((each for _, each in of_day), -1, "tip"),
        "discounts": decimal128(sum((receipts[each].discount for each in named if each in receipts), Decimal("0.00"))),
        "owed": _sum((each for _, each in of_day), 1, "receivable", "under_way"),
        "cash_difference": _sum((each for _, each in of_day), -1, "cash_difference"),
    }


def _sum(bookings: Iterable[Booking], sign: int, *roles: str) -> Any:
    amounts = (each.amount for each in bookings if each.purpose.role in roles)
    return decimal128(sum(amounts, Decimal("0.00")) * sign + ZERO)  # -0.00 becomes 0.00


def _by_rate(bookings: Sequence[Booking], sign: int) -> list[dict[str, Any]]:
    """Net, VAT and both together for each VAT rate, the highest rate first; the unknown one last."""
    nets: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    taxes: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    for each in bookings:
        if each.purpose.role in _SOLD:
            nets[each.purpose.rate] += each.amount * sign
        elif each.purpose.role == "vat":
            taxes[each.purpose.rate] += each.amount * sign
    rates = sorted({*nets, *taxes}, key=lambda rate: Decimal(rate or -1), reverse=True)
    return [
        {
            "rate": rate,
            "net": decimal128(nets[rate]),
            "vat": decimal128(taxes[rate]),
            "total": decimal128(nets[rate] + taxes[rate]),
        }
        for rate in rates
    ]


def _by_method(bookings: Iterable[Booking]) -> list[dict[str, Any]]:
    """What was paid and paid back by each method, and both together."""
    paid: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    back: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    for each in bookings:
        if each.purpose.role == "payment" and each.event != "counted":
            method = each.purpose.method or each.purpose.provider
            (paid if each.amount > 0 else back)[method] += each.amount
    return [
        {
            "method": method,
            "paid": decimal128(paid[method]),
            "paid_back": decimal128(ZERO - back[method]),
            "total": decimal128(paid[method] + back[method]),
        }
        for method in sorted({*paid, *back})
    ]
