"""Events of payments, cash sessions and customers' subscriptions: one for each change, whatever crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.payments import queries as payments
from pos_api.processing.publishing import publish_left
from tests.factories import line, order
from tests.outbox.subscribed import (
    assert_all_is_published,
    crash_at_each_step,
    ids,
    known_for_long,
    publish_what_is_left,
    published,
    subscribe,
    types,
)
from tests.senders.any_order import RECEIVED, processes_with
from tests.senders.kaynko.till import add_till, sale, sent_at, session
from tests.senders.provider_stores import add_store
from tests.senders.stripe.events import charge, event, intent, subscription
from tests.steps import Process, clear

_TILL, _STRIPE = "till-1", "stripe-1"
_PAID = event("payment_intent.succeeded", intent(metadata={"order_id": "7"}))
_REFUNDED = event("charge.refunded", charge(5000), after=60)
_REPORTS: list[tuple[str, dict[str, Any]]] = [
    (_STRIPE, _PAID),
    (_STRIPE, _REFUNDED),
    (_STRIPE, event("customer.subscription.created", subscription("active"))),
    (_STRIPE, event("customer.subscription.updated", subscription("past_due"), after=100)),
    (_STRIPE, event("customer.subscription.deleted", subscription("canceled"), after=200)),
    (_TILL, session(5, "opened", 20, sent=1)),
    (_TILL, sale(1, sent=10, made=10)),
    (_TILL, session(5, "closed", 30, sent=20)),
]
_TYPES = [
    *("payment.completed", "payment.refunded", "payment.completed"),
    *("session.opened", "session.closed"),
    *("subscription.created", "subscription.updated", "subscription.canceled"),
]


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    def add(db: Db) -> None:
        add_till(db, config, _TILL)
        add_store(db, config, _STRIPE, "stripe", orders_of="default")

    with known_for_long(), processes_with(config, add) as both:
        yield both


def _deliver(process: Process, number: int) -> None:
    store, message = _REPORTS[number]
    message = {**message, "id": f"evt_{number}"} if store == _STRIPE else message
    process.deliver_bodies([(store, {"content-type": "application/json"}, _bytes(message))], RECEIVED)


def _bytes(message: dict[str, Any]) -> bytes:

    return json.dumps(message).encode()


def _deliver_all(process: Process, count: int = len(_REPORTS)) -> None:
    for number in range(count):
        _deliver(process, number)


def _subscribed(pair: list[Process], *patterns: str) -> None:
    clear(pair[0].db)
    for process in pair:
        subscribe(process.db, *patterns)


def test_each_change_is_an_event_that_shows_the_thing_as_the_api_does(pair: list[Process]) -> None:
    process, _ = pair
    _subscribed(pair, "*")
    process.deliver("order.created", order(7, line("A")))
    _deliver(process, 0)
    (payment,) = (each["_id"] for each in process.db.payments.find())
    completed = next(each for each in published(process.db) if each[1] == "payment.completed")
    shown = payments.get(process.db, payment, with_transactions=True)
    assert completed[2]["order"] == shown["order"] == "default:7"
    how_it_is_matched = {"matched_by", "candidates", "named", "changes"}  # not in lists and events
    assert set(completed[2]) == set(shown) - how_it_is_matched
    _deliver_all(process)
    found = [
        each for each in published(process.db) if each[1].partition(".")[0] in ("payment", "session", "subscription")
    ]
    assert [type for _, type, _ in found] == _TYPES
    by_type = {type: data for _, type, data in found}
    assert by_type["payment.refunded"]["refunded"] == "50.00"
    assert by_type["session.opened"]["closed_at"] is None
    assert by_type["session.closed"]["closed_at"] == sent_at(20).replace(".000", "")
    assert (by_type["session.opened"]["expected_cash"], by_type["session.closed"]["expected_cash"]) == (
        "20.00",
        "35.50",
    )
    assert [each[2]["status"] for each in found[-3:]] == ["active", "past_due", "canceled"]
    last = process.db.customer_subscriptions.find_one()
    assert last is not None
    assert found[-1][2]["id"] == last["_id"]
    assert_all_is_published(process.db)


def test_a_crash_ahead_of_any_command_loses_no_event_and_makes_none_twice(pair: list[Process]) -> None:
    first, second = pair
    for earlier, number in ((None, 0), (0, 1), (2, 3), (5, 7)):

        def begin(earlier: int | None = earlier) -> None:
            _subscribed(pair, "payment.*", "session.*", "subscription.*")
            if earlier is not None:
                _deliver(first, earlier)

        begin()
        _deliver(first, number)
        expected = published(first.db)
        assert len(expected) == 1 + (earlier is not None)
        for step in crash_at_each_step(first, begin, partial(_deliver, first, number)):
            if step % 2:
                publish_what_is_left(second.db)  # which may be before or after somebody takes over
            second.take_over()
            _deliver(second, number)  # nobody acknowledged it
            assert published(first.db) == expected, (number, step)
            assert_all_is_published(first.db)


def test_what_is_left_behind_is_published_without_being_applied_again(pair: list[Process]) -> None:
    first, second = pair
    _subscribed(pair, "payment.*")
    _deliver_all(first, 2)
    expected = ids(published(first.db))
    marked = 0
    for _ in crash_at_each_step(first, lambda: _subscribed(pair, "payment.*"), lambda: _deliver_all(first, 2)):
        changes = [step for each in first.db.payments.find() for step in each["changes"]]
        marked += bool(first.db.payments.count_documents({"unpublished.0": {"$exists": True}}))
        publish_what_is_left(second.db)
        assert ids(published(first.db)) == expected[: len(changes)]
        assert_all_is_published(first.db)
    assert marked >= 4


def test_without_a_subscription_nothing_is_marked_or_asked_for(pair: list[Process]) -> None:
    process, _ = pair
    _subscribed(pair, "store.silent")
    _deliver_all(process)
    kept = [*process.db.payments.find(), *process.db.cash_sessions.find(), *process.db.customer_subscriptions.find()]
    assert len(kept) == 4
    assert not any("unpublished" in each for each in kept)
    assert types(process.db) == []
    clear(process.db)
    process.steps.go_on()
    _deliver(process, 0)
    unsubscribed = len(process.steps.names)
    _subscribed(pair, "payment.*")
    process.steps.go_on()
    _deliver(process, 0)
    assert len(process.steps.names) == unsubscribed + 3, process.steps.names


def test_what_is_marked_only_now_waits_for_whoever_marked_it(pair: list[Process], db: Db) -> None:
    process, _ = pair
    _subscribed(pair, "payment.*")
    _deliver(process, 0)
    assert publish_left(process.db) == 0
