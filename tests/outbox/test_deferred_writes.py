"""Deliveries are written and marks cleared for several batches together: whatever comes in between, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox.deferred_writes import DeferredWrites
from tests.factories import line, order, stock_up
from tests.outbox.subscribed import crash_at_each_step
from tests.outbox.subscribing import subscribe
from tests.outbox.test_crashes import EVENTS, LIFE, Batch, publish_all
from tests.servers import standalone
from tests.steps import Process, clear, processes

_IN_THEIR_ORDER = ["order:default:1:1", "order:default:1:2"]


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 2) as pair:
        subscribe(db, "order.*", known_to=[each.db for each in pair])
        stock_up(db, A=10)
        yield pair


@pytest.fixture
def deferred(pair: list[Process]) -> DeferredWrites:
    """After the first process took order 1: its event is in the outbox, its delivery is not written."""
    first, _ = pair
    deferred = DeferredWrites(first.db, "orders")
    with deferred.deferring():
        first.deliver("order.created", order(1, line("A", 2)))
    assert _events(first.db) == _IN_THEIR_ORDER[:1]
    assert (_delivered(first.db), _marked(first.db)) == ([], 1)
    return deferred


def _events(db: Db) -> list[str]:
    return [each["_id"] for each in db.outbox.find().sort("position", 1)]


def _delivered(db: Db) -> list[str]:
    """The events of which there is a delivery, in the order in which these were written."""
    return [each["event"] for each in db.webhook_deliveries.find().sort("$natural", 1)]


def _marked(db: Db) -> int:
    return db.orders.count_documents({"unpublished.at": {"$exists": True}})


def test_what_is_left_of_several_batches_is_written_together(deferred: DeferredWrites, pair: list[Process]) -> None:
    first, _ = pair
    with deferred.deferring():
        first.deliver("order.updated", order(1, line("A", 3), modified=1))
        first.deliver("order.created", order(2, line("A", 1)))
    assert _delivered(first.db) == []

    deferred.write_due()

    assert sorted(_delivered(first.db)) == [*_IN_THEIR_ORDER, "order:default:2:1"]
    assert _marked(first.db) == 0
    assert deferred.seconds_left() == float("inf")


def test_what_is_left_after_a_crash_is_published_again_once(deferred: DeferredWrites, pair: list[Process]) -> None:
    first, _ = pair
    publish_all(first.db)
    assert (_delivered(first.db), _marked(first.db)) == (_IN_THEIR_ORDER[:1], 0)
    deferred.write_due(all=True)  # it was only slow
    assert (_events(first.db), _delivered(first.db)) == (_IN_THEIR_ORDER[:1], _IN_THEIR_ORDER[:1])


def test_another_process_that_changes_the_order_delivers_the_earlier_event_too(
    deferred: DeferredWrites, pair: list[Process]
) -> None:
    first, second = pair
    second.deliver("order.updated", order(1, line("A", 3), modified=1))
    assert (_delivered(second.db), _marked(second.db)) == (_IN_THEIR_ORDER, 0)
    deferred.write_due(all=True)
    assert (_events(first.db), _delivered(first.db)) == (_IN_THEIR_ORDER, _IN_THEIR_ORDER)


def test_where_events_are_gone_no_delivery_is_written_and_the_marks_stay(
    deferred: DeferredWrites, pair: list[Process]
) -> None:
    """Another primary may have taken over, which never had them. Their deliveries would fail."""
    first, _ = pair
    first.db.outbox.delete_many({})
    deferred.write_due(all=True)
    assert (_delivered(first.db), _marked(first.db)) == ([], 1)
    publish_all(first.db)
    assert (_events(first.db), _delivered(first.db)) == (_IN_THEIR_ORDER[:1], _IN_THEIR_ORDER[:1])


def test_nothing_is_sent_of_what_the_database_lost_in_a_crash(config: Config, tmp_path: Path) -> None:
    with standalone(tmp_path / "data", "--journalCommitInterval", "500") as mongod:
        here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos")
        with processes(here, 1) as [process]:
            subscribe(process.db, "order.*")
            stock_up(process.db, A=10)
            deferred = DeferredWrites(process.db, "orders")
            with deferred.deferring():
                process.deliver("order.created", order(1, line("A", 2)))
            mongod.kill()
            mongod.start()
            with mongod.direct(60) as client:
                client.admin.command("ping")
            process.db.outbox.find_one()  # as any read, it is repeated on a new connection
            deferred.write_due(all=True)
            assert {*_delivered(process.db)} <= {*_events(process.db)}
            process.take_over()
            publish_all(process.db)
            assert (_events(process.db), _delivered(process.db)) == (_IN_THEIR_ORDER[:1], _IN_THEIR_ORDER[:1])


def test_a_crash_at_any_step_loses_no_event_and_no_delivery(pair: list[Process]) -> None:
    first, second = pair
    deferred = DeferredWrites(first.db, "orders")

    def begin(batches: list[Batch]) -> None:
        clear(first.db)
        subscribe(first.db, "order.*", known_to=[second.db])
        stock_up(first.db, A=10, B=10)
        with deferred.deferring():
            for batch in batches:
                first.deliver_all(batch)

    def act(batch: Batch) -> None:
        with deferred.deferring():
            first.deliver_all(batch)
            deferred.write_due(all=True)

    for crashed, batch in enumerate(LIFE):
        for step in crash_at_each_step(first, partial(begin, LIFE[:crashed]), partial(act, batch)):
            deferred = DeferredWrites(first.db, "orders")  # the process is gone
            second.take_over()
            for later in LIFE[crashed:]:
                second.deliver_all(later)
            publish_all(second.db)
            assert {*_events(second.db)} == EVENTS == {*_delivered(second.db)}, (crashed, step)
            assert _marked(second.db) == 0
