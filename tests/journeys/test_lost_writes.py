"""A standalone mongod is killed just after it answered a write, and is up again when the next step begins: no
step fails, and the write is lost. So every step that builds on another has to find out by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from bson import Timestamp
from pymongo.errors import PyMongoError

from pos_api.accounting.close import close_day
from pos_api.accounting.refresh import refresh
from pos_api.accounting.verify import problems
from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import make_durable
from pos_api.figures import queries as figures
from pos_api.figures import rollup
from tests.factories import assert_books_balance, line, order, stock_of, stock_up
from tests.journeys.test_kills import CHANGE
from tests.outbox.subscribing import assert_events_are_complete, published, subscribe
from tests.outbox.test_crashes import publish_all
from tests.servers import Mongod, standalone
from tests.steps import Process, clear, processes
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with standalone(tmp_path_factory.mktemp("lost") / "data", "--journalCommitInterval", "500") as mongod:
        yield mongod


@pytest.fixture
def pair(config: Config, mongod: Mongod) -> Iterator[list[Process]]:
    here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos")
    db = database.connect(here, COLLECTIONS)
    clear(db)
    db.client.close()
    with processes(here, 2) as pair:
        yield pair


@contextmanager
def losing(
    process: Process, mongod: Mongod, command: str, number: int, other: Process, later: int = 0
) -> Iterator[None]:
    """Inside, mongod loses what the n-th command of this name writes, and nothing that was written before it; it is
    killed once that is answered, or so many steps `later`."""
    steps = process.steps

    def begun(ago: int = 0) -> bool:
        names = steps.names[: len(steps.names) - ago]
        return names[-1:] == [command] and names.count(command) == number

    def answers() -> bool:
        with suppress(PyMongoError):
            return bool(process.db.command("ping"))
        return False

    def keep(_step: int) -> None:
        if begun():
            make_durable(other.db)

    def lose(_step: int) -> None:
        if begun(later):
            steps.before = steps.after = lambda step: None
            mongod.kill()
            mongod.start()
            wait_until(answers)

    steps.go_on()
    steps.before, steps.after = keep, lose
    with suppress(PyMongoError):
        yield
    assert steps.names.count(command) >= number
    steps.go_on()


def test_a_movement_of_stock_that_is_lost_is_not_shown_by_its_product(pair: list[Process], mongod: Mongod) -> None:
    first, second = pair
    stock_up(second.db, A=100)
    second.deliver("order.created", order(1, line("A", 2)))
    with losing(first, mongod, "insert", 2, second):
        first.deliver(*CHANGE)
    second.take_over()
    assert stock_of(second.db) == {"A": 95}
    assert_books_balance(second.db)


def test_no_event_is_published_of_a_change_that_is_lost(pair: list[Process], mongod: Mongod) -> None:
    """Another change may have its id."""
    first, second = pair
    subscribe(second.db, "order.*", known_to=[first.db])
    stock_up(second.db, A=100)
    second.deliver("order.created", order(1, line("A", 2)))
    with losing(first, mongod, "update", 1, second, later=1):
        first.deliver("order.updated", order(1, line("A", 2), modified=1, number="lost"))
    second.deliver("order.updated", order(1, line("A", 2), modified=2, number="saved"))
    second.take_over()
    assert [each["data"]["number"] for each in published(second.db)][1:] == ["saved"]


def test_a_mark_is_not_cleared_of_an_event_that_is_lost(pair: list[Process], mongod: Mongod) -> None:
    first, second = pair
    subscribe(second.db, "order.*", "stock.*", known_to=[first.db])
    stock_up(second.db, A=100)
    second.deliver("order.created", order(1, line("A", 2)))
    publish_all(second.db)
    with losing(first, mongod, "insert", 3, second):
        first.deliver(*CHANGE)
    second.take_over()
    publish_all(second.db)
    assert_events_are_complete(second.db)


def test_months_have_all_of_their_days_though_the_sums_of_ten_days_are_lost(
    pair: list[Process], mongod: Mongod
) -> None:
    first, second = pair
    second.deliver("order.created", order(1, line("A", 2), status="completed", total="12.50", currency="EUR"))
    long_ago = Timestamp(now() - timedelta(minutes=5), 1)
    second.db.orders.update_many({}, {"$set": {"changed_at": long_ago}})
    rollup.refresh(second.db)
    with losing(first, mongod, "update", 1, second):
        figures.figures(first.db, since=date(2026, 1, 1), until=date(2026, 12, 31))
    [of_currency] = figures.figures(second.db, since=date(2026, 1, 1), until=date(2026, 12, 31))["currencies"]
    assert [each["sku"] for each in of_currency["top_products"]] == ["A"]


def test_no_entry_of_the_books_is_without_its_lines(pair: list[Process], mongod: Mongod) -> None:
    first, second = pair
    second.deliver("order.created", order(1, line("A", 2), status="completed", total="12.50", currency="EUR"))
    store = second.stores.get("default")
    [sold] = second.db.orders.find()
    refresh(second.db, second.stores)
    with losing(first, mongod, "insert", 1, second):
        close_day(first.db, first.stores, store, sold["day"], "day")
    second.db.accounting_state.update_many({}, {"$unset": {"until": ""}, "$set": {"holder": ""}})  # a minute later
    close_day(second.db, second.stores, store, sold["day"], "day")
    [entry] = second.db.accounting_entries.find()
    assert second.db.accounting_lines.count_documents({"entry": entry["_id"], "number": entry["number"]})
    assert not [*problems(second.db)]


@pytest.mark.parametrize("number", [1, 4], ids=["the mark of its bucket", "the sums of its bucket"])
def test_figures_count_what_changed_though_a_step_is_lost(pair: list[Process], mongod: Mongod, number: int) -> None:
    first, second = pair
    rollup.refresh(second.db)
    second.deliver("order.created", order(1, line("A", 2), status="completed", total="12.50", currency="EUR"))
    long_ago = Timestamp(now() - timedelta(minutes=5), 1)
    second.db.orders.update_many({}, {"$set": {"changed_at": long_ago}})
    with losing(first, mongod, "update", number, second):
        rollup.refresh(first.db)
    [of_currency] = figures.figures(second.db)["currencies"]
    assert (of_currency["orders_count"], of_currency["total_sales"]) == (1, Decimal("12.50"))
