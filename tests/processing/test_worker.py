"""The worker: batches, faults that cost only their own event, and a thread that outlives everything."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

from pos_api.app import create_app
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Unavailable
from pos_api.inbox.model import Outcome
from pos_api.orders import apply as orders
from pos_api.orders.model import OrderUpdate, Result
from pos_api.processing import due, worker
from pos_api.stores import settings
from pos_api.stores.registry import Stores
from tests.factories import Shop, assert_books_balance, line, order, read_delivery, stock_of, stock_up
from tests.outbox.subscribing import assert_nothing_is_left, subscribe, wait_until_nothing_is_left
from tests.steps import Process
from tests.waiting import wait_until


def test_an_event_that_fails_fails_alone(process: Process, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = orders.apply

    def picky(db: Db, snapshots: list[OrderUpdate]) -> list[Result]:
        if any(each.order_id == 2 for each in snapshots):
            raise ZeroDivisionError("with Anna's order")
        return apply(db, snapshots)

    monkeypatch.setattr(orders, "apply", picky)
    stock_up(db, A=10)
    outcomes = process.deliver_all([("order.created", order(number, line("A"))) for number in (1, 2, 3)])
    assert outcomes == ["created", None, "created"]
    assert stock_of(db) == {"A": 8}
    [failed] = db.inbox.find({"state": "waiting"})
    assert failed["attempts"] == 1
    assert "ZeroDivisionError" in failed["reason"]
    assert "Anna" not in failed["reason"], "a reason names no customer"
    monkeypatch.undo()
    process.take_over()
    assert stock_of(db) == {"A": 7}
    assert_books_balance(db)


def test_what_no_document_can_hold_is_parked_at_once_and_alone(process: Process, db: Db) -> None:
    stock_up(db, A=10)
    process.deliver("order.created", order(1, line("A")))
    db.orders.update_one({"_id": "default:1"}, {"$set": {"filler": "x" * (2**24 - 4_000)}})
    large = order(1, line("A", 2, name="n" * 900), modified=1, customer_note="n" * 9_000)
    outcomes = process.deliver_all([("order.updated", large), ("order.created", order(2, line("A")))])
    assert outcomes == ["parked", "unchanged"], "the other one was saved before the batch was done one by one"
    [parked] = db.inbox.find({"state": "parked"})
    assert "16 MiB" in parked["reason"]
    assert stock_of(db) == {"A": 8}
    assert_books_balance(db)


def test_an_outage_leaves_all_in_the_inbox_and_it_is_done_later(
    shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise AutoReconnect("gone")

    stock_up(db, A=10)
    monkeypatch.setattr(orders, "apply", away)
    assert shop.send("order.created", order(1, line("A"))).status_code == 202
    monkeypatch.undo()
    db.inbox.update_many({}, {"$set": {"due_at": now()}})
    wait_until(lambda: stock_of(db) == {"A": 9})


def test_who_came_while_the_database_was_found_to_be_away_is_told_with_the_first(
    config: Config, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Barrier(2)
    known = Stores(db, config)
    thread = worker.Worker(db, known)

    def away(*_: Any) -> None:
        waits.wait(10)
        waits.wait(10)
        raise ServerSelectionTimeoutError("no server")

    def hand_over(number: int) -> worker.Receipt:
        body = json.dumps({"event": "order.created", "data": order(number)}).encode()
        return thread.submit(read_delivery(known.get("default"), {}, body, now()))

    monkeypatch.setattr("pos_api.inbox.storing.store", away)
    thread.start()
    receipts = [hand_over(1)]
    waits.wait(10)
    receipts += [hand_over(number) for number in range(2, 30)]
    waits.wait(10)
    for receipt in receipts:
        with pytest.raises(Unavailable):
            receipt.outcome(10)
    monkeypatch.undo()
    assert hand_over(1).outcome(10) == Outcome("created")
    thread.stop()


def test_deliveries_to_subscribers_are_written_soon_after_the_answer_or_as_the_thread_ends(
    config: Config, db: Db
) -> None:
    subscribe(db, "order.*")
    known = Stores(db, config)
    thread = worker.Worker(db, known)

    def apply(*numbers: int) -> None:
        for number in numbers:
            body = json.dumps({"event": "order.created", "data": order(number)}).encode()
            receipt = thread.submit(read_delivery(known.get("default"), {}, body, now()))
            assert receipt.outcome(10) == Outcome("created")
            assert db.outbox.count_documents({"_id": f"order:default:{number}:1"}) == 1

    thread.start()
    apply(1, 2, 3)
    wait_until_nothing_is_left(db)
    assert db.webhook_deliveries.count_documents({}) == 3
    apply(4, 5)
    thread.stop()
    assert db.webhook_deliveries.count_documents({}) == 5
    assert_nothing_is_left(db)


@pytest.mark.parametrize(
    "where",
    ["pos_api.inbox.leases.claim", "pos_api.inbox.finishing.finish", "pos_api.processing.due.read_again"],
)
def test_the_thread_outlives_any_error(shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    broken = threading.Event()

    def fail(*_: Any, **__: Any) -> None:
        broken.set()
        raise RuntimeError("surprise")

    monkeypatch.setattr("pos_api.processing.worker.POLL", 0.01)
    monkeypatch.setattr(where, fail)
    shop.send("order.created", order(1))
    db.inbox.update_many({"due_at": {"$exists": True}}, {"$set": {"due_at": now()}})
    if where != "pos_api.processing.due.read_again":
        wait_until(broken.is_set)
    monkeypatch.undo()
    assert shop.outcome("order.created", order(2)) == "created"


def test_a_secret_that_can_not_be_opened_is_that_stores_trouble_alone(config: Config, db: Db) -> None:
    key, _ = settings.add_store(db, config, "second")
    app = create_app(replace(config, secrets_keys=("b3RoZXIga2V5cywgb3RoZXIga2V5cywgMzIgYnl0ZXM=",)), db)
    shop = Shop(app.test_client())
    assert shop.outcome("order.created", order(1)) == "created"
    body = b'{"event": "order.created", "data": {"id": 2}}'
    assert shop.post(body, {"X-API-Key": key, "Content-Type": "application/json"}).status_code == 200
    app.extensions["pos"].close()


def test_queued_events_are_answered_202_and_done_by_any_number_of_workers(config: Config, db: Db) -> None:
    stock_up(db, A=100)
    queued = replace(config, webhook_processing="queued")
    app = create_app(queued, db)
    with ThreadPoolExecutor(4) as threads:
        replies = list(
            threads.map(lambda n: Shop(app.test_client()).send("order.created", order(n, line("A"))), range(1, 41))
        )
    assert {each.status_code for each in replies} == {202}
    assert stock_of(db) == {"A": 100}
    stop = threading.Event()
    workers = [threading.Thread(target=due.run_forever, args=(db, queued, stop)) for _ in range(3)]
    for each in workers:
        each.start()
    wait_until(lambda: db.inbox.count_documents({"state": "done"}) == 40)
    stop.set()
    for each in workers:
        each.join()
    app.extensions["pos"].close()
    assert stock_of(db) == {"A": 60}
    assert_books_balance(db)


def test_many_at_once_are_few_batches_and_each_has_its_own_outcome(shop: Shop, db: Db, client: FlaskClient) -> None:
    stock_up(db, A=1000)
    messages = [order(number % 20 + 1, line("A", number), modified=number) for number in range(60)]
    with ThreadPoolExecutor(12) as threads:
        replies = list(
            threads.map(lambda data: Shop(client.application.test_client()).send("order.updated", data), messages)
        )
    assert {each.status_code for each in replies} == {200}
    assert stock_of(db) == {"A": 1000 - sum(range(40, 60))}
    assert_books_balance(db)
