"""What PaymentKit's events come to: amounts as text in the smallest unit of a currency or a token, exactly."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from pos_api.errors import Invalid
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.payment_provider.translate import Currency
from pos_api.senders.paymentkit.sender import PaymentKit, currency_of
from pos_api.stores.model import Store
from pos_api.subscriptions.model import SubscriptionUpdate
from tests.senders.paymentkit.events import DOLLAR, TOKEN, event, intent, invoice, refund, session, subscription
from tests.senders.provider_stores import amounts, come_to, moment, payment

_SENDER = PaymentKit()
_STORE = Store("kit-1", "kit-1", "paymentkit", settings={"orders_of": "north"})


def _payment(*events: Any, thing: str = "payment:pi_1") -> PaymentUpdate:
    return payment(_SENDER, _STORE, events, thing)


def test_a_succeeded_intent_is_a_payment_of_the_orders_of_the_store_that_is_named() -> None:
    update = _payment(event("payment_intent.succeeded", intent(amount_details={"tip": "150"})))
    assert amounts(update) == ("completed", "20.00", "0", "USD")
    assert (str(update.tip), update.method, update.paid_at) == ("1.50", "arcblock", moment(0))
    assert update.wanted == ("north:order:4711", "north:transaction:pi_1")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"currency": "usd"}, Currency("USD", 2)),
        ({"currency": "JPY"}, Currency("JPY", 0)),
        ({"currency": "kwd"}, Currency("KWD", 3)),
        ({"currency": DOLLAR}, Currency("USD", 2)),
        ({"paymentCurrency": TOKEN}, Currency("ABT", 18)),
        ({"payment_currency": TOKEN, "currency": None}, Currency("ABT", 18)),
        ({"currency": "abt", "paymentCurrency": TOKEN}, Currency("ABT", 18)),
        ({"currency": "USD", "paymentCurrency": {**DOLLAR, "decimal": 6}}, Currency("USD", 2)),
        ({"paymentCurrency": {**DOLLAR, "decimal": 6}}, Currency("USD", 6)),
    ],
)
def test_the_currency_is_its_code_or_stands_whole_with_its_decimals(shown: Any, expected: Currency) -> None:
    assert currency_of(shown) == expected


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"currency_id": "pc_1"},
        {"currency": ""},
        {"currency": "ABT"},
        {"currency": "ABT", "paymentCurrency": DOLLAR},
        {"paymentCurrency": {"symbol": "ABT"}},
        {"paymentCurrency": {"symbol": "ABT", "decimal": 19}},
        {"paymentCurrency": {"symbol": "ABT", "decimal": -1}},
        {"paymentCurrency": {"symbol": "ABT", "decimal": ""}},
        {"paymentCurrency": {"decimal": 2}},
    ],
)
def test_what_gives_no_currency_can_not_be_used(shown: Any) -> None:
    with pytest.raises(ValueError, match=r"is required|known|decimals"):
        currency_of(shown)
    given = {name: value for name, value in intent().items() if name != "paymentCurrency"}
    with pytest.raises(Invalid) as raised:
        come_to(_SENDER, _STORE, [event("payment_intent.succeeded", {**given, **shown})])
    assert list(raised.value.details) == ["data.object.currency"]


def test_an_amount_of_a_token_is_exact_to_its_last_decimal() -> None:
    token = intent(amount_received="123456789012345678901", paymentCurrency=TOKEN)
    assert amounts(_payment(event("payment_intent.succeeded", token)))[1::2] == ("123.456789012345678901", "ABT")


@pytest.mark.parametrize("received", ["0", 0, "", None])
def test_a_payment_that_succeeded_is_of_its_amount_where_what_was_received_is_not_said(received: Any) -> None:
    events = [
        event("payment_intent.succeeded", intent(amount="1505", amount_received=received)),
        event("refund.succeeded", refund(1, "505", made=0)),
    ]
    assert amounts(_payment(*events))[:3] == ("partially_refunded", "15.05", "5.05")


def test_what_was_paid_back_of_a_token_is_exact_too() -> None:
    token: dict[str, Any] = {"paymentCurrency": TOKEN}
    events = [
        event("payment_intent.succeeded", intent(amount_received="3" * 33, **token)),
        event("refund.succeeded", refund(1, "1" * 33, **token)),
        event("refund.succeeded", refund(2, "1" * 32 + "0", **token)),
    ]
    assert amounts(_payment(*events))[1:3] == (f"{'3' * 15}.{'3' * 18}", f"{'2' * 15}.{'2' * 17}1")


def test_only_a_refund_that_was_made_counts_and_a_stake_given_back_is_none() -> None:
    paid = event("payment_intent.succeeded", intent())
    events = [
        event("refund.created", refund(1, "500", "pending", made=60), after=60),
        event("refund.succeeded", refund(1, "500", made=60), after=90),
        event("refund.created", refund(2, "300", "pending", made=61), after=61),
        event("refund.canceled", refund(3, "200", "canceled", made=61), after=62),
        event("refund.succeeded", refund(4, "2000", type="stake_return"), after=63),
    ]
    for order in itertools.permutations([paid, *events]):
        assert amounts(_payment(*order)) == ("partially_refunded", "20.00", "5.00", "USD")


def test_session_invoice_and_intent_count_once() -> None:
    events = [
        event("checkout.session.completed", session()),
        event("invoice.paid", invoice()),
        event("payment_intent.succeeded", intent()),
    ]
    for order in itertools.permutations(events):
        ended = come_to(_SENDER, _STORE, order)
        assert list(ended) == ["payment:pi_1"]
        update = _payment(*order)
        assert amounts(update) == ("completed", "20.00", "0", "USD")
        assert update.wanted[:2] == ("north:order:4711", "north:order:4712")


def test_who_paid_is_not_kept() -> None:
    paid_with = {"arcblock": {"tx_hash": "A1B2", "payer": "z1gSq6ULM6RexampleOfAnna", "type": "transfer"}}
    shown = intent(payment_details=paid_with, customer_did="z1gSq6ULM6RexampleOfAnna")
    kept = _SENDER.kept_body(json.dumps(event("payment_intent.succeeded", shown)).encode()).decode()
    assert "Anna" not in kept
    assert "anna@" not in kept
    assert json.loads(kept)["data"]["object"]["payment_details"]["arcblock"]["tx_hash"] == "A1B2"


def test_a_subscription_has_its_newest_state() -> None:
    events = [
        event("customer.subscription.created", subscription("incomplete")),
        event("customer.subscription.started", subscription("active"), after=5),
        event("customer.subscription.renew_failed", subscription("past_due"), after=100),
        event("customer.subscription.recovered", subscription("active"), after=200),
    ]
    for order in itertools.permutations(events):
        found = come_to(_SENDER, _STORE, order)["subscription:sub_1"]
        assert isinstance(found, SubscriptionUpdate)
        assert (found.status, found.customer, found.current_period_end) == ("active", "cus_1", moment(30 * 86400))
        assert [step["status"] for step in found.history] == ["incomplete", "active", "past_due", "active"]
