"""Leases: renewed while the work goes on, and an event on which process after process ends or hangs stops no others."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import finishing, lease_renewal, leases, queries, storing
from pos_api.inbox.lease_renewal import Renewal
from pos_api.inbox.model import Outcome
from pos_api.inbox.replay import replay_entries
from pos_api.orders import apply as orders
from pos_api.orders.model import OrderUpdate, Result
from pos_api.processing import batches, due
from pos_api.processing.faults import Outage
from pos_api.processing.recurring_jobs import Schedule
from tests.factories import assert_books_balance, event, line, order, stock_of, stock_up
from tests.service import environment
from tests.steps import Crash, Process, processes
from tests.waiting import wait_until


@pytest.fixture
def three(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 3) as three:
        yield three


@pytest.fixture
def four(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 4) as four:
        yield four


@pytest.fixture
def renewal(monkeypatch: pytest.MonkeyPatch) -> Renewal:
    """A process's renewal that looks all the time."""
    monkeypatch.setattr(lease_renewal, "EVERY", 0.02)
    fresh = Renewal()
    for module in (batches, due):
        monkeypatch.setattr(module, "renewal", fresh)
    return fresh


def run_out(db: Db) -> None:
    """Let all leases run out."""
    db.inbox.update_many({"due_at": {"$exists": True}}, {"$set": {"due_at": now() - timedelta(seconds=1)}})


def take(process: Process) -> int:
    """Let a process take what is due; it may crash."""
    with suppress(Crash):
        return due.take_due(process.db, process.stores, process.lease)
    return -1


def test_what_was_stored_while_a_clock_was_hours_ahead_is_not_left_for_hours(db: Db, config: Config) -> None:
    storing.store(db, [event(1), event(2)], "one")
    db.inbox.update_one({"_id": event(1).key}, {"$set": {"due_at": now() + timedelta(hours=2)}})
    Schedule(db, config).run_round(every_job=False)
    assert [each["_id"] for each in db.inbox.find({"due_at": {"$lte": now()}})] == [event(1).key]
    assert db.inbox.count_documents({"due_at": {"$gt": now()}}) == 1, "a lease lasts as long as it does"


# --- renewal ----------------------------------------------------------------------------------------------------


def test_what_is_being_worked_on_is_nobody_elses_however_long_it_takes(db: Db, renewal: Renewal) -> None:
    storing.store(db, [event(1), event(2)], "one")
    with renewal.renewed(db, "one", [event(1).key, event(2).key]):
        for _ in range(3):
            run_out(db)
            wait_until(lambda: db.inbox.count_documents({"due_at": {"$gt": now()}}) == 2)
            assert leases.claim(db, "two", 10) == []
    run_out(db)
    assert len(leases.claim(db, "two", 10)) == 2, "nobody renews what is not at hand any more"


