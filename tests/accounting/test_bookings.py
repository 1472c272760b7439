"""What orders, payments and cash mean in the books: balanced, to the cent, on the right day, and as figures say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128

from pos_api.accounting.bookings import bookings_of, bookings_of_payment, bookings_of_session, is_sale
from pos_api.accounting.model import Booking, Refused, Rules
from pos_api.cash.expected_cash import ExpectedCash
from pos_api.figures.measures import AMOUNTS, RATE, Rollup
from pos_api.orders.model import Order
from pos_api.payments.model import PaymentUpdate
from tests.accounting.histories import (
    APP,
    ARRIVED,
    PAID_AT_STRIPE,
    RECORDINGS,
    TILL,
    booked,
    by_day,
    karma,
    kaynko,
    order_of,
    payments_of,
    recorded,
    rules,
    shop_order,
    stored,
    sums,
)
from tests.senders.karma.app import line, purchase, refund
from tests.senders.kaynko.till import SAMPLE_SALE, debt, item, sale, void


def figures_of(order: Order) -> dict[str, Decimal]:
    """What figures say of an order."""
    rollup = Rollup()
    if is_sale(order):
        rollup.add(dict(order))
    return dict(zip(AMOUNTS, rollup.amounts, strict=True))


def taxes_of(order: Order) -> dict[str, Decimal]:
    rollup = Rollup()
    if is_sale(order):
        rollup.add(dict(order))
    found: dict[str, Decimal] = {}
    for (of, key), (_, _, amount) in rollup.rows.items():
        if of == RATE:
            rate = f"{Decimal(key[2]).normalize():f}"
            found[rate] = found.get(rate, Decimal(0)) + amount
    return {rate: amount for rate, amount in found.items() if amount}


def assert_ties_out(order: Order, bookings: Sequence[Booking]) -> None:
    """Entries and figures say the same of an order, to the cent."""
    known, found = figures_of(order), sums(bookings)
    of = {
        role: -sum((amount for name, amount in found.items() if name.split()[0] in role.split()), Decimal(0))
        for role in ("revenue fee rounding", "shipping", "vat", "tip")
    }
    assert of["revenue fee rounding"] == known["net_revenue"]
    assert of["shipping"] == known["shipping"]
    assert of["vat"] == known["taxes"]
    assert of["tip"] == known["tips"]
    assert {name.partition(" ")[2]: -amount for name, amount in found.items() if name.startswith("vat ")} == taxes_of(
        order
    )


def assert_balanced(bookings: Sequence[Booking]) -> None:
    for day, currency in {(each.day, each.currency) for each in bookings}:
        assert not sum(each.amount for each in bookings if (each.day, each.currency) == (day, currency))


@pytest.mark.parametrize("native", [False, True], ids=["plugin", "native"])
@pytest.mark.parametrize("recording", RECORDINGS, ids=[each["name"] for each in RECORDINGS])
def test_each_step_of_a_recorded_order_is_balanced_and_ties_out(recording: dict[str, Any], native: bool) -> None:
    for order in recorded(recording, native):
        bookings = bookings_of(order, (), rules())
        assert_balanced(bookings)
        assert_ties_out(order, bookings)


def _recording(name: str) -> list[Order]:
    [found] = [each for each in RECORDINGS if each["name"] == name]
    return recorded(found)


def test_coupons_fees_shipping_and_three_rates() -> None:
    order = _recording("coupon-fee-shipping")[-1]
    assert by_day(bookings_of(order, (), rules())) == {
        "2026-11-22": {
            "payment cod": "593.04",
            "revenue 12": "-94.50",
            "revenue 25": "-179.91",
            "revenue 6": "-160.20",
            "shipping 25": "-49.00",
            "fee 25": "-25.00",
            "vat 12": "-11.34",
            "vat 25": "-63.48",
            "vat 6": "-9.61",
        }
    }


def test_a_refund_in_full_gives_back_everything_whatever_its_lines_say() -> None:
    order = _recording("full-refund-no-restock")[-1]
    assert order["refunds"][0]["line_items"][0]["total_tax"] == Decimal128("0.00")
    assert not sums(bookings_of(order, (), rules()))
    refunded = [each for each in bookings_of(order, (), rules()) if each.event.startswith("refund")]
    assert {name: f"{amount:f}" for name, amount in sums(refunded).items()} == {
        "revenue 12": "290.00",
        "vat 12": "34.80",
        "under_way": "-324.80",
    }


NEXT_DAY = "2026-01-26T12:00:00.000Z"


def test_the_sample_of_karma() -> None:
    assert by_day(booked(karma(purchase()), APP)) == {
        "2026-01-25": {
            "payment stripe": "165.00",
            "revenue 12": "-129.40",
            "vat 12": "-15.60",
            "tip": "-20.00",
        }
    }


def test_a_purchase_paid_back_with_its_tip() -> None:
    back = refund([line(1, -14500, vat=-1560), line(2, -2000, 0, 0, type="tip")])
    state = karma(purchase(), {**back, "timestamp": NEXT_DAY})
    assert by_day(booked(state, APP)) == {
        "2026-01-25": {"payment stripe": "165.00", "revenue 12": "-129.40", "vat 12": "-15.60", "tip": "-20.00"},
        "2026-01-26": {"payment stripe": "-165.00", "revenue 12": "129.40", "vat 12": "15.60", "tip": "20.00"},
    }


def test_a_part_of_a_purchase_paid_back_without_its_tip() -> None:
    state = karma(purchase(), {**refund([line(1, -4500, vat=-400)]), "timestamp": NEXT_DAY})
    assert by_day(booked(state, APP))["2026-01-26"] == {
        "payment stripe": "-45.00",
        "revenue 12": "41.00",
        "vat 12": "4.00",
    }


def test_the_sample_of_a_till() -> None:
    assert by_day(booked(kaynko(SAMPLE_SALE), TILL)) == {"2026-06-11": {"payment cash": "15.50", "revenue 0": "-15.50"}}


@pytest.mark.parametrize(
    ("total", "vat", "expected"),
    [
        (12.5, 2.5, {"revenue 25": "-10.00", "vat 25": "-2.50"}),
        (11.2, 1.2, {"revenue 12": "-10.00", "vat 12": "-1.20"}),
        (11.16, 1.16, {"revenue": "-10.00", "vat": "-1.16"}),  # no rate that is known, as VAT of 16 %
    ],
)
def test_vat_of_a_till_is_of_the_rate_that_fits(total: float, vat: float, expected: dict[str, str]) -> None:
    [day] = by_day(booked(kaynko(sale(1, item("A"), total=total, vatAmount=vat)), TILL)).values()
    assert day == {"payment cash": f"{total:.2f}", **expected}


def test_product_groups_of_a_till_share_what_was_paid() -> None:
    state = kaynko(sale(1, item("A", lineTotal=1.0), item("B", lineTotal=2.0), total=12.5, vatAmount=2.5))
    of = rules(TILL, group_of=lambda line: {"B": "books"}.get(line["sku"], ""))
    assert by_day(bookings_of(order_of(state), payments_of(state), of))["2026-06-11"] == {
        "payment cash": "12.50",
        "revenue 25": "-3.33",
        "revenue 25 books": "-6.67",
        "vat 25": "-0.83",
        "vat 25 books": "-1.67",
    }


def test_a_sale_on_credit_is_owed_and_its_debt_paid_later() -> None:
    sold = booked(kaynko(sale(1, item("A"), paymentMethod="credit", total=10.0)), TILL)
    assert by_day(sold) == {"2026-06-11": {"receivable": "10.00", "revenue 0": "-10.00"}}
    [payment] = payments_of(kaynko({**debt(7, 4.0), "timestamp": "2026-06-13T10:00:00.000Z"}))
    assert by_day(bookings_of_payment(payment, rules(TILL))) == {
        "2026-06-13": {"payment cash": "4.00", "receivable": "-4.00"}
    }


def test_a_void_undoes_the_sale_and_takes_the_cash_out_on_its_own_day() -> None:
    state = kaynko(sale(1, item("A"), total=10.0), void(1, total=10.0, voidedAt="2026-06-13T10:00:00.000Z"))
    assert by_day(booked(state, TILL)) == {
        "2026-06-11": {"payment cash": "10.00", "under_way": "-10.00"},
        "2026-06-13": {"payment cash": "-10.00", "under_way": "10.00"},
    }


def test_vat_of_a_product_group_is_what_its_lines_say_also_of_a_refund() -> None:
    goods = [
        {"id": 1, "sku": "A", "quantity": 1, "total": "80.00", "total_tax": "20.00"},
        {"id": 2, "sku": "B", "quantity": 1, "total": "20.00", "total_tax": "5.00"},
    ]
    back = {"quantity": -1, "total": "-20.00", "total_tax": "-5.00", "taxes": [{"id": 1, "total": "-5.00"}]}
    refund = {
        "id": 9,
        "amount": "25.00",
        "date_created_gmt": "2026-11-24T11:00:00",
        "line_items": [{"id": 10, "sku": "B", **back, "meta_data": [{"key": "_refunded_item_id", "value": "2"}]}],
    }
    order = shop_order(row(line_items=goods, refunds=[refund]))
    days = by_day(bookings_of(order, (), rules(group_of=lambda line: {"B": "books"}.get(line["sku"], ""))))
    of_vat = {
        day: {name: amount for name, amount in each.items() if name.startswith("vat")} for day, each in days.items()
    }
    assert of_vat["2026-11-21"] == {"vat 25": "-20.00", "vat 25 books": "-5.00"}
    assert of_vat["2026-11-24"] == {"vat 25 books": "5.00"}


# --- shops and their providers ----------------------------------------------------------------------------------


def row(**more: Any) -> dict[str, Any]:
    """An order of 100.00 and 25 % of VAT, made on 20 November and paid the day after."""
    return {
        "id": 1,
        "number": "1",
        "status": "processing",
        "currency": "SEK",
        "total": "125.00",
        "total_tax": "25.00",
        "payment_method": "stripe_cc",
        "date_created": "2026-11-20T12:00:00",
        "date_created_gmt": "2026-11-20T11:00:00",
        "date_modified_gmt": "2026-11-22T11:00:00",
        "date_paid_gmt": "2026-11-21T11:00:00",
        "line_items": [{"id": 1, "sku": "A", "quantity": 1, "total": "100.00", "total_tax": "25.00"}],
        "tax_lines": [{"rate_id": 1, "rate_percent": 25, "tax_total": "25.00", "shipping_tax_total": "0.00"}],
        "shipping_lines": [],
        "fee_lines": [],
        "refunds": [],
        **more,
    }


def payment(amount: str = "125.00", day: int = 21, **more: Any) -> Any:
    """A payment at the provider."""
    at = datetime(2026, 11, day, 12, tzinfo=UTC)
    said = {"status": "completed", "paid_at": at, "order": "default:1", "method": "card", **more}
    name = said.pop("name", "p1")
    return stored(
        PaymentUpdate(
            "pay", name, 1, "c", ARRIVED, amount=Decimal128(amount), currency=said.pop("currency", "SEK"), **said
        )
    )


SALE = {"revenue 25": "-100.00", "vat 25": "-25.00"}


def test_a_payment_that_comes_days_later_is_under_way_until_then() -> None:
    order = shop_order(row())
    assert by_day(bookings_of(order, (), PAID_AT_STRIPE)) == {"2026-11-21": {"under_way": "125.00", **SALE}}
    assert by_day(bookings_of(order, (payment(day=24),), PAID_AT_STRIPE)) == {
        "2026-11-21": {"under_way": "125.00", **SALE},
        "2026-11-24": {"payment card stripe": "125.00", "under_way": "-125.00"},
    }


def test_an_order_that_is_not_paid_is_owed_since_the_day_it_was_made() -> None:
    order = shop_order(row(status="on-hold", date_paid_gmt=None, payment_method="bacs"))
    assert by_day(bookings_of(order, (), PAID_AT_STRIPE)) == {"2026-11-20": {"receivable": "125.00", **SALE}}
    paid = payment("60.00", day=23)
    assert by_day(bookings_of(order, (paid,), PAID_AT_STRIPE))["2026-11-23"] == {
        "payment card stripe": "60.00",
        "receivable": "-60.00",
    }


def test_a_tip_at_a_provider_is_owed_to_the_staff() -> None:
    assert by_day(bookings_of(shop_order(row()), (payment("135.00", tip=Decimal128("10.00")),), PAID_AT_STRIPE)) == {
        "2026-11-21": {"payment card stripe": "135.00", "tip": "-10.00", **SALE}
    }


def _refund(amount: str, **more: Any) -> dict[str, Any]:
    return {"id": 7, "total": f"-{amount}", **more}


def test_a_payment_is_paid_back_on_the_days_of_the_orders_refunds() -> None:
    refunds = [
        {"id": 7, "amount": "25.00", "date_created_gmt": "2026-11-23T11:00:00", "line_items": []},
        {"id": 8, "amount": "50.00", "date_created_gmt": "2026-11-25T11:00:00", "line_items": []},
    ]
    paid = payment(refunded=Decimal128("85.00"), status="partially_refunded")
    assert by_day(bookings_of(shop_order(row(refunds=refunds)), (paid,), PAID_AT_STRIPE)) == {
        "2026-11-21": {"payment card stripe": "125.00", **SALE},
        "2026-11-23": {"payment card stripe": "-25.00", "revenue 25": "25.00"},
        "2026-11-25": {"payment card stripe": "-50.00", "revenue 25": "50.00"},
        None: {"payment card stripe": "-10.00", "under_way": "10.00"},
    }


def test_a_refund_without_a_day_is_of_the_day_it_became_known() -> None:
    order = shop_order(row(payment_method="cod", refunds=[_refund("125.00")]))
    assert by_day(bookings_of(order, (), rules())) == {
        "2026-11-21": {"payment cod": "125.00", **SALE},
        None: {"payment cod": "-125.00", "revenue 25": "100.00", "vat 25": "25.00"},
    }


def test_a_refund_by_lines_gives_back_their_vat_and_the_rest_of_the_fees() -> None:
    order = shop_order(
        row(
            total="200.00",
            total_tax="40.00",
            shipping_total="50.00",
            fee_lines=[{"id": 3, "name": "Gift wrap", "total": "10.00", "total_tax": "2.50"}],
            shipping_lines=[{"id": 4, "total": "50.00", "total_tax": "12.50"}],
            tax_lines=[{"rate_id": 1, "rate_percent": "25.0000", "tax_total": "27.50", "shipping_tax_total": "12.50"}],
            payment_method="cod",
            refunds=[
                {
                    "id": 7,
                    "amount": "106.25",
                    "date_created_gmt": "2026-11-23T11:00:00",
                    "line_items": [
                        {
                            "quantity": -1,
                            "total": "-50.00",
                            "total_tax": "-12.50",
                            "taxes": [{"id": 1, "total": "-12.5"}],
                            "meta_data": [{"key": "_refunded_item_id", "value": "1"}],
                        }
                    ],
                    "shipping_lines": [
                        {"total": "-25.00", "total_tax": "-6.25", "taxes": [{"id": 1, "total": "-6.25"}]}
                    ],
                    "fee_lines": [{"total": "-10.00", "total_tax": "-2.50", "taxes": [{"id": 1, "total": "-2.5"}]}],
                }
            ],
        )
    )
    assert by_day(bookings_of(order, (), rules()))["2026-11-23"] == {
        "payment cod": "-106.25",
        "revenue 25": "50.00",
        "shipping 25": "25.00",
        "fee 25": "10.00",
        "vat 25": "21.25",
    }
    assert_ties_out(order, bookings_of(order, (), rules()))


def test_a_deleted_refund_leaves_nothing_behind() -> None:
    with_refund = shop_order(row(payment_method="cod", refunds=[_refund("20.00")]))
    without = shop_order(row(payment_method="cod", date_modified_gmt="2026-11-23T11:00:00"), with_refund)
    assert bookings_of(without, (), rules()) == bookings_of(shop_order(row(payment_method="cod")), (), rules())


def test_a_payment_of_no_order_and_one_in_another_currency_are_unmatched() -> None:
    alone = payment(order=None, wanted=("x",))
    assert by_day(bookings_of_payment(alone, PAID_AT_STRIPE)) == {
        "2026-11-21": {"payment card stripe": "125.00", "unmatched": "-125.00"}
    }
    dollars = payment("12.00", currency="usd", name="p2")
    found = bookings_of(shop_order(row()), (dollars,), PAID_AT_STRIPE)
    assert {name: f"{amount:f}" for name, amount in sums(b for b in found if b.currency == "USD").items()} == {
        "payment card stripe": "12.00",
        "unmatched": "-12.00",
    }


def test_payments_that_were_not_made_are_not_booked() -> None:
    for status in ("failed", "canceled", "unverified"):
        assert not [
            each
            for each in bookings_of(shop_order(row()), (payment(status=status),), PAID_AT_STRIPE)
            if each.purpose.role == "payment"
        ]
        assert not bookings_of_payment(payment(status=status), PAID_AT_STRIPE)


def test_a_payment_of_an_order_that_is_no_sale_is_under_way() -> None:
    order = shop_order(row(status="pending", date_paid_gmt=None))
    assert by_day(bookings_of(order, (payment(),), PAID_AT_STRIPE)) == {
        "2026-11-21": {"payment card stripe": "125.00", "under_way": "-125.00"}
    }


def test_orders_in_test_mode_deleted_and_sub_orders_are_no_sales() -> None:
    orders = (
        shop_order(row(meta_data=[{"key": "_wcpay_mode", "value": "test"}])),
        shop_order(row(parent_id=9)),
        shop_order(row(status="trash")),
    )
    assert [bookings_of(each, (), rules()) for each in orders] == [[], [], []]


# --- rounding, and what can't be booked -------------------------------------------------------------------------


@pytest.mark.parametrize("total", ["124.99", "125.01"])
def test_rounding_has_an_account_of_its_own(total: str) -> None:
    order = shop_order(row(total=total, payment_method="cod"))
    [day] = by_day(bookings_of(order, (), rules())).values()
    assert day == {"payment cod": total, **SALE, "rounding": "0.01" if total < "125" else "-0.01"}
    assert_ties_out(order, bookings_of(order, (), rules()))


def test_cash_is_rounded_to_whole_kronor() -> None:
    lines = [{"id": 1, "sku": "A", "quantity": 1, "total": "99.70", "total_tax": "24.93"}]
    taxes = [{"rate_id": 1, "rate_percent": 25, "tax_total": "24.93", "shipping_tax_total": "0"}]
    order = shop_order(row(total="125.00", total_tax="24.93", line_items=lines, tax_lines=taxes))
    assert sums(bookings_of(order, (), rules()))["rounding"] == Decimal("-0.37")


def test_vat_that_no_tax_line_has_is_of_no_rate_that_is_known() -> None:
    taxes = [{"rate_id": 1, "rate_percent": 25, "tax_total": "20.00", "shipping_tax_total": "0.00"}]
    order = shop_order(row(tax_lines=taxes, payment_method="cod"))
    [day] = by_day(bookings_of(order, (), rules())).values()
    assert day == {"payment cod": "125.00", "revenue 25": "-100.00", "vat": "-5.00", "vat 25": "-20.00"}


def test_what_lines_and_total_contradict_is_refused_with_the_reason() -> None:
    with pytest.raises(Refused, match=r"Its lines and its VAT add up to 125\.00, and its total is 99\.90\."):
        bookings_of(shop_order(row(total="99.90")), (), rules())


def test_taxes_kept_unrounded_are_booked_in_cents() -> None:
    lines = [
        {"id": n, "sku": "A", "quantity": 1, "total": "7.1964", "total_tax": "1.7991", "tax_class": ""}
        for n in (1, 2, 3)
    ]
    taxes = [{"rate_id": 1, "rate_percent": 25, "tax_total": "5.3973", "shipping_tax_total": "0"}]
    order = shop_order(
        row(total="26.9865", total_tax="5.3973", line_items=lines, tax_lines=taxes, payment_method="cod")
    )
    [day] = by_day(bookings_of(order, (), rules())).values()
    assert day == {"payment cod": "26.99", "revenue 25": "-21.59", "vat 25": "-5.40"}


def test_a_session_with_cash_missing() -> None:
    session: Any = {"_id": "till-1:1", "store": "till-1", "closed_at": datetime(2026, 6, 11, 23, tzinfo=UTC)}
    expected = ExpectedCash(Decimal("100"), Decimal(0), Decimal("-2.5"), "USD")
    assert by_day(bookings_of_session(session, expected, rules(TILL))) == {
        "2026-06-12": {"payment cash": "-2.50", "cash_difference": "2.50"}
    }
    unknown = ExpectedCash(Decimal("100"), Decimal(0), Decimal("-2.5"), "")
    with pytest.raises(Refused, match="currency"):
        bookings_of_session(session, unknown, Rules(TILL.local_day))


def _amounts(order: Order, event: str) -> dict[str, str]:
    found = [each for each in bookings_of(order, (), rules()) if each.event == event]
    return {name: f"{amount:f}" for name, amount in sums(found).items()}


_RATE_25 = {"rate_id": 1, "rate_percent": "25"}


def test_an_amount_paid_back_of_an_order_with_free_goods_is_not_of_shipping_as_in_figures() -> None:
    order = shop_order(
        row(
            total="61.25",
            total_tax="12.25",
            shipping_total="49.00",
            shipping_tax="12.25",
            line_items=[{"id": 1, "sku": "A", "quantity": 1, "total": "0", "total_tax": "0", "tax_class": ""}],
            shipping_lines=[{"id": 2, "total": "49.00", "total_tax": "12.25"}],
            tax_lines=[{**_RATE_25, "tax_total": "0", "shipping_tax_total": "12.25"}],
            refunds=[{"id": 7, "amount": "10.00", "line_items": []}],
        )
    )
    assert _amounts(order, "refund:7") == {"under_way": "-10.00", "revenue 25": "10.00"}
    assert_ties_out(order, bookings_of(order, (), rules()))


@pytest.mark.parametrize(
    ("refund", "expected"),
    [
        ({"amount": "60.00", "line_items": []}, {"under_way": "-60.00", "revenue 25": "60.00"}),
        (
            {"amount": "12.50", "line_items": [], "fee_lines": [{"id": 8, "total": "-10.00", "total_tax": "-2.50"}]},
            {"under_way": "-12.50", "fee 25": "10.00", "vat 25": "2.50"},
        ),
        (
            {"amount": "37.50", "line_items": [], "fee_lines": [{"id": 8, "total": "-10.00", "total_tax": "-2.50"}]},
            {"under_way": "-37.50", "fee 25": "10.00", "revenue 25": "25.00", "vat 25": "2.50"},
        ),
    ],
    ids=["an amount", "the fee", "the fee and more"],
)
def test_what_is_paid_back_of_fees_is_never_more_than_they_were(refund: Any, expected: dict[str, str]) -> None:
    for each in refund.get("fee_lines", ()):
        each["taxes"] = [{"id": 1, "total": "-2.50"}]
    order = shop_order(
        row(
            total="137.50",
            total_tax="27.50",
            line_items=[{"id": 1, "sku": "A", "quantity": 1, "total": "100", "total_tax": "25", "tax_class": ""}],
            fee_lines=[{"id": 2, "total": "10.00", "total_tax": "2.50"}],
            tax_lines=[{**_RATE_25, "tax_total": "27.50", "shipping_tax_total": "0"}],
            refunds=[{"id": 7, **refund}],
        )
    )
    assert _amounts(order, "refund:7") == expected
    assert_ties_out(order, bookings_of(order, (), rules()))


def test_the_tip_of_a_payment_that_is_paid_back_in_full_is_paid_back_too() -> None:
    refunds = [{"id": 7, "amount": "125.00", "line_items": [], "date_created_gmt": "2026-11-23T11:00:00"}]
    paid = payment("145.00", tip=Decimal128("20.00"), refunded=Decimal128("145.00"))
    found = by_day(bookings_of(shop_order(row(refunds=refunds)), [paid], PAID_AT_STRIPE))
    assert found["2026-11-23"] == {
        "payment card stripe": "-145.00",
        "tip": "20.00",
        "revenue 25": "100.00",
        "vat 25": "25.00",
    }
    assert not sums(bookings_of_payment(paid, PAID_AT_STRIPE)), "nor is anything left of one of no order"
    in_part = payment("145.00", tip=Decimal128("20.00"), refunded=Decimal128("125.00"))
    assert sums(bookings_of(shop_order(row(refunds=refunds)), [in_part], PAID_AT_STRIPE)) == {
        "payment card stripe": Decimal("20.00"),
        "tip": Decimal("-20.00"),
    }
