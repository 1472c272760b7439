"""Senders wait for five seconds: they are answered by then also while MongoDB hangs, which is worse than being away."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from pymongo import MongoClient
from werkzeug.test import TestResponse

from pos_api.app import create_app
from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Document
from pos_api.database.primary_term import select_within_term
from pos_api.senders.registry import SENDERS
from pos_api.stores import settings
from tests.factories import assert_books_balance, stock_of
from tests.senders.test_new_sender import SALE
from tests.senders.till_sender import TillSender, signed
from tests.servers import Mongod, standalone
from tests.steps import Steps
from tests.waiting import wait_until

PATIENCE = 5.0
SECRET = "the-secret-of-the-till"


@pytest.fixture
def mongod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mongod]:
    """A mongod of the test's own, and a kind of store whose sender waits for five seconds."""
    monkeypatch.setitem(SENDERS, "till", TillSender())
    with standalone(tmp_path / "data") as server:
        yield server
        server.signal(signal.SIGCONT)


@contextmanager
def service_on(config: Config, mongod: Mongod, steps: Steps) -> Iterator[Flask]:
    """The service with a till, in this process, on this mongod."""
    here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos")
    with database.connect(here, COLLECTIONS).client as client:
        settings.add_store(client["pos"], here, "till-1", kind="till", secret=SECRET)
    listened: MongoClient[Document] = MongoClient(
        here.mongodb_uri, tz_aware=True, event_listeners=[steps], server_selector=select_within_term
    )
    with listened:
        app = create_app(here, listened["pos"])
        yield app
        mongod.signal(signal.SIGCONT)
        app.extensions["pos"].close()


def send(app: Flask, number: int, secret: str = SECRET) -> TestResponse:
    """Send a sale; it is answered before the till would end the connection."""
    body = json.dumps(SALE).replace("42", str(number)).encode()
    started = time.monotonic()
    reply = app.test_client().post("/api/webhooks/till", data=body, headers=signed(body, secret))
    assert time.monotonic() - started < PATIENCE
    return reply


def test_what_could_not_be_stored_is_answered_503_in_time_and_can_be_sent_again(config: Config, mongod: Mongod) -> None:
    with service_on(config, mongod, Steps()) as app:
        assert send(app, 1).status_code == 200
        app.extensions["pos"].stores._read_at = float("-inf")  # the stores are to be read again just now
        mongod.signal(signal.SIGSTOP)
        with ThreadPoolExecutor(4) as threads:
            replies = list(threads.map(lambda number: send(app, number), range(2, 6)))
        for reply in replies:
            assert reply.status_code == 503
            assert "Retry-After" in reply.headers
        assert send(app, 6, "wrong").status_code == 401
        mongod.signal(signal.SIGCONT)
        for number in range(2, 6):
            wait_until(lambda number=number: send(app, number).status_code == 200)  # type: ignore[misc]
        db = app.extensions["pos"].db
        assert stock_of(db) == {"COFFEE": 0}
        assert_books_balance(db)


def test_the_first_request_of_a_process_is_answered_in_time_too(config: Config, mongod: Mongod) -> None:
    with service_on(config, mongod, Steps()) as app:
        mongod.signal(signal.SIGSTOP)
        assert send(app, 1).status_code == 503


def test_what_is_stored_and_not_done_is_answered_202_in_time_and_done_later(config: Config, mongod: Mongod) -> None:
    steps = Steps()

    def hang_once_it_is_stored(step: int) -> None:
        if "insert" in steps.names[: step - 1]:
            mongod.signal(signal.SIGSTOP)

    with service_on(config, mongod, steps) as app:
        send(app, 1, "wrong")  # the stores are known, and the indexes are there
        steps.names.clear()
        steps.before = hang_once_it_is_stored
        reply = send(app, 1)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (202, "waiting")
        steps.before = lambda step: None
        mongod.signal(signal.SIGCONT)
        db = app.extensions["pos"].db
        wait_until(lambda: db.inbox.find_one({"state": "done"}))
        assert stock_of(db) == {"COFFEE": 8}
        assert_books_balance(db)
