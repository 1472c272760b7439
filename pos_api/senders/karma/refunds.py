"""What refunds pay back of a purchase, as far as their reports say it for sure. Pure: no database.

Karma's guide does not say what a refund's report looks like. Two readings are sure. A report with the purchase's very
lines, their amounts as they were paid or all with the opposite sign, is of the whole purchase. One with some of the
lines, or parts of their amounts, is of those. What is not sure is not applied, and its report can't be used: a line
that the purchase does not have, amounts of both signs, more than was paid, and the same part a second time, which may
be the first refund sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from pos_api.common.money import decimal
from pos_api.common.quantity import Quantity, whole
from pos_api.senders.karma.fields import PurchaseLine
from pos_api.senders.reports import KnownReport

LineId: TypeAlias = int | str
_NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Part:
    """What is paid back of one line of a purchase, with the signs of the sale; `vat` is the part of `amount` that is
    VAT, None where that is not known."""

    line: PurchaseLine
    amount: Decimal
    vat: Decimal | None
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class PaidBack:
    """A refund that counts: its parts, and when it was made."""

    parts: tuple[Part, ...]
    at: datetime

    @property
    def amount(self) -> Decimal:
        """All that it pays back."""
        return sum((part.amount for part in self.parts), _NOTHING)


@dataclass(slots=True)
class _Purchase:
    """A purchase, and what is left of each of its lines after the refunds so far."""

    lines: Sequence[PurchaseLine]
    left: list[tuple[Decimal, Decimal, Quantity]]
    places: Mapping[LineId, int]
    refunds: list[PaidBack] = field(default_factory=list)

    @property
    def is_refunded(self) -> bool:
        """Whether nothing is left of it."""
        return not any(amount for amount, _, _ in self.left)


class _Unusable(Exception):
    """A refund's report can't be used, for this reason."""


def refunds_of(lines: Sequence[PurchaseLine], reports: Sequence[KnownReport]) -> tuple[list[PaidBack], dict[str, str]]:
    """The refunds of a purchase with these lines that their reports, the earliest first, say for sure; and the ids of
    the reports that can't be used, each with the reason."""
    left = [(amount_of(line), vat_of(line), line.get("quantity", 1)) for line in lines]
    purchase = _Purchase(lines, left, _places(lines))
    unusable: dict[str, str] = {}
    parts_seen: set[tuple[str, ...]] = set()
    for report in reports:
        reported: list[PurchaseLine] = report.content["lines"]
        try:
            if _is_whole(reported, lines):
                _refund_rest(purchase, report)
                continue
            seen = tuple(sorted(repr(sorted(line.items())) for line in reported))
            if seen in parts_seen:
                raise _Unusable("An earlier refund has the same lines: it may be that one, sent again, or another.")
            parts_seen.add(seen)
            _refund_parts(purchase, reported, report)
        except _Unusable as error:
            unusable[report.id] = str(error)
    return purchase.refunds, unusable


def amount_of(line: PurchaseLine) -> Decimal:
    """What was paid for a line, with VAT."""
    return decimal(line["amount"])


def vat_of(line: PurchaseLine) -> Decimal:
    """The part of it that is VAT, as Karma says; 0 where it did not."""
    return decimal(line.get("vat"))


def is_tip(line: PurchaseLine) -> bool:
    """Whether a line is a tip."""
    return line.get("type") == "tip"


def _places(lines: Sequence[PurchaseLine]) -> dict[LineId, int]:
    """The places of lines by their ids; an id that several have is none."""
    ids = [line.get("id") or 0 for line in lines]
    return {each: number for number, each in enumerate(ids) if each and ids.count(each) == 1}


def _is_whole(reported: Sequence[PurchaseLine], lines: Sequence[PurchaseLine]) -> bool:
    """Whether a refund has the purchase's very lines, as they were or all with the opposite sign."""
    paid = _amounts(lines, 1)
    return _amounts(reported, 1) == paid or _amounts(reported, -1) == paid


def _amounts(lines: Sequence[PurchaseLine], sign: int) -> list[tuple[str, Decimal]]:
    return sorted((str(line.get("id") or ""), sign * amount_of(line)) for line in lines)


def _refund_rest(purchase: _Purchase, report: KnownReport) -> None:
    """All that is left is paid back; nothing where the purchase was paid back before."""
    if purchase.is_refunded and purchase.refunds:
        return
    parts = (
        Part(line, amount, vat, quantity)
        for line, (amount, vat, quantity) in zip(purchase.lines, purchase.left, strict=True)
    )
    purchase.refunds.append(PaidBack(tuple(part for part in parts if part.amount or part.quantity), report.moment))
    purchase.left = [(_NOTHING, _NOTHING, 0)] * len(purchase.lines)


def _refund_parts(purchase: _Purchase, reported: Sequence[PurchaseLine], report: KnownReport) -> None:
    """These lines, or parts of them, are paid back. Raises _Unusable where that is not sure."""
    left = list(purchase.left)
    sign = _sign(purchase, reported)
    parts: list[Part] = []
    for line in reported:
        place = purchase.places[line.get("id") or 0]
        part, left[place] = _take(purchase.lines[place], left[place], line, sign)
        parts.append(part)
    refund = PaidBack(tuple(parts), report.moment)
    without_tips = (amount for line, (amount, _, _) in zip(purchase.lines, left, strict=True) if not is_tip(line))
    if refund.amount <= 0 or sum(without_tips) < 0:  # a discount is left to be taken from the goods
        raise _Unusable("It would pay back nothing, or more than is left of what was paid.")
    purchase.left = left
    purchase.refunds.append(refund)


def _sign(purchase: _Purchase, reported: Sequence[PurchaseLine]) -> int:
    """1 where a refund's amounts have the signs of the lines that they pay back, -1 where all have the opposite."""
    signs: set[int] = set()
    for line in reported:
        place = purchase.places.get(line.get("id") or 0)
        if place is None:
            raise _Unusable(f"Line {line.get('id') or 'without an id'} is no line of the purchase.")
        direction = amount_of(line) * amount_of(purchase.lines[place])
        if direction:
            signs.add(1 if direction > 0 else -1)
    if len(signs) > 1:
        raise _Unusable("Some of its amounts have the signs of what was paid, and some the opposite.")
    return signs.pop() if signs else 1


def _take(
    line: PurchaseLine, left: tuple[Decimal, Decimal, Quantity], reported: PurchaseLine, sign: int
) -> tuple[Part, tuple[Decimal, Decimal, Quantity]]:
    """What a refund pays back of a line of which this is left, and what is left then."""
    amount_left, vat_left, units_left = left
    amount = sign * amount_of(reported)
    vat: Decimal | None = sign * vat_of(reported) if "vat" in reported else None
    if amount == amount_left:
        vat, units = vat_left, units_left
    else:
        units = abs(reported.get("quantity", 0))
        units = units if units < units_left else 0  # a part of the price, or not said of how many
        if vat is None and not vat_left:
            vat = _NOTHING
    if not _is_within(amount, amount_left) or not _is_within(vat or _NOTHING, vat_left):
        raise _Unusable(f"It would pay back more of line {line.get('id')} than is left of what was paid.")
    taken = vat or _NOTHING
    return Part(line, amount, vat, units), (amount_left - amount, vat_left - taken, whole(units_left - units))


def _is_within(taken: Decimal, left: Decimal) -> bool:
    """Whether so much can be taken from what is left: of the same sign, and not more."""
    return not taken or ((taken > 0) == (left > 0) and abs(taken) <= abs(left))
