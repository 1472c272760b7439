"""Any deliveries of Stripe, in any order, again under new ids, at two processes and with any crash, end in the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.any_order import (
    RECEIVED,
    Delivery,
    assert_any_arrival_ends_the_same,
    assert_any_crash_ends_the_same,
    bounded,
    end_state,
    processes_with,
)
from tests.senders.provider_stores import add_store
from tests.senders.stripe.events import charge, event, intent, invoice, refund, session, subscription
from tests.steps import Process, clear, interleave

_EVENTS: list[dict[str, Any]] = [
    event("payment_intent.payment_failed", intent(last_payment_error={"code": "card_declined"}), after=-30),
    event("payment_intent.succeeded", intent(amount_details={"tip": {"amount": 1500}})),
    event("checkout.session.completed", session(), after=1),
    event("invoice.paid", invoice(), after=1),
    event("refund.created", refund(1, 5000, "pending", made=60), after=60),
    event("charge.refunded", charge(5000), after=60),
    event("charge.refunded", charge(6000), after=60),
    event("refund.updated", refund(1, 5000, made=60), after=70),
    event("refund.failed", refund(2, 1000, "failed", made=60), after=500),
    event("payment_intent.canceled", intent(id="pi_2", cancellation_reason="abandoned"), after=5),
    event("payment_intent.payment_failed", intent(id="pi_2"), after=5),
    event("charge.refunded", charge(100, id="ch_2", payment_intent=None), after=9),
    event("customer.subscription.created", subscription("incomplete")),
    event("customer.subscription.updated", subscription("active")),
    event("customer.subscription.updated", subscription("past_due"), after=100),
    event("customer.subscription.deleted", subscription("canceled"), after=200),
    event("payout.paid", {"id": "po_1"}),
]

_sent = st.lists(st.sampled_from(_EVENTS), min_size=1, max_size=7, unique_by=repr).map(
    lambda some: [_delivery(each, number) for number, each in enumerate(some)]
)


def _delivery(shown: dict[str, Any], number: int) -> Delivery:
    return Delivery("stripe-1", {}, {**shown, "id": f"evt_{number}"})


@pytest.fixture
def pair(config: Config) -> Iterator[list[Process]]:
    with processes_with(config, lambda db: add_store(db, config, "stripe-1", "stripe", orders_of="default")) as both:
        yield both


def _start(db: Db) -> None:
    """Nothing is there yet."""


@bounded
@given(sent=_sent, again=st.lists(st.integers(0, 6), max_size=3), data=st.data())
def test_any_order_of_arrival_ends_the_same(
    pair: list[Process], sent: list[Delivery], again: list[int], data: st.DataObject
) -> None:
    repeated = [
        Delivery("stripe-1", {}, {**sent[place].message, "id": f"evt_again_{place}", "pending_webhooks": 0})
        for place in sorted(set(again))
        if place < len(sent)
    ]
    assert_any_arrival_ends_the_same(pair, _start, sent, data, more=repeated)


@bounded
@given(sent=_sent, at=st.integers(1, 40), again=st.integers(1, 20))
def test_any_crash_ends_the_same(pair: list[Process], sent: list[Delivery], at: int, again: int) -> None:
    assert_any_crash_ends_the_same(pair, _start, sent, at=at, again=again)


@pytest.mark.parametrize("both", [(1, 5), (5, 1), (7, 1), (13, 15), (15, 13)])
def test_two_processes_at_once_end_as_one_after_the_other(pair: list[Process], both: tuple[int, int]) -> None:
    """One process is interrupted ahead of each of its steps by the other, up to each of its own."""
    first, second = pair
    deliveries = [_delivery(_EVENTS[each], each).sent() for each in both]
    clear(first.db)
    for delivery in deliveries:
        first.deliver_bodies([delivery], RECEIVED)
    expected = end_state(first.db)
    for i, j in itertools.product(range(1, 8), range(1, 9)):
        clear(first.db)
        one, other = (
            partial(process.deliver_bodies, [each], RECEIVED) for process, each in zip(pair, deliveries, strict=True)
        )
        interleave(first, one, second, other, i, j)
        assert end_state(first.db) == expected, (i, j)
