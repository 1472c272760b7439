"""What a refund gives back, from the lines that a sender names: units, amounts, and taxes by rate. Pure.

WooCommerce writes a refund's lines with the opposite sign of what they refund (`wc_create_refund`). Here they have the
sign of the sale: what is refunded of goods is above zero, what is refunded of a fee of -4.00 is below.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

from bson import Decimal128

from pos_api.common.money import decimal, decimal128
from pos_api.common.quantity import Quantity
from pos_api.database.client import Document

_EXACT = Context(prec=40)


def given_back(amount: Decimal128, goods: list[Document], shipping: list[Document], fees: list[Document]) -> Document:
    """The stored form of a refund's lines: `line_items`, `shipping_total`, and `taxes` by rate, all that is taxed
    included. `amount` is what was paid back, from 0 on; lines are as they came, with their signs."""
    flipped = _are_flipped(amount, [*goods, *shipping, *fees])
    units_flipped = _are_units_flipped([line["quantity"] for line in goods], flipped)
    return {
        "line_items": [_stored(line, flipped, units_flipped) for line in goods],
        "shipping_total": decimal128(
            _signed(sum((decimal(line.get("total")) for line in shipping), Decimal(0)), flipped)
        ),
        "taxes": [
            {"rate_id": rate, "total": decimal128(_signed(total, flipped))}
            for rate, total in _taxes([*goods, *shipping, *fees])
        ],
    }


def _are_flipped(amount: Decimal128, lines: Iterable[Document]) -> bool:
    """Whether amounts come with the opposite sign of the sale, as WooCommerce writes them. Other senders may write what
    they paid back above zero; then so is its sum."""
    money = sum((decimal(line.get("total")) + decimal(line.get("total_tax")) for line in lines), Decimal(0))
    return not (money > 0 and decimal(amount) > 0)


def _are_units_flipped(units: list[Quantity], amounts_flipped: bool) -> bool:
    """Whether quantities come so: where all have one sign they are what came back. Where they have not, an exchange is
    refunded, and their signs go with those of the amounts."""
    if all(each >= 0 for each in units):
        return False
    return amounts_flipped or all(each <= 0 for each in units)


def _signed(amount: Decimal, flipped: bool) -> Decimal:
    return -amount if flipped else +amount  # both make 0 of -0


def _stored(line: Document, flipped: bool, units_flipped: bool) -> Document:
    stored = {name: value for name, value in line.items() if name != "taxes"}
    stored["quantity"] = -line["quantity"] if units_flipped else line["quantity"]
    for name in ("total", "total_tax"):
        if name in line:
            stored[name] = decimal128(_signed(decimal(line[name]), flipped))
    return stored


def _taxes(lines: Iterable[Document]) -> list[tuple[int | str, Decimal]]:
    """The taxes of these lines by rate, in the order of the rates' ids."""
    by_rate: dict[int | str, Decimal] = {}
    for line in lines:
        for rate, tax in _taxes_of(line).items():
            by_rate[rate] = by_rate.get(rate, Decimal(0)) + tax
    return sorted(by_rate.items(), key=lambda each: (isinstance(each[0], str), each[0]))


def _taxes_of(line: Document) -> dict[int | str, Decimal]:
    """What a line has of each rate, adding up to its `total_tax`.

    WooCommerce keeps a line's `taxes` unrounded. Its tax lines, and `total_tax`, are made of each of them rounded to
    the shop's decimals (`WC_Abstract_Order::update_taxes`, `set_taxes` of the items). In a shop that rounds at the
    subtotal only `total_tax` comes rounded; the largest tax then has what is missing. What no rate is named for is of
    rate 0.
    """
    taxes: dict[int | str, Decimal] = {}
    total_tax = line.get("total_tax")
    for tax in line.get("taxes", ()):
        rate, exact = tax.get("rate_id", 0), decimal(tax.get("total"))
        taxes[rate] = taxes.get(rate, Decimal(0)) + (_rounded(exact, total_tax) if total_tax else exact)
    if total_tax and (missing := decimal(total_tax) - sum(taxes.values(), Decimal(0))):
        largest = max(taxes, key=lambda rate: abs(taxes[rate]), default=0)
        taxes[largest] = taxes.get(largest, Decimal(0)) + missing
    return taxes


def _rounded(tax: Decimal, like: Decimal128) -> Decimal:
    return tax.quantize(decimal(like), ROUND_HALF_UP, _EXACT)
