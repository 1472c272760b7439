"""The real processes killed under load, the service and its MongoDB: what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.errors import PyMongoError

from pos_api.app import create_app
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db, make_durable
from pos_api.staff import token_claims
from tests.factories import PATH, Shop, assert_books_balance, line, order, stock_of, stock_up
from tests.journeys.test_recordings import RECORDINGS, SECRET, deliveries, together
from tests.servers import Mongod, let_pass, standalone
from tests.service import POS_API, Service, environment, pos_api, running
from tests.steps import Process, processes, state
from tests.waiting import wait_until

ACKNOWLEDGED = (200, 202)
SECRETS = {"WEBHOOK_API_KEY": "k" * 32, "JWT_SECRET": "j" * 32}
Post = Callable[[Mapping[str, Any]], int]


def live(recording: Mapping[str, Any], post: Post, stop: threading.Event) -> None:
    """One order's life: each delivery again and again until it is acknowledged, and then once more."""
    for delivery in deliveries(recording):
        for _ in range(2):
            while post(delivery) not in ACKNOWLEDGED:
                assert not stop.wait(0.05), "never acknowledged"


@contextmanager
def load(post: Post) -> Iterator[list[Future[None]]]:
    """All recordings at once, while the block runs; their ends are waited for."""
    stop = threading.Event()
    with ThreadPoolExecutor(6) as threads:
        futures = [threads.submit(live, recording, post, stop) for recording in RECORDINGS]
        timer = threading.Timer(90, stop.set)
        timer.start()
        try:
            yield futures
            for future in futures:
                future.result()
        finally:
            stop.set()
            timer.cancel()


def assert_all_there(db: Db) -> None:
    """Every delivery was applied, to orders, stock and ledger."""
    wait_until(lambda: db.inbox.count_documents({"due_at": {"$exists": True}}) == 0, 40)
    assert stock_of(db) == together(RECORDINGS)[1]
    assert_books_balance(db)
    assert db.inbox.count_documents({"state": {"$ne": "done"}}) == 0
    assert db.orders.count_documents({}) == len(RECORDINGS)


# --- the service ------------------------------------------------------------------------------------------------


def kill(service: Service) -> None:
    """`kill -9` of the service, web workers and all."""
    for pid in (service.process.pid, *service.processes()):
        os.kill(pid, signal.SIGKILL)
    service.process.wait()


def test_the_service_killed_again_and_again_loses_nothing_and_does_nothing_twice(
    config: Config, db: Db, tmp_path: Path
) -> None:
    stock_up(db, **together(RECORDINGS)[0])
    env = environment(
        MONGODB_URI=config.mongodb_uri or "",
        WEBHOOK_API_KEY=config.webhook_api_key,
        WEBHOOK_SECRET=SECRET,
        JWT_SECRET=config.jwt_secret,
        HOST="127.0.0.1",
        LOG_LEVEL="WARNING",
    )
    url = ""

    def post(delivery: Mapping[str, Any]) -> int:
        try:
            return requests.post(
                f"{url}{PATH}", data=delivery["body"].encode(), headers=delivery["headers"], timeout=20
            ).status_code
        except requests.RequestException:
            return 0

    chance = random.Random(5)
    with load(post) as futures:
        for life in range(4):
            with running([*POS_API, "serve"], tmp_path, env) as service:
                url = service.url
                if life < 3:
                    let_pass(chance.uniform(0.1, 0.6))
                    kill(service)
                else:
                    wait_until(lambda: all(future.done() for future in futures), 60)
                    assert_all_there(db)


# --- a standalone MongoDB ---------------------------------------------------------------------------------------


@contextmanager
def service_on(config: Config, uri: str) -> Iterator[Flask]:
    """The service in this process, on another MongoDB."""
    here = replace(config, mongodb_uri=uri, webhook_secret=SECRET)
    app = create_app(here, database.connect(here, COLLECTIONS))
    yield app
    app.extensions["pos"].close()
    app.extensions["pos"].db.client.close()


def poster(app: Flask) -> Post:
    def post(delivery: Mapping[str, Any]) -> int:
        client = app.test_client()
        return client.post(PATH, data=delivery["body"].encode(), headers=delivery["headers"]).status_code

    return post


