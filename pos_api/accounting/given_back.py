"""What the refunds of an order give back of what it sold, each on its own. Pure: no database.

As figures have it (`figures.measures`): what a refund's lines say; an amount without lines is of the net alone, as no
VAT was said to be given back; and the refund that pays back all that earlier ones had left gives back all that is left,
VAT too, whatever its lines say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pos_api.accounting.model import ZERO, Purpose, Rules, cents, spread
from pos_api.accounting.rates import TaxedLine, rates_of
from pos_api.accounting.sold import Sold, VatOfGroups, rate_percents
from pos_api.common.money import decimal
from pos_api.figures.measures import completing_refund, in_order
from pos_api.orders.model import Order

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a refund gives back: amounts by purpose, with the signs of the sale, which add up to `amount`. `at` is when
    it was made, None where that is not known."""

    name: str
    at: datetime | None
    amount: Decimal
    amounts: Mapping[Purpose, Decimal]


def given_back(order: Order, of: Sold, rules: Rules, currency: str) -> list[GivenBack]:
    """The refunds of an order, in the order in which they were made."""
    if order["stage"] == "refunded" and "refunds" not in order:
        return [GivenBack("", _status_since(order), of.total, of.amounts)]
    return list(_each(order, of, rules, currency))


def _status_since(order: Order) -> datetime | None:
    """Since when an order has its status, as far as its history goes."""
    since = None
    for entry in reversed(order["status_history"]):
        if entry["status"] != order["status"]:
            break
        since = entry["at"]
    return since


def _each(order: Order, of: Sold, rules: Rules, currency: str) -> Iterator[GivenBack]:
    left: dict[Purpose, Decimal] = defaultdict(Decimal, of.amounts)
    completing = completing_refund(order)
    is_complete = False
    for number, refund in enumerate(in_order(order.get("refunds", ())), 1):
        amount = cents(decimal(refund["amount"]), currency)
        if is_complete:
            amounts: dict[Purpose, Decimal] = defaultdict(Decimal)
        elif refund is completing:
            amounts, is_complete = defaultdict(Decimal, left), True
        else:
            amounts = _of_lines(order, of, refund, rules, currency)
        _add_rest(amounts, amount - sum(amounts.values(), ZERO), left, of, refund, currency)
        for purpose, part in amounts.items():
            left[purpose] -= part
        name = str(refund.get("id") or f"n{number}")
        yield GivenBack(name, refund.get("created_at"), amount, {each: part for each, part in amounts.items() if part})


def _of_lines(order: Order, of: Sold, refund: Mapping[str, Any], rules: Rules, currency: str) -> dict[Purpose, Decimal]:
    """What a refund's lines say."""
    exact: dict[Purpose, Decimal] = defaultdict(Decimal)
    of_groups = VatOfGroups()
    for line in refund.get("line_items", ()):
        purpose = _purpose_of(line, order, of, rules)
        exact[purpose] += decimal(line.get("total"))
        of_groups.add(purpose, decimal(line.get("total_tax")))
    amounts = defaultdict(Decimal, {purpose: cents(amount, currency) for purpose, amount in exact.items()})
    for rate, tax in _taxes(order, refund).items():
        sold_to = [purpose for purpose in of.of_roles("vat") if purpose.rate == rate]
        is_of_one = len(sold_to) == 1
        _add(amounts, {sold_to[0]: cents(tax, currency)} if is_of_one else of_groups.parts(rate, tax, currency))
    if shipping := cents(decimal(refund.get("shipping_total")), currency):
        sold = {purpose: amount for purpose, amount in of.of_roles("shipping").items() if amount > 0}
        _add(amounts, spread(shipping, sold or {Purpose("shipping"): Decimal(1)}, currency))
    return amounts


def _taxes(order: Order, refund: Mapping[str, Any]) -> dict[str, Decimal]:
    """The VAT that a refund gives back, by rate."""
    percents = rate_percents(order)
    only = next(iter(set(percents.values()))) if len(set(percents.values())) == 1 else None
    taxes: dict[str, Decimal] = defaultdict(Decimal)
    for tax in refund.get("taxes", ()):
        taxes[only if only is not None else percents.get(tax["rate_id"], "")] += decimal(tax["total"])
    return taxes


def _purpose_of(line: Mapping[str, Any], order: Order, of: Sold, rules: Rules) -> Purpose:
    """What a refund's line gives back: what its line of the order sold, else goods of the rate that its VAT shows."""
    known = of.of_lines.get(line.get("line_item_id"))
    if known is not None:
        return known
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for purpose, amount in of.of_roles("vat").items():
        totals[purpose.rate] += amount
    [rate] = rates_of([TaxedLine(decimal(line.get("total")), decimal(line.get("total_tax")))], totals)
    return Purpose("revenue", rate, rules.group_of(line))


def _add_rest(
    amounts: dict[Purpose, Decimal],
    rest: Decimal,
    left: Mapping[Purpose, Decimal],
    of: Sold,
    refund: Mapping[str, Any],
    currency: str,
) -> None:
    """Add what a refund pays back and its lines do not say: a cent or two are rounding; else it is of what is left of
    the fees, where the refund has lines or VAT, as it does not name these; and the rest of the goods."""
    lines = len(refund.get("line_items", ()))
    if lines and abs(rest) <= _CENT * (lines + 1) / 2:
        amounts[Purpose("rounding")] += rest
        return
    if lines or refund.get("taxes"):
        fees = {each: left[each] for each in of.of_roles("fee") if left[each] > 0}
        of_fees = min(rest, sum(fees.values(), ZERO))
        if of_fees > 0:
            _add(amounts, spread(of_fees, fees, currency))
            rest -= of_fees
    if rest:
        _add(amounts, spread(rest, _goods(of), currency))


def _goods(of: Sold) -> Mapping[Purpose, Decimal]:
    """What an amount without lines is of: the goods, else the fees. Where nothing but shipping was sold it is of goods
    by the VAT rates of that, as in figures such an amount is never of shipping."""
    for role in ("revenue", "fee"):
        if found := {purpose: amount for purpose, amount in of.of_roles(role).items() if amount > 0}:
            return found
    shipping = {Purpose("revenue", each.rate): amount for each, amount in of.of_roles("shipping").items() if amount > 0}
    return shipping or {Purpose("revenue"): Decimal(1)}


def _add(amounts: dict[Purpose, Decimal], more: Mapping[Purpose, Decimal]) -> None:
    for purpose, part in more.items():
        amounts[purpose] += part
