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
from pos_api.accounting.sold import Sold, rate_percents
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
        _add_rest(amounts, amount - sum(amounts.values(), ZERO), of, refund, currency)
        for purpose, part in amounts.items():
            left[purpose] -= part
        name = str(refund.get("id") or f"n{number}")
        yield GivenBack(name, refund.get("created_at"), amount, {each: part for each, part in amounts.items() if part})


def _of_lines(order: Order, of: Sold, refund: Mapping[str, Any], rules: Rules, currency: str) -> dict[Purpose, Decimal]:
    """What a refund's lines say."""
    exact: dict[Purpose, Decimal] = defaultdict(Decimal)
    for line in refund.get("line_items", ()):
        exact[_purpose_of(line, order, of, rules)] += decimal(line.get("total"))
    percents = rate_percents(order)
    only = next(iter(set(percents.values()))) if len(set(percents.values())) == 1 else None
    for tax in refund.get("taxes", ()):
        rate = only if only is not None else percents.get(tax["rate_id"], "")
        exact[Purpose("vat", rate)] += decimal(tax["total"])
    amounts = defaultdict(Decimal, {purpose: cents(amount, currency) for purpose, amount in exact.items()})
    if shipping := cents(decimal(refund.get("shipping_total")), currency):
        weights = of.of_roles("shipping")
        weights = weights if sum(weights.values(), ZERO) else {Purpose("shipping"): Decimal(1)}
        for purpose, part in spread(shipping, weights, currency).items():
            amounts[purpose] += part
    return amounts


def _purpose_of(line: Mapping[str, Any], order: Order, of: Sold, rules: Rules) -> Purpose:
    """What a refund's line gives back: what its line of the order sold, else goods of the rate that its VAT shows."""
    known = of.of_lines.get(line.get("line_item_id"))
    if known is not None:
        return known
    totals = {purpose.rate: amount for purpose, amount in of.amounts.items() if purpose.role == "vat"}
    [rate] = rates_of([TaxedLine(decimal(line.get("total")), decimal(line.get("total_tax")))], totals)
    return Purpose("revenue", rate, rules.group_of(line))


def _add_rest(
    amounts: dict[Purpose, Decimal], rest: Decimal, of: Sold, refund: Mapping[str, Any], currency: str
) -> None:
    """Add what a refund pays back and its lines do not say: a cent or two are rounding; else it is of the fees, where
    it has lines and the order has fees, as refunds do not name these; else of all that was sold."""
    if not rest:
        return
    lines = len(refund.get("line_items", ()))
    if lines and abs(rest) <= _CENT * (lines + 1) / 2:
        amounts[Purpose("rounding")] += rest
        return
    fees, goods = of.of_roles("fee"), of.of_roles("revenue", "fee", "shipping")
    weights = fees if "line_items" in refund and sum(fees.values(), ZERO) else of.of_roles("revenue")
    weights = next((each for each in (weights, goods) if sum(each.values(), ZERO)), {Purpose("revenue"): Decimal(1)})
    for purpose, part in spread(rest, weights, currency).items():
        amounts[purpose] += part