def test_mongod_killed_again_and_again_loses_nothing_acknowledged(config: Config, tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as mongod, service_on(config, f"mongodb://127.0.0.1:{mongod.port}/pos") as app:
        db = app.extensions["pos"].db
        stock_up(db, **together(RECORDINGS)[0])
        chance = random.Random(6)
        with load(poster(app)):
            for _ in range(4):
                let_pass(chance.uniform(0.1, 0.5))
                mongod.kill()
                mongod.start()
        assert_all_there(db)


def test_what_a_person_was_told_is_done_survives_a_crash_of_the_database(config: Config, tmp_path: Path) -> None:
    """Nobody does it again, unlike what an event of the inbox did. The server here writes its journal late."""
    late = ("--journalCommitInterval", "500")
    with standalone(tmp_path / "data", *late) as mongod:
        uri = f"mongodb://127.0.0.1:{mongod.port}/pos"
        headers = {"Authorization": f"Bearer {token_claims.token(config.jwt_secret, 'anna', 'manager')[0]}"}
        with service_on(config, uri) as app:
            client = app.test_client()
            for url, said, status in (
                ("", {"sku": "A", "stock": 10}, 201),
                ("/adjust", {"sku": "A", "change": -2, "reason": "broken"}, 200),
                ("/count", {"sku": "A", "count": 7}, 200),
            ):
                assert client.post(f"/api/products{url}", json=said, headers=headers).status_code == status
                mongod.kill()
                mongod.start()
                wait_until(lambda: client.get("/readyz").status_code == 200)
            assert stock_of(app.extensions["pos"].db) == {"A": 7}
            assert_books_balance(app.extensions["pos"].db)
        added = pos_api("key", "add", "default", cwd=tmp_path, MONGODB_URI=uri, **SECRETS)
        mongod.kill()
        mongod.start()
        listed = pos_api("key", "list", "default", cwd=tmp_path, MONGODB_URI=uri, **SECRETS)
        assert added.stdout.split()[0][:12] in listed.stdout, (added, listed)


def test_mongod_stopped_in_the_middle_of_a_request_gives_503_or_a_finished_order(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_api.web.api.webhooks.OUTCOME_SECONDS", 0.5)
    with standalone(tmp_path / "data") as mongod, service_on(config, f"mongodb://127.0.0.1:{mongod.port}/pos") as app:
        db = app.extensions["pos"].db
        stock_up(db, A=100)
        shop = Shop(app.test_client())
        assert shop.send("order.created", order(1, line("A", 1))).status_code == 200
        mongod.signal(signal.SIGSTOP)
        refused = shop.send("order.created", order(2, line("A", 1)))
        mongod.signal(signal.SIGCONT)
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        wait_until(lambda: shop.send("order.created", order(2, line("A", 1))).status_code == 200)
        wait_until(lambda: stock_of(db) == {"A": 98})
        assert_books_balance(db)


def test_mongod_killed_between_any_two_steps_and_started_again_at_once(config: Config, tmp_path: Path) -> None:
    """What it had not yet written down when it died is gone when the next step comes, which may not build on it."""
    with standalone(tmp_path / "data") as mongod:
        here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos")
        database.connect(here, COLLECTIONS).client.close()
        with processes(here, 2) as [first, second]:
            start(second)
            finished = False
            step = 0
            while not finished:
                step += 2
                assert step < 200
                start(second)
                finished = not killed_at(first, mongod, step)
                second.take_over()
                second.deliver(*CHANGE)
                assert stock_of(second.db) == {"A": 95}, step
                assert state(second.db)["orders"]["default:1"]["line_items"][0]["quantity"] == 5
                assert_books_balance(second.db)
            assert step > 5


def test_mongod_killed_ahead_of_a_read_so_that_only_the_write_before_it_is_lost(config: Config, tmp_path: Path) -> None:
    """Another process has made durable what was written earlier, and pymongo repeats a read by itself. So nothing fails
    by itself, and that the order is there proves nothing about the product."""
    with standalone(tmp_path / "data", "--journalCommitInterval", "500") as mongod:
        here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos")
        database.connect(here, COLLECTIONS).client.close()
        with processes(here, 2) as [first, second]:
            start(second)
            first.steps.go_on()
            first.deliver(*CHANGE)
            reads = [step for step, name in enumerate(first.steps.names, 1) if name == "find"]
            assert len(reads) > 2
            for step in reads:
                start(second)
                assert killed_at(first, mongod, step, make_durable=partial(make_durable, second.db))
                second.take_over()
                assert stock_of(second.db) == {"A": 95}, step
                assert_books_balance(second.db)


CHANGE = ("order.updated", order(1, line("A", 5, reduced=5), modified=2))


def start(process: Process) -> None:
    for name in (each.name for each in COLLECTIONS):
        process.db[name].delete_many({})
    stock_up(process.db, A=100)
    process.deliver("order.created", order(1, line("A", 2)))


def killed_at(process: Process, mongod: Mongod, step: int, make_durable: Callable[[], None] = lambda: None) -> bool:
    """Deliver a change, mongod being killed and started ahead of that step; False where there is no such step.
    `make_durable` is called ahead of the step before it."""

    def kill(current: int) -> None:
        if current == step - 1:
            make_durable()
        if current == step:
            mongod.kill()
            mongod.start()
            with mongod.direct() as client:
                client.admin.command("ping")

    process.steps.go_on()
    process.steps.before = kill
    try:
        process.deliver(*CHANGE)
    except PyMongoError:
        return True
    finally:
        reached = len(process.steps.names) >= step
        process.steps.go_on()
    return reached
