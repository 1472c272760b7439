"""No crash loses an event of orders and stock, or makes one twice; nor do two processes with the same order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.processing import publishing
from tests.factories import assert_books_balance, line, order, stock_up
from tests.journeys.test_recordings import RECORDINGS, deliveries, stock_up_as
from tests.outbox.subscribing import assert_events_are_complete, assert_nothing_is_left, published, subscribe
from tests.steps import Crash, Process, clear, interleave, processes

Batch = list[tuple[str, Any]]

LIFE: list[Batch] = [
    [
        ("order.created", order(1, line("A", 2), line("B", 1), status="pending")),
        ("order.created", order(2, line("A", 1, 1), status="completed")),
    ],
    [
        ("order.updated", order(1, line("A", 3, 3), modified=1, refunds=[{"id": 7, "total": "-2.00"}])),
        ("order.created", order(3, line("A", 1, 1), parent_id=2, modified=2)),
    ],
]
EVENTS = {
    *("order:default:1:1", "order:default:2:1", "order:default:2:1:completed", "order:default:1:2:refunded"),
    *("order:default:3:1", "order:default:2:2"),
}


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 2) as pair:
        yield pair


def start(pair: list[Process]) -> None:
    first, second = pair
    clear(first.db)
    subscribe(first.db, "order.*", "stock.*", known_to=[second.db])
    stock_up(first.db, A=10, B=10)
    publish_all(first.db)
    for process in pair:
        process.steps.go_on()


def publish_all(db: Db) -> None:
    """Publish what is marked, as `publish_left` does when it is old enough."""
    for name in ("orders", "stock_movements"):
        publishing.publish_marked(db, name, db[name].find({"unpublished.at": {"$exists": True}}))


def of_orders(db: Db) -> dict[str, Document]:
    """The events of orders by id, without what depends on the moment at which a test runs."""
    return {
        event["_id"]: {"type": event["type"], "position": event["position"], "data": event["data"]}
        for event in published(db, "order:")
    }


@pytest.mark.parametrize("is_published_first", [False, True], ids=["done again", "published, then done again"])
def test_a_crash_at_any_step_loses_no_event(pair: list[Process], db: Db, is_published_first: bool) -> None:
    first, second = pair
    start(pair)
    for batch in LIFE:
        first.deliver_all(batch)
    expected = of_orders(db)
    assert expected.keys() == EVENTS
    assert_events_are_complete(db)
    for crashed, batch in enumerate(LIFE):
        for step in range(2, 60, 2 if is_published_first else 1):
            start(pair)
            for before in LIFE[:crashed]:
                first.deliver_all(before)
            first.steps.crash_at(step)
            done = False
            with suppress(Crash):
                first.deliver_all(batch)
                done = True
            first.steps.go_on()
            if is_published_first:
                publish_all(second.db)
                assert_events_are_complete(db)
            second.take_over()
            for later in LIFE[crashed:]:  # not acknowledged, so it may come again
                second.deliver_all(later)
            assert of_orders(db) == expected, (crashed, step)
            assert_events_are_complete(db)
            if done:
                break
        else:
            pytest.fail("a batch with no end")


def test_two_processes_with_versions_of_one_order_publish_each_revision_as_it_was(pair: list[Process], db: Db) -> None:
    first, second = pair
    older = ("order.created", order(1, line("A", 2), line("B", 1), modified=1))
    newer = ("order.updated", order(1, line("A", 5), modified=2, status="completed"))

    start(pair)
    first.deliver(*older)
    steps = len(first.steps.names)
    for i in range(2, steps + 1):
        for j in range(i % 6 + 1, steps + 2, 6):
            start(pair)
            interleave(first, partial(first.deliver, *older), second, partial(second.deliver, *newer), i, j)
            assert_events_are_complete(db)
            assert_books_balance(db)


def test_two_crashes_in_a_row_lose_no_event_either(pair: list[Process], db: Db) -> None:
    first, second = pair
    for i in range(2, 11):
        for j in range(i % 3 + 2, 14, 3):
            start(pair)
            first.steps.crash_at(i)
            with suppress(Crash):
                first.deliver("order.created", order(1, line("A", 2), line("B", 1), modified=1))
            second.steps.crash_at(j)
            with suppress(Crash):
                second.deliver("order.updated", order(1, line("A", 5), modified=2, status="completed"))
            for process in pair:
                process.steps.go_on()
            publish_all(db)
            saved = [event["_id"] for event in published(db, "order:")]
            assert saved == expected_ids(db), (i, j)
            first.take_over()
            assert [event["_id"] for event in published(db, "order:")] == expected_ids(db), (i, j)
            assert_nothing_is_left(db)


def expected_ids(db: Db) -> list[str]:
    """The events of the order, of the revisions that were saved: where the second update came first it is both."""
    stored = db.orders.find_one()
    if stored is None:
        return []
    first_status = stored["status_history"][0]["status"]
    first = ["order:default:1:1"] + ["order:default:1:1:completed"] * (first_status == "completed")
    return first + ["order:default:1:2:completed"] * (stored["rev"] == 2)


def test_recorded_orders_in_any_order_and_twice_are_an_event_for_each_revision_and_movement(
    pair: list[Process], db: Db
) -> None:
    for number, recording in enumerate(RECORDINGS):
        clear(db)
        subscribe(db, "order.*", "stock.*", known_to=[process.db for process in pair])
        stock_up_as(db, recording)
        publish_all(db)
        shuffled = [
            ("default", {name.lower(): value for name, value in each["headers"].items()}, each["body"].encode())
            for each in deliveries(recording) * 2
        ]
        random.Random(number).shuffle(shuffled)
        for index, delivery in enumerate(shuffled):
            pair[index % 2].deliver_bodies([delivery], now())
        assert_events_are_complete(db)