def test_a_renewal_that_is_on_its_way_when_the_work_ends_is_waited_for(
    db: Db, renewal: Renewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, renewing, go_on = leases.renew, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> None:
        renewing.set()
        assert go_on.wait(10)
        renew(*arguments)

    def work() -> None:
        with renewal.renewed(db, "one", [event().key]):
            assert renewing.wait(10)

    storing.store(db, [event()], "one")
    monkeypatch.setattr(leases, "renew", slow)
    working = threading.Thread(target=work)
    working.start()
    assert renewing.wait(10)
    working.join(0.1)
    assert working.is_alive()
    go_on.set()
    working.join(10)
    run_out(db)
    assert len(leases.claim(db, "two", 10)) == 1


def test_a_lease_that_was_lost_is_not_renewed(db: Db, renewal: Renewal) -> None:
    storing.store(db, [event(1), event(2)], "one")
    run_out(db)
    leases.claim(db, "two", 10)
    run_out(db)
    leases.renew(db, "one", [event(1).key, event(2).key])
    finishing.finish(db, "two", [(event(2).key, Outcome("created"))])
    leases.renew(db, "two", [event(1).key, event(2).key])
    assert [each.get("due_at", now()) > now() for each in db.inbox.find(sort=[("resource_id", 1)])] == [True, False]


def test_a_second_process_waits_for_an_event_that_takes_long(
    three: list[Process], db: Db, renewal: Renewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = three
    apply, begun, go_on = orders.apply, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return apply(*arguments)

    stock_up(db, A=10)
    monkeypatch.setattr(orders, "apply", slow)
    delivery = threading.Thread(target=first.deliver, args=("order.created", order(1, line("A"))))
    delivery.start()
    assert begun.wait(10)
    run_out(db)
    wait_until(lambda: db.inbox.count_documents({"due_at": {"$gt": now()}}) == 1)
    assert take(second) == 0
    go_on.set()
    delivery.join(30)
    assert stock_of(db) == {"A": 9}
    assert db.inbox.count_documents({"state": "done"}) == 1


def test_work_that_hangs_is_not_renewed_for_ever(db: Db, renewal: Renewal) -> None:
    storing.store(db, [event()], "one")
    with renewal.renewed(db, "one", [event().key], longest=0.0):
        run_out(db)
        wait_until(lambda: bool(leases.claim(db, "two", 10)))


def test_work_for_which_no_thread_could_be_started_is_not_taken_for_work_that_hangs(
    db: Db, renewal: Renewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    storing.store(db, [event(1), event(2)], "one")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread_left)
        with pytest.raises(RuntimeError), renewal.renewed(db, "one", [event(1).key]):
            pass
    with renewal.renewed(db, "one", [event(2).key]):
        run_out(db)
        wait_until(lambda: db.inbox.count_documents({"due_at": {"$gt": now()}}) == 1)
    assert [each.key for each in leases.claim(db, "two", 10)] == [event(1).key]


HANGING = """
import sys, time
from pos_api.inbox import lease_renewal
lease_renewal.EVERY = 0.05
lease_renewal.renewal.ends_process = True
with lease_renewal.renewal.renewed(None, "lease", ["key"], longest=0.0):
    time.sleep(60)
"""


def test_a_process_that_serves_and_hangs_is_ended_for_another_to_be_started() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING], env=environment(), capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert b"hangs" in ended.stdout + ended.stderr


# --- events on which processes end ------------------------------------------------------------------------------


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever works on order 2 is gone."""
    apply = orders.apply

    def deadly(db: Db, snapshots: list[OrderUpdate]) -> list[Result]:
        if any(each.order_id == 2 for each in snapshots):
            raise Crash
        return apply(db, snapshots)

    monkeypatch.setattr(orders, "apply", deadly)


@pytest.mark.usefixtures("deadly")
def test_an_event_on_which_three_processes_ended_is_parked_and_the_others_of_its_batch_are_done(
    four: list[Process], db: Db
) -> None:
    stock_up(db, A=10)
    first, second, third, fourth = four
    with suppress(Crash):
        first.deliver_all([("order.created", order(number, line("A"))) for number in (1, 2, 3, 4)])
    run_out(db)
    for process in (second, third):
        assert take(process) == -1, "it ended as well"
        assert db.inbox.count_documents({"state": "parked"}) == 0
        run_out(db)
    assert take(fourth) >= 0
    states = {each["resource_id"]: each["state"] for each in db.inbox.find()}
    assert states == {"1": "done", "2": "parked", "3": "done", "4": "done"}
    [parked] = db.inbox.find({"state": "parked"})
    assert "ended before it was done, or hung, three times" in parked["reason"]
    assert {"lease", "due_at", "alone", "interrupted_alone"}.isdisjoint(parked)
    assert stock_of(db) == {"A": 7}
    assert_books_balance(db)


@pytest.mark.usefixtures("deadly")
def test_one_that_arrives_alone_is_parked_as_well_and_can_be_replayed(
    four: list[Process], db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock_up(db, A=10)
    first, second, third, fourth = four
    with suppress(Crash):
        first.deliver("order.created", order(2, line("A")))
    for process in (second, third, fourth):
        run_out(db)
        take(process)
    assert [each["state"] for each in db.inbox.find()] == ["parked"]
    monkeypatch.undo()
    replay_entries(db, queries.Filter())
    assert take(first) == 1
    assert [each["state"] for each in db.inbox.find()] == ["done"]
    assert stock_of(db) == {"A": 9}


def test_a_healthy_order_that_was_at_hand_when_two_processes_were_killed_is_done_by_the_third(
    three: list[Process], db: Db
) -> None:
    stock_up(db, A=10)
    first, second, third = three
    first.steps.crash_at(2)  # after it was stored
    with suppress(Crash):
        first.deliver("order.created", order(1, line("A")))
    run_out(db)

    def killed(step: int) -> None:
        if second.steps.names[step - 1] == "insert":
            raise Crash

    second.steps.before = killed
    assert take(second) == -1
    assert db.inbox.count_documents({"alone": second.lease}) == 1
    run_out(db)
    assert take(third) == 1
    assert [{*each} & {"state", "due_at", "alone", "interrupted_alone"} for each in db.inbox.find()] == [{"state"}]
    assert [each["state"] for each in db.inbox.find()] == ["done"]
    assert stock_of(db) == {"A": 9}
    assert_books_balance(db)


def test_a_process_that_is_to_stop_ends_the_order_at_hand_and_begins_no_other(three: list[Process], db: Db) -> None:
    stock_up(db, A=10)
    first, second, third = three
    first.steps.crash_at(2)  # after they were stored
    with suppress(Crash):
        first.deliver_all([("order.created", order(number, line("A"))) for number in (1, 2, 3)])
    run_out(db)
    stop = threading.Event()
    second.steps.before = lambda step: stop.set() if second.steps.names[step - 1] == "insert" else None
    due.take_due(second.db, second.stores, second.lease, stop=stop)
    assert db.inbox.count_documents({"state": "done"}) == 1
    assert db.inbox.count_documents({"alone": {"$exists": True}}) == 0
    run_out(db)
    assert take(third) == 2
    assert stock_of(db) == {"A": 7}


def test_what_a_process_could_not_end_because_the_database_was_away_is_no_fault_of_the_event(
    three: list[Process], db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise AutoReconnect("gone")

    stock_up(db, A=10)
    first, second, _ = three
    outage = Outage()
    monkeypatch.setattr(orders, "apply", away)
    with suppress(AutoReconnect):
        first.deliver("order.created", order(1, line("A")))
    for process in (second, first):
        run_out(db)
        assert due.take_due(process.db, process.stores, process.lease, outage) == 0
    assert [each["state"] for each in db.inbox.find()] == ["waiting"]
    monkeypatch.undo()
    run_out(db)
    assert due.take_due(second.db, second.stores, second.lease, outage) == 1, "who is back goes on with its own"
    assert stock_of(db) == {"A": 9}


def test_the_work_begins_only_after_it_was_noted(three: list[Process], db: Db) -> None:
    first, second, third = three
    with suppress(Crash):
        first.steps.crash_at(2)  # after it was stored
        first.deliver("order.created", order(1))
    run_out(db)
    noted: list[str | None] = []

    def look(step: int) -> None:
        if second.steps.names[step - 1] == "insert":
            noted.extend(each.get("alone") for each in db.inbox.find())

    second.steps.before = look
    assert take(second) == 1
    assert noted == [second.lease]
    assert [each["state"] for each in db.inbox.find()] == ["done"]
    assert take(third) == 0
