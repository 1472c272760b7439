"""Any deliveries of PaymentKit, in any order, again under new ids, at two processes and with any crash, end in the
same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.any_order import (
    Delivery,
    assert_any_arrival_ends_the_same,
    assert_any_crash_ends_the_same,
    bounded,
    processes_with,
)
from tests.senders.paymentkit.events import TOKEN, event, intent, invoice, refund, session, subscription
from tests.senders.provider_stores import add_store
from tests.steps import Process

_EVENTS: list[dict[str, Any]] = [
    event("payment_intent.payment_failed", intent(), after=-30),
    event("payment_intent.succeeded", intent(amount_details={"tip": "150"})),
    event("payment_intent.succeeded", intent(id="pi_2", paymentCurrency=TOKEN, amount_received="1" + "0" * 18)),
    event("payment_intent.canceled", intent(id="pi_3"), after=5),
    event("checkout.session.completed", session(), after=1),
    event("invoice.paid", invoice(), after=1),
    event("refund.created", refund(1, "500", "pending", made=60), after=60),
    event("refund.succeeded", refund(1, "500", made=60), after=90),
    event("refund.succeeded", refund(2, "1500", made=95), after=95),
    event("customer.subscription.created", subscription("incomplete")),
    event("customer.subscription.started", subscription("active")),
    event("customer.subscription.past_due", subscription("past_due"), after=100),
    event("customer.credit.low_balance", {"id": "cr_1"}),
]


def _delivery(shown: dict[str, Any], number: int) -> Delivery:
    return Delivery("kit-1", {}, {**shown, "id": f"evt_{number}"})


_sent = st.lists(st.sampled_from(_EVENTS), min_size=1, max_size=6, unique_by=repr).map(
    lambda some: [_delivery(each, number) for number, each in enumerate(some)]
)


@pytest.fixture
def pair(config: Config) -> Iterator[list[Process]]:
    with processes_with(config, lambda db: add_store(db, config, "kit-1", "paymentkit", orders_of="default")) as both:
        yield both


def _start(db: Db) -> None:
    """Nothing is there yet."""


@bounded
@given(sent=_sent, again=st.integers(0, 5), data=st.data())
def test_any_order_of_arrival_ends_the_same(
    pair: list[Process], sent: list[Delivery], again: int, data: st.DataObject
) -> None:
    repeated = sent[again % len(sent)].message
    more = [Delivery("kit-1", {}, {**repeated, "id": "evt_again", "pending_webhooks": 0})]
    assert_any_arrival_ends_the_same(pair, _start, sent, data, more=more)


@bounded
@given(sent=_sent, at=st.integers(1, 40), again=st.integers(1, 20))
def test_any_crash_ends_the_same(pair: list[Process], sent: list[Delivery], at: int, again: int) -> None:
    assert_any_crash_ends_the_same(pair, _start, sent, at=at, again=again)
