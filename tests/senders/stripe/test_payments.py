"""What Stripe's events come to: a payment is counted once, as it was in the end, in major units of its currency."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from pos_api.errors import Invalid
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.payment_provider import subscriptions
from pos_api.senders.payment_provider.subscriptions import SubscriptionThing
from pos_api.senders.reports import KnownReport, Reported
from pos_api.senders.stripe.sender import Stripe
from pos_api.stores.model import Store
from pos_api.subscriptions.model import SubscriptionUpdate
from tests.senders.provider_stores import amounts, come_to, moment, payment
from tests.senders.stripe.events import charge, event, intent, invoice, refund, session, subscription

_SENDER = Stripe()
_STORE = Store("stripe-1", "stripe-1", "stripe", settings={"orders_of": "default"})


def _payment(*events: Any, thing: str = "payment:pi_1") -> PaymentUpdate:
    return payment(_SENDER, _STORE, events, thing)


def test_a_succeeded_intent_is_a_payment_with_its_tip_its_method_and_the_ways_to_its_order() -> None:
    details = {"tip": {"amount": 1500}}
    update = _payment(event("payment_intent.succeeded", intent(amount_details=details)))
    assert amounts(update) == ("completed", "200.00", "0", "SEK")
    assert (str(update.tip), update.method, update.reference) == ("15.00", "card", "pi_1")
    assert update.paid_at == moment(0)
    assert update.wanted == (
        "default:order:4711",
        "default:transaction:ch_1",
        "default:transaction:pi_1",
    )


@pytest.mark.parametrize(
    ("currency", "minor", "expected"),
    [
        ("jpy", 500, "500"),
        ("kwd", 12340, "12.340"),
        ("eur", 1, "0.01"),
        ("isk", 500, "5.00"),  # without decimals, but Stripe sends two
        ("ugx", 500, "5.00"),
        ("mga", 500, "500"),  # with two decimals, but Stripe sends none
        ("huf", 1045, "10.45"),
        ("twd", 80045, "800.45"),
    ],
)
def test_amounts_are_in_major_units_as_stripe_counts_them(currency: str, minor: int, expected: str) -> None:
    shown = intent(currency=currency, amount=minor, amount_received=minor)
    assert amounts(_payment(event("payment_intent.succeeded", shown))) == (
        "completed",
        expected,
        "0",
        currency.upper(),
    )


def test_session_invoice_charge_and_intent_of_one_payment_count_once() -> None:
    events = [
        event("checkout.session.completed", session()),
        event("invoice.paid", invoice()),
        event("payment_intent.succeeded", intent()),
        event("charge.refunded", charge(5000), after=60),
    ]
    for some in itertools.chain.from_iterable(itertools.permutations(events, size) for size in (1, 2, 3, 4)):
        ended = come_to(_SENDER, _STORE, some)
        assert list(ended) == ["payment:pi_1"]
        assert str(ended["payment:pi_1"].amount) == "200.00"  # type: ignore[union-attr]


def test_an_invoice_or_a_session_that_names_no_payment_is_none_unless_it_was_paid_elsewhere() -> None:
    unpaid = [
        event("invoice.paid", invoice(payment_intent=None)),
        event("invoice.paid", invoice(payment_intent=None, amount_paid=0)),
        event("checkout.session.completed", session(payment_intent=None, mode="subscription")),
        event("checkout.session.completed", session(payment_intent=None, mode="setup", currency=None)),
    ]
    assert come_to(_SENDER, _STORE, unpaid) == {}
    elsewhere = event("invoice.paid", invoice(payment_intent=None, paid_out_of_band=True))
    assert amounts(_payment(elsewhere, thing="payment:in_1")) == ("completed", "200.00", "0", "SEK")


def test_an_invoice_of_a_newer_version_names_its_payment_in_its_list() -> None:
    paid = {"data": [{"status": "paid", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}
    update = _payment(event("invoice.paid", {**invoice(payments=paid), "payment_intent": None}))
    assert amounts(update) == ("completed", "200.00", "0", "SEK")


def test_an_unpaid_session_says_only_which_order_is_paid() -> None:
    events = [event("checkout.session.completed", session(payment_status="unpaid"))]
    assert come_to(_SENDER, _STORE, events) == {}
    update = _payment(*events, event("payment_intent.succeeded", intent(metadata={})))
    assert "default:order:4712" in update.wanted


def test_a_payment_that_failed_and_then_succeeded_is_completed_whatever_came_first() -> None:
    error = {"code": "card_declined", "decline_code": "insufficient_funds", "message": "of anna@example.se"}
    failed = event("payment_intent.payment_failed", intent(last_payment_error=error, amount_received=0))
    assert amounts(_payment(failed))[:3] == ("failed", "200.00", "0")
    assert _payment(failed).reason == "insufficient_funds"
    assert _payment(failed).paid_at is None
    succeeded = event("payment_intent.succeeded", intent(), after=90)
    for order in itertools.permutations([failed, succeeded]):
        assert (_payment(*order).status, _payment(*order).paid_at) == ("completed", moment(90))


def test_a_canceled_payment_stays_canceled_and_a_paid_one_paid() -> None:
    failed = event("payment_intent.payment_failed", intent(), after=5)
    canceled = event("payment_intent.canceled", intent(cancellation_reason="abandoned"), after=5)
    for order in itertools.permutations([failed, canceled]):
        assert (_payment(*order).status, _payment(*order).reason) == ("canceled", "abandoned")


_REFUNDS = {
    "one part": ([event("charge.refunded", charge(5000), after=60)], "50.00"),
    "in two parts": (
        [event("charge.refunded", charge(5000), after=60), event("charge.refunded", charge(20000), after=90)],
        "200.00",
    ),
    "by its objects alone": (
        [
            event("refund.created", refund(1, 5000, made=60), after=60),
            event("refund.created", refund(2, 1000, made=70), after=70),
        ],
        "60.00",
    ),
    "by both": (
        [
            event("refund.created", refund(1, 5000, made=60), after=60),
            event("charge.refunded", charge(5000), after=60),
            event("refund.created", refund(2, 1000, made=70), after=70),
        ],
        "60.00",
    ),
    "one that failed": (
        [
            event("refund.created", refund(1, 5000, "pending", made=60), after=60),
            event("charge.refunded", charge(5000), after=60),
            event("refund.failed", refund(1, 5000, "failed", made=60), after=600),
        ],
        "0",
    ),
    "one of two that failed": (
        [
            event("charge.refunded", charge(5000), after=60),
            event("charge.refunded", charge(6000), after=70),
            event("charge.refund.updated", refund(2, 1000, "failed", made=70), after=600),
        ],
        "50.00",
    ),
    "two of one second, the second by its object alone": (
        [
            event("charge.refunded", charge(5000), after=60),
            event("refund.created", refund(1, 5000, made=60), after=60),
            event("refund.created", refund(2, 1000, made=60), after=60),
        ],
        "60.00",
    ),
    "one that failed in the second in which it was made": (
        [
            event("refund.created", refund(1, 5000, "pending", made=60), after=60),
            event("refund.failed", refund(1, 5000, "failed", made=60), after=60),
        ],
        "0",
    ),
    "one that failed and was made again": (
        [
            event("charge.refunded", charge(5000), after=60),
            event("refund.failed", refund(1, 5000, "failed", made=60), after=600),
            event("charge.refunded", charge(5000, description="again"), after=700),
            event("refund.created", refund(2, 5000, made=700), after=700),
        ],
        "50.00",
    ),
}


@pytest.mark.parametrize("name", _REFUNDS)
def test_what_was_paid_back_is_the_same_in_any_order_of_arrival(name: str) -> None:
    events, expected = _REFUNDS[name]
    paid = event("payment_intent.succeeded", intent())
    for order in itertools.permutations([paid, *events]):
        update = _payment(*order, order[0])
        assert update.refunded.to_decimal() == float(expected), [each["type"] for each in order]
        statuses = {"0": "completed", "200.00": "refunded"}
        assert update.status == statuses.get(expected, "partially_refunded")
        assert update.amount.to_decimal() == 200


def test_a_refund_alone_waits_for_its_payment() -> None:
    refunded = event("refund.created", refund(1, 5000, made=60), after=60)
    assert come_to(_SENDER, _STORE, [refunded]) == {}
    assert amounts(_payment(refunded, event("payment_intent.succeeded", intent())))[2] == "50.00"


def test_a_charge_without_an_intent_is_a_payment_of_its_own() -> None:
    events = [
        event("charge.refunded", charge(5000, payment_intent=None), after=60),
        event("refund.updated", refund(1, 5000, made=60, payment_intent=None), after=61),
    ]
    update = _payment(*events, thing="payment:ch_1")
    assert amounts(update) == ("partially_refunded", "200.00", "50.00", "SEK")
    assert update.paid_at == moment(-1)


def test_a_delivery_again_under_a_new_id_changes_nothing() -> None:
    events = [event("payment_intent.succeeded", intent()), event("charge.refunded", charge(5000), after=60)]
    again = [{**each, "id": f"evt_again_{each['id']}", "pending_webhooks": 0} for each in events]
    assert come_to(_SENDER, _STORE, events) == come_to(_SENDER, _STORE, [*events, *again])


def test_a_payment_is_paid_when_its_first_event_says_so() -> None:
    events = [event("payment_intent.succeeded", intent()), event("payment_intent.succeeded", intent(), after=90)]
    for order in itertools.permutations(events):
        assert _payment(*order).paid_at == moment(0)


def test_events_of_the_other_mode_are_ignored_where_the_store_is_of_one() -> None:
    of_test = event("payment_intent.succeeded", intent(), livemode=False)
    live = Store("stripe-1", "stripe-1", "stripe", settings={"orders_of": "default", "livemode": True})
    assert come_to(_SENDER, live, [of_test]) == {}
    assert come_to(_SENDER, _STORE, [of_test])


@pytest.mark.parametrize(
    ("kind", "shown", "problem"),
    [
        ("payment_intent.succeeded", intent(currency=None), "currency"),
        ("payment_intent.succeeded", intent(currency="points"), "currency"),
        ("payment_intent.succeeded", intent(amount=None, amount_received=None), "amount_received"),
        ("payment_intent.succeeded", intent(amount_received="1.5"), "amount_received"),
        ("payment_intent.succeeded", intent(amount_received=-1), "amount_received"),
        ("payment_intent.succeeded", intent(id=None), "id"),
        ("payment_intent.succeeded", {}, "currency"),
        ("charge.refunded", charge(1, amount_refunded=None), "amount_refunded"),
        ("refund.created", refund(1, 1, payment_intent=None, charge=None), "payment_intent"),
        ("customer.subscription.updated", subscription(status=None), "status"),  # type: ignore[arg-type]
    ],
)
def test_what_can_not_be_known_for_sure_can_not_be_used(kind: str, shown: Any, problem: str) -> None:
    with pytest.raises(Invalid) as raised:
        come_to(_SENDER, _STORE, [event(kind, shown)])
    assert list(raised.value.details) == [f"data.object.{problem}"]


def test_a_thin_event_says_how_the_endpoint_must_be_set() -> None:
    thin = {"id": "evt_1", "object": "v2.core.event", "type": "v1.payment_intent.succeeded"}
    with pytest.raises(Invalid, match="Snapshot"):
        come_to(_SENDER, _STORE, [thin])


def test_an_odd_field_that_is_not_needed_costs_no_payment() -> None:
    odd = intent(
        amount_details=[1],
        metadata="none",
        latest_charge={"id": 7},
        payment_method_types={"0": "card"},
        last_payment_error="odd",
        charges={"data": "odd"},
    )
    assert amounts(_payment(event("payment_intent.succeeded", odd)))[:2] == ("completed", "200.00")


def test_personal_data_and_the_secrets_of_browsers_are_not_kept() -> None:
    for shown in (intent(), charge(1), session(), invoice()):
        body = json.dumps(event("any", shown), ensure_ascii=False).encode()
        kept = _SENDER.kept_body(body).decode()
        assert not any(each in kept for each in ("anna", "Anna", "secret_of", "Umeå", "4242"))
        assert json.loads(kept)["data"]["object"]["id"] == shown["id"]


def test_what_a_seller_wrote_of_a_person_into_meta_data_or_a_description_is_not_kept() -> None:
    meta = {
        "order_id": "1",
        "customerName": "Anna",
        "First Name": "Anna",
        "Email": "anna@example.se",
        "phone_number": "+46",
    }
    body = json.dumps(event("payment_intent.succeeded", intent(metadata=meta, description="Anna, +46"))).encode()
    kept = _SENDER.kept_body(body).decode()
    assert not any(each in kept for each in ("anna", "Anna", "+46"))
    assert _payment(json.loads(kept)).wanted[0] == "default:order:1"


def _subscription(*events: Any) -> SubscriptionUpdate:
    found = come_to(_SENDER, _STORE, events)["subscription:sub_1"]
    assert isinstance(found, SubscriptionUpdate)
    return found


def test_a_subscription_has_its_newest_state_and_its_history_in_any_order_of_arrival() -> None:
    events = [
        event("customer.subscription.created", subscription("incomplete")),
        event("customer.subscription.updated", subscription("active")),
        event("customer.subscription.updated", subscription("active", current_period_end=1), after=50),
        event("customer.subscription.updated", subscription("past_due"), after=100),
        event("customer.subscription.updated", subscription("active", cancel_at_period_end=True), after=200),
        event("customer.subscription.deleted", subscription("active"), after=200),
    ]
    expected = _subscription(*events)
    assert (expected.status, expected.customer, expected.at) == ("canceled", "cus_1", moment(0))
    assert expected.current_period_end == moment(30 * 86400)
    assert [step["status"] for step in expected.history] == ["incomplete", "active", "past_due", "active", "canceled"]
    assert [step["at"] for step in expected.history] == [moment(at) for at in (0, 0, 100, 200, 200)]
    for order in itertools.permutations(events):
        assert _subscription(*order) == expected


def test_of_a_subscription_that_changes_every_day_older_reports_without_news_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "_KEPT", 2)
    statuses = ["incomplete", "active", "active", "past_due", "active", "active", "active"]
    reports = [
        KnownReport(f"id-{number}", "reported", {**_CONTENT, "status": status}, moment(number), moment(number), "cause")
        for number, status in enumerate(statuses)
    ]
    thing = SubscriptionThing("stripe-1", "sub_1")
    state = thing.put_together(Reported(reports, 7, "cause", moment(9)))
    assert state.dropped == ["id-2"]
    kept = [each for each in reports if each.id not in state.dropped]
    assert thing.put_together(Reported(kept, 7, "cause", moment(9))).commands == state.commands


_CONTENT = {
    "customer": "cus_1",
    "current_period_end": None,
    "began_at": moment(0),
    "event": "customer.subscription.updated",
    "at": None,
}


def test_the_end_of_the_period_is_read_of_the_subscription_and_of_its_items() -> None:
    older = {**subscription(), "items": {"data": []}, "current_period_end": moment(60).timestamp()}
    assert _subscription(event("customer.subscription.updated", older)).current_period_end == moment(60)
    none = {**subscription(), "items": None}
    assert _subscription(event("customer.subscription.updated", none)).current_period_end is None


def test_an_authorization_that_is_released_is_no_refund() -> None:
    never_captured = charge(20000, amount_captured=0, captured=False)
    events = [
        event("payment_intent.canceled", intent(amount_received=0), after=60),
        event("charge.refunded", never_captured, after=60),
        event("refund.created", refund(1, 20000, made=60), after=60),
    ]
    for some in itertools.permutations(events):
        assert amounts(_payment(*some)) == ("canceled", "200.00", "0", "SEK")
    assert come_to(_SENDER, _STORE, [event("charge.refunded", never_captured)]) == {}


def test_what_was_authorized_and_not_taken_is_no_refund() -> None:
    events = [
        event("payment_intent.succeeded", intent(amount_received=12000)),
        event("charge.refunded", charge(8000, amount_captured=12000, captured=True)),
        event("refund.created", refund(1, 8000, made=0), after=1),
    ]
    for some in (*itertools.permutations(events), *itertools.combinations(events, 2)):
        update = _payment(*some)
        assert (amounts(update)[:2], update.refunded.to_decimal()) == (("completed", "120.00"), Decimal(0))
    paid_back = [
        event("charge.refunded", charge(9000, amount_captured=12000, captured=True), after=90),
        event("refund.created", refund(2, 1000, made=90), after=90),
    ]
    for more in (paid_back, paid_back[:1], paid_back[1:]):
        for some in itertools.permutations([*events, *more]):
            assert amounts(_payment(*some)) == ("partially_refunded", "120.00", "10.00", "SEK")
