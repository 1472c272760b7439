"""Crashes at every step, two processes in every interleaving, and `kill -9` of the real thing: nothing is lost, nothing
is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stock import ledger as stock
from tests.factories import assert_books_balance, at, line, order, product, shop_id, stock_of, stock_up, values
from tests.steps import Crash, Process, clear, interleave, processes, state

Batch = list[tuple[str, Any]]

LIFE: list[Batch] = [
    [("product.created", product(shop_id("C"), "C", 20))],
    [
        ("order.created", order(1, line("A", 2), line("B", 1), status="pending")),
        ("order.created", order(2, line("A", 1, reduced=1), line("C", 4, reduced=4))),
    ],
    [("order.updated", order(1, line("A", 5, reduced=5), line("NEW", 1), modified=1))],
    [("customer.updated", {"id": 9, "email": "anna@example.se", "first_name": "Annika", "date_modified_gmt": at(60)})],
    [
        ("order.updated", order(1, line("A", 5), line("NEW", 1), modified=2, status="cancelled")),
        ("order.deleted", {"id": 2}),
        ("order.updated", order(3, line("A", 0.5), modified=3, billing={"email": "bo@example.se"})),
    ],
    [("product.updated", product(shop_id("C"), "C-renamed", 99, date_modified_gmt=at(70)))],
    [
        (
            "order.restored",
            order(2, line("A", 2, reduced=2), line("C-renamed", 4, reduced=4, product_id=shop_id("C")), modified=4),
        )
    ],
]


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 2) as pair:
        yield pair


def start(db: Db) -> None:
    clear(db)
    stock_up(db, A=10, B=10)


def test_a_crash_at_any_step_ends_in_the_same_state(pair: list[Process], db: Db) -> None:
    first, second = pair
    start(db)
    for batch in LIFE:
        first.deliver_all(batch)
    expected = state(db)
    assert {"A", "B", "C"} == set(stock_of(db))
    for crashed, batch in enumerate(LIFE):
        for step in range(1, 40):
            start(db)
            for before in LIFE[:crashed]:
                first.deliver_all(before)
            first.steps.crash_at(step)
            try:
                first.deliver_all(batch)
                done = True
            except Crash:
                done = False
            first.steps.go_on()
            second.take_over()
            for again in LIFE[crashed:]:  # not acknowledged, so it may come again
                second.deliver_all(again)
            assert state(db) == expected, (crashed, step)
            assert_books_balance(db)
            assert db.inbox.count_documents({"state": {"$ne": "done"}}) == 0
            if done:
                break
        else:
            pytest.fail("a batch with no end")


ONE_ORDER: dict[str, tuple[tuple[str, Any], tuple[str, Any]]] = {
    "two versions": (
        ("order.created", order(1, line("A", 2), line("B", 1), modified=1)),
        ("order.updated", order(1, line("A", 5), modified=2)),
    ),
    "more and less": (
        ("order.updated", order(1, line("A", 3, reduced=3), modified=1)),
        ("order.updated", order(1, line("A", 3), modified=2, status="cancelled")),
    ),
    "the same twice over": (
        ("order.created", order(1, line("A", 2), modified=1)),
        ("order.updated", order(1, line("A", 2), modified=1)),
    ),
}


@pytest.mark.parametrize("versions", ONE_ORDER.values(), ids=ONE_ORDER.keys())
@pytest.mark.parametrize("stored", [False, True], ids=["a new order", "a stored order"])
def test_two_processes_with_versions_of_one_order_in_any_interleaving(
    pair: list[Process], db: Db, versions: tuple[tuple[str, Any], tuple[str, Any]], stored: bool
) -> None:
    first, second = pair

    def begin() -> None:
        start(db)
        if stored:
            first.deliver("order.created", order(1, line("A", 1)))

    begin()
    for version in versions:
        first.deliver(*version)
    expected = outcome_of(db)
    steps = _length(first, begin, versions)
    for older, newer in (versions, versions[::-1]):
        for i in range(1, steps + 1):
            for j in range(i % 3 + 1, steps + 2, 3):
                begin()
                interleave(first, partial(first.deliver, *older), second, partial(second.deliver, *newer), i, j)
                assert outcome_of(db) == expected, (i, j)
                assert_books_balance(db)


def outcome_of(db: Db) -> dict[str, Any]:
    """The state, without what only the losing version said: a status in between, the shop's id of a product."""
    return {name: each for name, each in state(db).items() if name not in ("history", "products")}


def _length(process: Process, begin: Any, versions: Any) -> int:
    begin()
    process.steps.go_on()
    process.deliver(*versions[0])
    return len(process.steps.names)


def test_a_crash_of_whoever_was_overtaken_is_noticed_when_its_event_is_done_again(pair: list[Process], db: Db) -> None:
    first, second = pair
    for overtaken in range(1, 10):
        for crash in range(overtaken + 1, 16):
            start(db)

            def step(current: int, overtaken: int = overtaken, crash: int = crash) -> None:
                if current == overtaken:
                    second.deliver("order.updated", order(1, line("A", 5), modified=2))
                if current == crash:
                    raise Crash

            first.steps.go_on()
            first.steps.before = step
            with suppress(Crash):
                first.deliver("order.created", order(1, line("A", 2), line("B", 1), modified=1))
            first.steps.go_on()
            second.take_over()
            assert stock_of(db) == {"A": 5, "B": 10}, (overtaken, crash)
            assert_books_balance(db)


def test_two_orders_and_a_stock_count_meet_at_the_same_products(pair: list[Process], db: Db) -> None:
    first, second = pair
    for i in range(1, 9):
        for j in range(1, 9, 2):
            start(db)
            interleave(
                first,
                lambda: first.deliver("order.created", order(1, line("A", 2), line("B", 3))),
                second,
                lambda: (
                    stock.move(second.db, "B", -1, reason="broken", cause="staff:bo"),
                    second.deliver("order.created", order(2, line("B", 1), line("A", 4))),
                ),
                i,
                j,
            )
            assert stock_of(db) == {"A": 4, "B": 5}, (i, j)
            assert_books_balance(db)


def test_events_without_a_time_count_in_order_of_arrival_also_after_a_crash(pair: list[Process], db: Db) -> None:
    first, second = pair
    moment = now()
    for step in range(1, 12):
        start(db)
        first.deliver("order.created", order(1, line("A", 2), modified=None), received_at=moment)
        first.steps.crash_at(step)
        with suppress(Crash):
            first.deliver("order.cancelled", {"id": 1}, received_at=moment + timedelta(seconds=1), sequence=0)
        first.steps.go_on()
        second.deliver("order.updated", {"id": 1, "status": "processing"}, received_at=moment + timedelta(seconds=2))
        second.take_over()
        assert values(db.orders, "status") == ["processing"], step
        assert stock_of(db)["A"] == 8, step
        assert_books_balance(db)
