"""Deliveries are written and marks cleared for several batches together: whatever comes in between, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.database.primary_term import one_primary
from pos_api.outbox.unfinished import Unfinished
from tests.factories import line, order, stock_up
from tests.outbox.subscribing import subscribe
from tests.outbox.test_crashes import publish_all
from tests.servers import standalone
from tests.steps import Process, processes

_IN_THEIR_ORDER = ["order:default:1:1", "order:default:1:2"]


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 2) as pair:
        subscribe(db, "order.*", known_to=[each.db for each in pair])
        stock_up(db, A=10)
        yield pair


@pytest.fixture
def unfinished(pair: list[Process]) -> Unfinished:
    """After the first process took order 1: its event is in the outbox, its delivery is not written."""
    first, _ = pair
    unfinished = Unfinished(first.db, "orders")
    with unfinished.collected():
        first.deliver("order.created", order(1, line("A", 2)))
    assert _events(first.db) == _IN_THEIR_ORDER[:1]
    assert (_delivered(first.db), _marked(first.db)) == ([], 1)
    return unfinished


def _events(db: Db) -> list[str]:
    return [each["_id"] for each in db.outbox.find().sort("position", 1)]


def _delivered(db: Db) -> list[str]:
    """The events of which there is a delivery, in the order in which these were written."""
    return [each["event"] for each in db.webhook_deliveries.find().sort("$natural", 1)]


def _marked(db: Db) -> int:
    return db.orders.count_documents({"unpublished.at": {"$exists": True}})


def test_what_is_left_of_several_batches_is_written_together(unfinished: Unfinished, pair: list[Process]) -> None:
    first, _ = pair
    with unfinished.collected():
        first.deliver("order.updated", order(1, line("A", 3), modified=1))
        first.deliver("order.created", order(2, line("A", 1)))
    assert _delivered(first.db) == []

    unfinished.finish_due()

    assert sorted(_delivered(first.db)) == [*_IN_THEIR_ORDER, "order:default:2:1"]
    assert _marked(first.db) == 0
    assert unfinished.seconds_left() == float("inf")


def test_what_is_left_after_a_crash_is_published_again_once(unfinished: Unfinished, pair: list[Process]) -> None:
    first, _ = pair
    publish_all(first.db)
    assert (_delivered(first.db), _marked(first.db)) == (_IN_THEIR_ORDER[:1], 0)
    unfinished.finish_due(all=True)  # it was only slow
    assert (_events(first.db), _delivered(first.db)) == (_IN_THEIR_ORDER[:1], _IN_THEIR_ORDER[:1])


def test_another_process_that_changes_the_order_delivers_the_earlier_event_too(
    unfinished: Unfinished, pair: list[Process]
) -> None:
    first, second = pair
    second.deliver("order.updated", order(1, line("A", 3), modified=1))
    assert (_delivered(second.db), _marked(second.db)) == (_IN_THEIR_ORDER, 0)
    unfinished.finish_due(all=True)
    assert (_events(first.db), _delivered(first.db)) == (_IN_THEIR_ORDER, _IN_THEIR_ORDER)


def test_where_another_primary_took_over_the_marks_stay(pair: list[Process]) -> None:
    """It may not have the events: deliveries of nothing would fail, and without marks nobody would publish again."""
    first, _ = pair
    unfinished = Unfinished(first.db, "orders")
    with unfinished.collected(), one_primary((("127.0.0.1", 1), None)):
        unfinished.add([], {"default:1": {_IN_THEIR_ORDER[0]}})
    with Unfinished(first.db, "orders").collected():
        first.deliver("order.created", order(1, line("A", 2)))
    unfinished.finish_due(all=True)
    assert _marked(first.db) == 1


def test_deliveries_of_events_that_the_database_lost_in_a_crash_are_not_written(config: Config, tmp_path: Path) -> None:
    """They would fail, as there is no such event, and when the order is applied again nothing would be delivered."""
    with standalone(tmp_path / "data", "--journalCommitInterval", "500") as mongod:
        here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos")
        with processes(here, 1) as [process]:
            subscribe(process.db, "order.*")
            stock_up(process.db, A=10)
            unfinished = Unfinished(process.db, "orders")
            with unfinished.collected():
                process.deliver("order.created", order(1, line("A", 2)))
            mongod.kill()
            mongod.start()
            process.db.outbox.find_one()  # is repeated until the server is there again
            unfinished.finish_due(all=True)
            assert _delivered(process.db) == []
