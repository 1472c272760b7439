"""Whatever an order has of lines, rates and refunds: it is balanced on each day and ties out to the figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pos_api.accounting.bookings import bookings_of
from pos_api.accounting.model import Booking
from tests.accounting.histories import rules, shop_order
from tests.accounting.test_bookings import assert_balanced, assert_ties_out, row

_RATES = {1: "25", 2: "12", 3: "6", 4: "0"}
_CLASSES = {1: "", 2: "reduced-rate", 3: "books", 4: "zero-rate"}


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


nets = st.integers(0, 50_000).map(lambda cents: Decimal(cents) / 100)
sold_lines = st.lists(st.tuples(nets, st.sampled_from(sorted(_RATES))), min_size=1, max_size=5)
parts = st.lists(st.integers(0, 100), min_size=1, max_size=5)


def _line(number: int, net: Decimal, rate: int, sign: int = 1) -> dict[str, Any]:
    tax = _cents(net * Decimal(_RATES[rate]) / 100)
    taxes = [{"id": rate, "total": str(sign * tax)}] if tax else []
    line = {"id": number, "sku": "A", "quantity": sign, "total": str(sign * net), "total_tax": str(sign * tax)}
    return {**line, "tax_class": _CLASSES[rate], "taxes": taxes}


def _amount(*lines: dict[str, Any]) -> Decimal:
    return sum((Decimal(each["total"]) + Decimal(each["total_tax"]) for each in lines), Decimal(0))


def _part(draw: st.DrawFn, of: dict[str, Any]) -> dict[str, Any]:
    """A part of a line, as a refund has it."""
    share = Decimal(draw(st.integers(1, 100))) / 100
    rate = [*_CLASSES.values()].index(of["tax_class"]) + 1
    back = _line(of["id"], _cents(Decimal(of["total"]) * share), rate, -1)
    return {**back, "meta_data": [{"key": "_refunded_item_id", "value": str(of["id"])}]}


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """An order with goods of several rates, shipping and a fee or a discount, and refunds: by lines, with or without
    shipping and the fee; of an amount; or of the rest."""
    goods = [_line(number, net, rate) for number, (net, rate) in enumerate(draw(sold_lines), 1)]
    shipping = [_line(90, draw(nets), 1)]
    fee = draw(st.one_of(st.none(), st.integers(-500, 5_000).map(lambda cents: Decimal(cents) / 100)))
    fees = [] if fee is None else [_line(91, fee, draw(st.sampled_from([1, 2])))]
    by_rate: dict[int, Decimal] = {}
    for line in (*goods, *fees):
        for tax in line["taxes"]:
            by_rate[tax["id"]] = by_rate.get(tax["id"], Decimal(0)) + Decimal(tax["total"])
    of_shipping = Decimal(shipping[0]["total_tax"])
    rates = sorted({*by_rate, 1})
    total = max(_amount(*goods, *shipping, *fees), Decimal(0))
    assume(total == _amount(*goods, *shipping, *fees))
    refunds, left = [], total
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["lines", "amount", "rest"]))
        refund: dict[str, Any] = {"id": 100 + number, "line_items": []}
        if draw(st.booleans()):
            refund["date_created_gmt"] = f"2026-11-{22 + number}T11:00:00"
        if kind == "lines":
            of_goods = [_part(draw, goods[draw(st.integers(0, len(goods) - 1))])]
            has_others = draw(st.booleans()), draw(st.booleans())
            of_others = {
                name: [_part(draw, lines[0])] if lines and has else []
                for (name, lines), has in zip(
                    (("shipping_lines", shipping), ("fee_lines", fees)), has_others, strict=True
                )
            }
            back = -_amount(*of_goods, *of_others["shipping_lines"], *of_others["fee_lines"])
            refund |= {"line_items": of_goods, **of_others, "amount": str(back)}
        else:
            refund["amount"] = str(left if kind == "rest" else min(left, _cents(draw(nets))))
        if 0 <= Decimal(refund["amount"]) <= left:
            left -= Decimal(refund["amount"])
            refunds.append(refund)
    return row(
        total=str(total + draw(st.sampled_from(["0", "0.01", "-0.01"]).map(Decimal))),
        total_tax=str(sum(by_rate.values(), of_shipping)),
        shipping_total=shipping[0]["total"],
        shipping_tax=str(of_shipping),
        payment_method=draw(st.sampled_from(["cod", "stripe"])),
        date_paid_gmt=draw(st.sampled_from([None, "2026-11-21T11:00:00"])),
        line_items=goods,
        shipping_lines=shipping,
        fee_lines=fees,
        tax_lines=[
            {
                "rate_id": rate,
                "rate_percent": _RATES[rate],
                "tax_total": str(by_rate.get(rate, Decimal(0))),
                "shipping_tax_total": str(of_shipping if rate == 1 else Decimal(0)),
            }
            for rate in rates
        ],
        refunds=refunds[::-1],
        status=draw(st.sampled_from(["processing", "completed", "on-hold"])),
    )


@settings(max_examples=80, deadline=None)
@given(orders())
def test_any_order_is_balanced_and_ties_out(sent: dict[str, Any]) -> None:
    order = shop_order(sent)
    bookings = bookings_of(order, (), rules())
    assert_balanced(bookings)
    assert_ties_out(order, bookings)
    for each in bookings:
        assert each.amount == each.amount.quantize(Decimal("0.01"))


@settings(max_examples=80, deadline=None)
@given(orders(), st.sets(st.integers(1, 5)))
def test_product_groups_share_what_their_lines_say_and_change_no_sum(sent: dict[str, Any], food: set[int]) -> None:
    order = shop_order(sent)
    grouped = bookings_of(order, (), rules(group_of=lambda line: "food" if line.get("id") in food else ""))
    assert_balanced(grouped)
    assert _sums(grouped) == _sums(bookings_of(order, (), rules()))
    of_food = [line for line in sent["line_items"] if line["id"] in food]
    vat = -sum(each.amount for each in grouped if each.event == "sale" and _is_vat_of_food(each))
    said = sum((Decimal(line["total_tax"]) for line in of_food), Decimal(0))
    assert abs(vat - said) <= Decimal("0.02")


def _sums(bookings: Sequence[Booking]) -> dict[tuple[str, ...], Decimal]:
    """Amounts by role, and of VAT by rate, whatever the product group."""
    found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for each in bookings:
        found[each.event, each.purpose.role, each.purpose.rate if each.purpose.role == "vat" else ""] += each.amount
    return {key: amount for key, amount in found.items() if amount}


def _is_vat_of_food(booking: Booking) -> bool:
    return booking.purpose.role == "vat" and booking.purpose.group == "food"
