"""The VAT rate of each line of an order. Pure: no database.

Lines say what they cost and how much of VAT, not by which rate; the order says which rates it has. So a line is of the
rate, or of the rates together, by which its VAT is right to the cent. Where several are, lines of the same tax class
decide, and then what VAT of each rate is not accounted for yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import combinations

_CENT = Decimal("0.01")
_NEAR = Decimal("0.05")
_MOST_TOGETHER = 4


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """A line without VAT, its VAT, and its tax class (None: it has none, as shipping)."""

    net: Decimal
    tax: Decimal
    tax_class: str | None = None


def percent(text: str) -> str:
    """A percentage without needless zeros; blank for what is none."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return ""
    return f"{value.normalize():f}" if value.is_finite() and abs(value) < 1000 else ""


def rates_of(lines: Sequence[TaxedLine], totals: dict[str, Decimal]) -> list[str]:
    """The rate of each of these lines of an order whose VAT by rate is `totals`; blank where none fits."""
    percents = [rate for rate in totals if rate and Decimal(rate)]
    options = [_options(line, percents) for line in lines]
    by_class = _by_class(lines, options)
    left = dict(totals)
    for line, fitting in zip(lines, options, strict=True):
        if len(fitting) == 1 and fitting[0] in left:
            left[fitting[0]] -= line.tax
    found: list[str] = []
    for line, fitting in zip(lines, options, strict=True):
        known = by_class.get(line.tax_class) if line.tax_class is not None else None
        rate = known if known in fitting else max(fitting, key=lambda each: left.get(each, Decimal(0)), default="")
        if len(fitting) > 1 and rate in left:
            left[rate] -= line.tax
        found.append(rate or "")
    return found


def _options(line: TaxedLine, percents: Sequence[str]) -> list[str]:
    """The rates by which a line's VAT is right, the likeliest first."""
    if not line.tax:
        return ["0", *(rate for rate in percents if line.net and _error(line, rate) < _CENT / 2)]
    if len(percents) == 1:
        return list(percents)
    fitting = [rate for rate in percents if _error(line, rate) <= _CENT]
    return fitting or _together(line, percents) or _nearest(line, percents)


def _error(line: TaxedLine, rate: str) -> Decimal:
    return abs(line.net * Decimal(rate) / 100 - line.tax)


def _together(line: TaxedLine, percents: Sequence[str]) -> list[str]:
    """Rates that are right for a line when they are added up, as of a state and a city."""
    sums = (
        percent(str(sum(map(Decimal, each))))
        for count in range(2, _MOST_TOGETHER + 1)
        for each in combinations(percents[:10], count)
    )
    return [rate for rate in dict.fromkeys(sums) if _error(line, rate) <= _CENT]


def _nearest(line: TaxedLine, percents: Sequence[str]) -> list[str]:
    """The rate that is nearly right for a line: some senders' VAT can't be worked out again to the cent."""
    nearest = min(percents, key=lambda rate: _error(line, rate), default=None)
    if nearest is None or _error(line, nearest) > max(abs(line.tax) * _NEAR, _CENT):
        return []
    return [nearest]


def _by_class(lines: Sequence[TaxedLine], options: Sequence[Sequence[str]]) -> dict[str, str]:
    """The rate of each tax class whose lines can be of no other."""
    sure: dict[str, set[str]] = {}
    for line, fitting in zip(lines, options, strict=True):
        if line.tax_class is not None and len(fitting) == 1 and line.net:
            sure.setdefault(line.tax_class, set()).add(fitting[0])
    return {tax_class: rates.pop() for tax_class, rates in sure.items() if len(rates) == 1}
