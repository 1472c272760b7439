"""What an order sold, by VAT rate and product group, and what its refunds give back of that. Pure: no database.

VAT is what the order's tax lines say, to the cent; what goods, shipping and fees cost without VAT is what their lines
say; what is left of the total is rounding. Where that is more than rounding can explain, the order can't be booked.
What a refund gives back is worked out as figures do (`figures.measures`), so that both tie out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pos_api.accounting.model import ZERO, Purpose, Refused, Role, Rules, cents, spread
from pos_api.accounting.rates import TaxedLine, percent, rates_of
from pos_api.common.money import decimal
from pos_api.orders.model import Order

_VAT: Role = "vat"
_CENT = Decimal("0.01")
_STEPS = (Decimal(1), Decimal("0.5"), Decimal("0.1"), Decimal("0.05"))
"""To which cash is rounded where there are no smaller coins."""


@dataclass(slots=True)
class Sold:
    """What an order sold: amounts above zero by their purpose, which add up to `total`; and the purpose of each of its
    lines of goods, by the line's id."""

    total: Decimal
    amounts: dict[Purpose, Decimal]
    of_lines: dict[Any, Purpose] = field(default_factory=dict)

    def of_roles(self, *roles: Role) -> dict[Purpose, Decimal]:
        """The amounts of these roles."""
        return {purpose: amount for purpose, amount in self.amounts.items() if purpose.role in roles}


@dataclass(frozen=True, slots=True)
class _Part:
    """A line of goods, shipping or a fee."""

    role: Role
    line: TaxedLine
    group: str = ""
    id: Any = None


def sold(order: Order, rules: Rules, currency: str) -> Sold:
    """What an order sold. Raises Refused where its lines and its total contradict each other."""
    parts = _parts(order, rules)
    if not any(line for line in order["line_items"] if "total_tax" in line) and not order.get("tax_lines"):
        return _by_totals(order, parts, rules, currency)
    taxes = _taxes(order, parts)
    rates = rates_of([part.line for part in parts], taxes)
    amounts: dict[Purpose, Decimal] = defaultdict(Decimal)
    of_lines: dict[Any, Purpose] = {}
    of_groups = VatOfGroups()
    for part, rate in zip(parts, rates, strict=True):
        purpose = Purpose(part.role, rate, part.group)
        amounts[purpose] += part.line.net
        of_groups.add(purpose, part.line.tax)
        if part.id is not None:
            of_lines[part.id] = purpose
    for rate, tax in taxes.items():
        amounts.update(of_groups.parts(rate, tax, currency))
    total = decimal(order.get("total"))
    _check_rounding(order, total - sum(amounts.values(), ZERO), len(parts) + len(taxes))
    return _rounded(total, amounts, of_lines, currency)


@dataclass(frozen=True, slots=True)
class VatOfGroups:
    """The VAT that lines say they have, by VAT rate and product group; and of how many lines of a rate."""

    taxes: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    lines: Counter[str] = field(default_factory=Counter)

    def add(self, purpose: Purpose, tax: Decimal) -> None:
        """Add what a line of this purpose has."""
        self.taxes[purpose.rate][purpose.group] += tax
        self.lines[purpose.rate] += 1

    def parts(self, rate: str, tax: Decimal, currency: str) -> dict[Purpose, Decimal]:
        """The VAT of a rate in parts by product group: what their lines have. What these round off is of the largest
        part, and more of no group."""
        of_groups = self.taxes.get(rate, {})
        parts = {Purpose(_VAT, rate, group): cents(part, currency) for group, part in of_groups.items() if part}
        if rest := cents(tax, currency) - sum(parts.values(), ZERO):
            is_rounding = parts and abs(rest) <= _CENT / 2 * (self.lines[rate] + 1)
            of = max(parts, key=lambda purpose: abs(parts[purpose])) if is_rounding else Purpose(_VAT, rate)
            parts[of] = parts.get(of, ZERO) + rest
        return parts


def _parts(order: Order, rules: Rules) -> list[_Part]:
    goods = [_part("revenue", line, rules.group_of(line), line.get("tax_class", "")) for line in order["line_items"]]
    shipping = [_part("shipping", line) for line in order.get("shipping_lines", ())]
    if not shipping and "shipping_total" in order:
        tax = decimal(order.get("shipping_tax"))
        shipping = [_Part("shipping", TaxedLine(decimal(order["shipping_total"]), tax))]
    fees = [_part("fee", line) for line in order.get("fee_lines", ())]
    return [each for each in (*goods, *shipping, *fees) if each.line.net or each.line.tax or each.role == "revenue"]


def _part(role: Role, line: Mapping[str, Any], group: str = "", tax_class: str | None = None) -> _Part:
    taxed = TaxedLine(decimal(line.get("total")), decimal(line.get("total_tax")), tax_class)
    return _Part(role, taxed, group, line.get("id") if role == "revenue" else None)


