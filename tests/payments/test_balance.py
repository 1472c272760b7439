"""What of an order is paid and owed, and where its payments contradict its shop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from bson import Decimal128

from pos_api.orders.model import Order
from pos_api.payments.balance import Balance, Provider, balance, names_kind
from pos_api.payments.model import Payment, order_key_by_transaction

PAID_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = PAID_AT + timedelta(hours=1)
PROVIDERS = {"pay": Provider("stripe")}


def _order(total: str = "100.00", **more: Any) -> Order:
    fields = {
        "_id": "default:1",
        "store": "default",
        "stage": "open",
        "counts_as_sale": True,
        "currency": "SEK",
        "total": Decimal128(total),
        "received_at": PAID_AT,
        "paid_at": None,
    }
    return cast("Order", fields | more)


def _paid(total: str = "100.00", **more: Any) -> Order:
    return _order(total, paid_at=PAID_AT, payment_method="stripe_cc", payment_method_title="Card", **more)


def _payment(
    amount: str = "100.00", refunded: str = "0", tip: str = "0", status: str = "completed", **more: Any
) -> Payment:
    fields = {
        "_id": "pay:p1",
        "store": "pay",
        "status": status,
        "amount": Decimal128(amount),
        "refunded": Decimal128(refunded),
        "tip": Decimal128(tip),
        "currency": "SEK",
        "wanted": [],
    }
    return cast("Payment", fields | more)


def _balance(order: Order, *payments: Payment, at: datetime = LATER) -> Balance:
    return balance(order, payments, PROVIDERS, at)


def _paid_and_owed(order: Order, *payments: Payment) -> tuple[str, str]:
    found = _balance(order, *payments)
    return f"{found.paid:.2f}", f"{found.owed:.2f}"


def _codes(order: Order, *payments: Payment, at: datetime = LATER) -> list[str]:
    return [each.code for each in _balance(order, *payments, at=at).discrepancies]


def _refunded(amount: str) -> dict[str, Any]:
    return {"refunds": [{"amount": Decimal128(amount)}]}


@pytest.mark.parametrize(
    ("order", "payments", "expected"),
    [
        (_order(), [], ("0.00", "100.00")),
        (_order(), [_payment()], ("100.00", "0.00")),
        (_order(), [_payment("60.00")], ("60.00", "40.00")),
        (_order(), [_payment("60.00"), _payment("40.00")], ("100.00", "0.00")),
        (_order(), [_payment("110.00", tip="10.00")], ("100.00", "0.00")),
        (_order(), [_payment("110.00", "110.00", "10.00", "refunded")], ("0.00", "100.00")),
        (_order(**_refunded("30.00")), [_payment(refunded="30.00", status="partially_refunded")], ("70.00", "0.00")),
        (_order(), [_payment(status="failed"), _payment(status="canceled")], ("0.00", "100.00")),
        (_paid(), [_payment(status="failed")], ("100.00", "0.00")),
        (_paid(), [_payment(status="unverified")], ("0.00", "100.00")),
        (_paid(), [], ("100.00", "0.00")),
        (_paid(**_refunded("30.00")), [], ("70.00", "0.00")),
        (_order(stage="completed", completed_at=PAID_AT), [], ("100.00", "0.00")),
        (_order(), [_payment("120.00")], ("120.00", "0.00")),
        (_order(), [_payment(currency="EUR")], ("0.00", "100.00")),
        (_order(), [_payment(currency="sek")], ("100.00", "0.00")),
        (_paid(stage="cancelled", counts_as_sale=False), [], ("0.00", "0.00")),
        (_order(stage="closed", counts_as_sale=False), [], ("0.00", "0.00")),
        (_order(counts_as_sale=False), [], ("0.00", "100.00")),
        (_order(counts_as_sale=False, tab="tab_1"), [], ("0.00", "0.00")),
        (_order(deleted_at=PAID_AT), [], ("0.00", "0.00")),
    ],
)
def test_paid_and_owed(order: Order, payments: list[Payment], expected: tuple[str, str]) -> None:
    assert _paid_and_owed(order, *payments) == expected


def test_a_tip_that_was_paid_back_is_not_owed() -> None:
    sale = _order(store="pay", tip=Decimal128("0.00"))
    assert _paid_and_owed(sale, _payment("110.00", "10.00", "10.00", "partially_refunded")) == ("100.00", "0.00")
    sale = _order(store="pay", tip=Decimal128("10.00"), **_refunded("30.00"))
    assert _paid_and_owed(sale, _payment("110.00", "30.00", "10.00", "partially_refunded")) == ("70.00", "0.00")
    sale = _order(store="pay", tip=Decimal128("0"), **_refunded("100.00"))
    assert _paid_and_owed(sale, _payment("110.00", "110.00", "10.00", "refunded")) == ("0.00", "0.00")


def test_a_claim_at_another_provider_takes_nothing_from_what_the_shop_calls_paid() -> None:
    """Anyone can claim a payment, of any order, at a provider whose webhooks are not signed."""
    providers = {**PROVIDERS, "coins": Provider("kasperopay")}
    claim = _payment(_id="coins:p1", store="coins", status="unverified")
    for method, paid in (("stripe_cc", "100.00"), ("cod", "100.00"), ("", "100.00"), ("kasperopay", "0.00")):
        order = _order(paid_at=PAID_AT, payment_method=method)
        found = balance(order, [claim], providers, LATER)
        assert f"{found.paid:.2f}" == paid, method
    assert _paid_and_owed(_order(), claim) == ("0.00", "100.00")


def test_a_sale_on_credit_is_owed_until_it_is_paid() -> None:
    assert _paid_and_owed(_order(stage="completed")) == ("0.00", "100.00")


def test_a_payment_that_never_came_is_a_discrepancy_after_an_hour() -> None:
    assert _codes(_paid(), at=LATER - timedelta(seconds=1)) == []
    assert _codes(_paid()) == ["payment_missing"]
    assert _codes(_paid(), _payment(status="failed")) == ["payment_missing"]
    assert _codes(_paid(), _payment(status="unverified")) == ["payment_missing"]
    assert _codes(_paid(), _payment()) == []
    by_transfer = _order(paid_at=PAID_AT, payment_method="bacs")
    failed = _payment(status="failed", wanted=[order_key_by_transaction("default", "pi_1")])
    assert _codes(by_transfer, failed) == [], "it was paid in another way after that one had failed"
    assert _codes(cast("Order", {**by_transfer, "transaction_id": "pi_1"}), failed) == ["payment_missing"]
    assert _balance(_paid()).discrepancies[0].message == (
        "The shop calls the order paid by Card, and no payment of it has come."
    )


def test_no_payment_is_missed_that_none_could_have_come_of() -> None:
    assert _codes(_order()) == [], "it is not paid"
    assert _codes(_order(paid_at=PAID_AT, payment_method="cod")) == [], "it was paid in another way"
    assert _codes(_paid("0.00")) == [], "it costs nothing"
    assert _codes(_paid(test_mode=True)) == [], "it was paid in test mode"
    assert _codes(_paid(parent="default:9")) == [], "the order that it is part of is paid"
    assert balance(_paid(), [], {}, LATER).discrepancies == (), "nobody takes payments for the shop"
    newer = {"pay": Provider("stripe", PAID_AT + timedelta(seconds=1))}
    assert balance(_paid(), [], newer, LATER).discrepancies == (), "it was paid before the provider was known here"


def test_a_payment_that_came_twice() -> None:
    assert _codes(_paid(), _payment(), _payment()) == ["paid_twice"]
    assert _codes(_order(), _payment(), _payment()) == ["paid_twice"]
    assert _codes(_paid(), _payment("60.00"), _payment("40.00")) == [], "two halves"
    assert _codes(_paid(), _payment("100.00", "100.00", status="refunded"), _payment()) == [], "one was paid back"
    half_back = _payment("100.00", "50.00", status="partially_refunded")
    assert _codes(_paid(), half_back, _payment("50.00")) == [], "a half was paid back, and paid again"


def test_a_payment_that_the_app_and_its_provider_both_report_is_one() -> None:
    sale = _paid(store="bar", _id="bar:1", transaction_id="pi_1", tip=Decimal128("20.00"))
    of_app = _payment("120.00", tip="20.00", store="bar", _id="bar:1", reference="pi_1", external_id="1")
    of_provider = _payment("120.00", external_id="pi_1", reference="ch_1")
    for payments in ((of_app, of_provider), (of_provider, of_app)):
        assert _paid_and_owed(sale, *payments) == ("100.00", "0.00")
        assert _codes(sale, *payments) == []
    assert _codes(sale, of_app, {**of_provider, "external_id": "pi_2"}) == ["paid_twice"]


def test_a_payment_of_another_amount() -> None:
    assert _codes(_paid(), _payment("90.00")) == ["payment_amount"]
    assert _codes(_paid(), _payment("110.00")) == ["payment_amount"]
    assert _codes(_paid(), _payment("110.00", tip="10.00")) == []
    assert _codes(_paid("110.00"), _payment("110.00", tip="10.00")) == [], "the shop's total has the tip in it"
    assert _codes(_paid(**_refunded("100.00")), _payment(refunded="100.00", status="refunded")) == []
    assert _codes(_order(), _payment("90.00")) == [], "more may come"


def test_what_was_paid_back_at_the_provider_alone_is_a_discrepancy_at_once() -> None:
    part_back = _payment(refunded="25.00", status="partially_refunded")
    found = _balance(_paid(), part_back, at=PAID_AT).discrepancies
    assert [(each.code, each.message) for each in found] == [
        ("refund_at_provider_only", "25.00 SEK was paid back at pay, of which the shop knows 0.00.")
    ]
    [found_of_more] = _balance(_paid(**_refunded("10.00")), part_back).discrepancies
    assert found_of_more.message == "25.00 SEK was paid back at pay, of which the shop knows 10.00."
    all_back = _payment(refunded="100.00", status="refunded")
    assert _codes(_paid(), all_back) == ["refund_at_provider_only"]
    assert _codes(_paid(), all_back, _payment(_id="pay:p2", refunded="25.00")) == ["refund_at_provider_only"]


def test_what_was_paid_back_is_no_discrepancy_where_the_shop_knows_it_or_nothing_is_due() -> None:
    part_back = _payment(refunded="25.00", status="partially_refunded")
    all_back = _payment(refunded="100.00", status="refunded")
    assert _codes(_paid(**_refunded("25.00")), part_back) == []
    assert _codes(_paid(stage="refunded"), all_back) == []
    assert _codes(_paid(stage="cancelled", counts_as_sale=False), all_back) == []
    assert _codes(_paid(deleted_at=PAID_AT), all_back) == []
    assert _codes(_paid(), all_back, _payment(_id="pay:p2")) == [], "it was paid twice, and one was paid back"
    assert _codes(_paid(store="pay"), part_back) == [], "its own store reports it"
    with_tip = _payment("110.00", "110.00", "10.00", "refunded")
    assert _codes(_paid("110.00", **_refunded("100.00")), with_tip) == [], "the tip was paid back with it"


@pytest.mark.parametrize(("total", "expected"), [("100.00", "0.00"), ("1500", "0"), ("1.250", "0.000")])
def test_what_is_paid_and_owed_has_the_decimals_of_the_total(total: str, expected: str) -> None:
    assert [str(_balance(_order(total)).paid), str(_balance(_order(total), _payment(total)).owed)] == [expected] * 2
    cancelled = _balance(_paid(total, stage="cancelled", counts_as_sale=False), _payment(total))
    assert str(cancelled.paid) == total
    assert [each.message for each in cancelled.discrepancies] == [f"{total} is paid, and {expected} is due."]


def test_a_payment_in_another_currency_does_not_count() -> None:
    assert _codes(_order(), _payment(currency="EUR")) == ["payment_currency"]
    assert _codes(_paid(), _payment(currency="EUR")) == ["payment_currency"]


def test_what_is_paid_too_much_is_a_discrepancy_once_the_order_rests() -> None:
    cancelled = _paid(stage="cancelled", counts_as_sale=False)
    assert _codes(cancelled, _payment()) == ["overpaid"]
    assert _codes(cancelled, _payment(), at=LATER - timedelta(seconds=1)) == []
    assert _codes(_paid(**_refunded("30.00")), _payment()) == ["overpaid"]
    assert _balance(cancelled, _payment()).owed == Decimal(0)


@pytest.mark.parametrize(
    ("method", "kind", "expected"),
    [("stripe_cc", "stripe", True), ("Stripe", "stripe", True), ("woo-stripe", "stripe", False), ("cod", "", False)],
)
def test_a_payment_method_is_one_of_a_kind_by_its_letters(method: str, kind: str, expected: bool) -> None:
    assert names_kind(method, kind) is expected