def rate_percents(order: Order) -> dict[Any, str]:
    """The percentage of each of an order's VAT rates, by the rate's id, as refunds name it."""
    return {
        tax.get("rate_id") or tax.get("rate_code") or 0: percent(tax.get("rate_percent", ""))
        for tax in order.get("tax_lines", ())
    }


def _taxes(order: Order, parts: Sequence[_Part]) -> dict[str, Decimal]:
    """An order's VAT by rate, adding up to its `total_tax`: a cent that its tax lines do not have is of the largest,
    and more of a rate that is not known."""
    taxes: dict[str, Decimal] = defaultdict(Decimal)
    for tax in order.get("tax_lines", ()):
        rate = percent(tax.get("rate_percent", ""))
        taxes[rate] += decimal(tax.get("tax_total")) + decimal(tax.get("shipping_tax_total"))
    of_lines = sum((part.line.tax for part in parts), ZERO)
    missing = (decimal(order["total_tax"]) if "total_tax" in order else of_lines) - sum(taxes.values(), ZERO)
    if missing:
        is_rounding = abs(missing) <= _CENT * max(len(taxes), 1)
        taxes[max(taxes, key=lambda rate: abs(taxes[rate])) if taxes and is_rounding else ""] += missing
    return dict(taxes)


def _check_rounding(order: Order, missing: Decimal, count: int) -> None:
    """Raise Refused where more is missing of the total than rounding can explain: half of its last decimal for each
    line and each VAT rate, or what cash is rounded by."""
    total = decimal(order.get("total"))
    exponent = total.as_tuple().exponent
    unit = Decimal(1).scaleb(max(min(exponent if isinstance(exponent, int) else 0, 0), -2))
    allowed = unit / 2 * (count + 1)
    by_cash = max((step / 2 for step in _STEPS if not total % step), default=ZERO)
    if abs(missing) > max(allowed, by_cash):
        known = total - missing
        raise Refused(f"Its lines and its VAT add up to {known:f}, and its total is {total:f}.")


def _rounded(total: Decimal, amounts: Mapping[Purpose, Decimal], of_lines: dict[Any, Purpose], currency: str) -> Sold:
    rounded = {purpose: cents(amount, currency) for purpose, amount in amounts.items()}
    rounding = cents(total, currency) - sum(rounded.values(), ZERO)
    rounded[Purpose("rounding")] = rounding
    return Sold(cents(total, currency), {each: amount for each, amount in rounded.items() if amount}, of_lines)


def _by_totals(order: Order, parts: Sequence[_Part], rules: Rules, currency: str) -> Sold:
    """Of an order whose lines do not say their VAT: what it costs without it is of the one rate that it has, where a
    known one fits, and else of none that is known. Product groups share it, and its VAT, as their lines' totals are to
    each other."""
    total, tax = decimal(order.get("total")), decimal(order.get("total_tax"))
    net = total - tax
    line = TaxedLine(net, tax)
    fitting = [rate for rate in rules.rates if _fits(line, rate, len(order["line_items"]))]
    rate = "0" if not tax else (fitting[0] if fitting else "")
    amounts: dict[Purpose, Decimal] = defaultdict(Decimal)
    others = [part for part in parts if part.role != "revenue"]
    for part in others:
        amounts[Purpose(part.role, rate)] += cents(part.line.net, currency)
    weights: dict[Purpose, Decimal] = defaultdict(Decimal)
    of_lines: dict[Any, Purpose] = {}
    for part in parts:
        if part.role == "revenue":
            weights[Purpose("revenue", rate, part.group)] += abs(part.line.net)
            if part.id is not None:
                of_lines[part.id] = Purpose("revenue", rate, part.group)
    of_goods = cents(net, currency) - sum(amounts.values(), ZERO)
    if not any(weights.values()):
        weights = defaultdict(Decimal, {Purpose("revenue", rate): Decimal(1)})
    amounts.update(spread(of_goods, weights, currency))
    amounts.update(_vat_by_nets(cents(tax, currency), rate, amounts, currency))
    return _rounded(total, amounts, of_lines, currency)


def _vat_by_nets(tax: Decimal, rate: str, amounts: Mapping[Purpose, Decimal], currency: str) -> dict[Purpose, Decimal]:
    """VAT of one rate in parts by product group, as what these cost without it is to each other."""
    nets: dict[Purpose, Decimal] = defaultdict(Decimal)
    for purpose, amount in amounts.items():
        nets[Purpose(_VAT, rate, purpose.group)] += abs(amount)
    return spread(tax, nets, currency) if any(nets.values()) else {Purpose(_VAT, rate): tax}


def _fits(line: TaxedLine, rate: str, lines: int) -> bool:
    return abs(line.net * Decimal(rate) / 100 - line.tax) <= _CENT / 2 * (lines + 1)
