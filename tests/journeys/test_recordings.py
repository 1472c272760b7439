"""Recorded lives of orders in a real WooCommerce: after each, the stock here is the shop's own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from pos_api.collections import COLLECTIONS
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db
from tests.applications import started
from tests.conftest import fresh_database
from tests.factories import PATH, assert_books_balance, stock_of, stock_up
from tests.paths import TESTS
from tests.waiting import wait_until

FILES = sorted((TESTS / "recordings").glob("*.json"))
RECORDINGS: list[dict[str, Any]] = [json.loads(file.read_text()) for file in FILES]
SECRET: str = RECORDINGS[0]["webhook_secret"]

Delivery = Mapping[str, Any]
Send = Callable[[Delivery], str]

each_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=[file.stem for file in FILES])


@pytest.fixture
def config(config: Config) -> Config:
    """The service with the secret of the recorded shop."""
    return replace(config, webhook_secret=SECRET)


@contextmanager
def services(config: Config, number: int) -> Iterator[list[Flask]]:
    """So many services on one database."""
    with ExitStack() as stack:
        databases = [database.open_database(config.mongodb_uri or "") for _ in range(number)]
        for db in databases:
            stack.callback(db.client.close)
        yield [stack.enter_context(started(config, db)) for db in databases]


def sender(app: Flask) -> Send:
    def send(delivery: Delivery) -> str:
        response = app.test_client().post(PATH, data=delivery["body"].encode(), headers=delivery["headers"])
        assert response.status_code == 200, response.text
        data = response.get_json()["data"]
        return str(data["outcome"]) if data else "ping"

    return send


def stock_up_as(db: Db, recording: Mapping[str, Any]) -> None:
    stock_up(db, **{sku: units for sku, units in recording["initial_stock"].items() if not sku.startswith("#")})


def oracle(step: Mapping[str, Any]) -> dict[str, int]:
    """The shop's stock after a step, less what a pending order holds here and not yet there."""
    stock = {sku: units for sku, units in step["woocommerce_stock"].items() if not sku.startswith("#")}
    order = step["rest_order"]
    if order and order["status"] == "pending":
        for item in order["line_items"]:
            if item["sku"] in stock:
                stock[item["sku"]] -= item["quantity"]
    return stock


def deliveries(recording: Mapping[str, Any]) -> list[Delivery]:
    return [delivery for step in recording["steps"] for delivery in step["deliveries"]]


@each_recording
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_stock_is_the_shops_after_every_step(app: Flask, db: Db, recording: dict[str, Any], times: int) -> None:
    stock_up_as(db, recording)
    send = sender(app)
    for step in recording["steps"]:
        for delivery in step["deliveries"]:
            first, *repeats = [send(delivery) for _ in range(times)]
            assert all(each == "duplicate" or first == "ping" for each in repeats)
        assert stock_of(db) == oracle(step), step["step"]
        assert_books_balance(db)


@each_recording
def test_the_order_is_the_shops_at_the_end(app: Flask, db: Db, recording: dict[str, Any]) -> None:
    stock_up_as(db, recording)
    for delivery in deliveries(recording):
        sender(app)(delivery)
    shown = [step["rest_order"] for step in recording["steps"] if step["rest_order"]][-1]
    stored = db.orders.find_one({"order_id": recording["order_id"]})
    assert stored is not None
    assert stored["status"] == shown["status"]
    for name in ("total", "total_tax", "shipping_total", "discount_total"):
        assert str(stored[name]) == shown[name]
    assert stored["currency"] == shown["currency"]
    lines = [(each["id"], each["sku"], each["quantity"], str(each["total"])) for each in stored["line_items"]]
    assert lines == [(each["id"], each["sku"] or "", each["quantity"], each["total"]) for each in shown["line_items"]]
    assert [each["id"] for each in stored["refunds"]] == [each["id"] for each in shown["refunds"]]
    if email := shown["billing"]["email"]:
        assert db.customers.count_documents({"_id": email.lower()}) == 1
    assert db.inbox.count_documents({"state": {"$ne": "done"}}) == 0


@each_recording
def test_any_order_of_arrival_ends_the_same(config: Config, mongodb_uri: str, recording: dict[str, Any]) -> None:
    for seed in range(3):
        shuffled = deliveries(recording) * 2
        random.Random(seed).shuffle(shuffled)
        here = replace(config, mongodb_uri=fresh_database(mongodb_uri))
        db = database.connect(here, COLLECTIONS)
        with services(here, 1) as [app]:
            stock_up_as(db, recording)
            for delivery in shuffled:
                sender(app)(delivery)
            assert stock_of(db) == oracle(recording["steps"][-1]), f"seed {seed}"
            assert_books_balance(db)
        db.client.drop_database(db.name)
        db.client.close()


def together(recordings: list[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """The stock that a handful of recordings start with when they happen at once, and what it ends with."""
    start: dict[str, int] = {}
    end: dict[str, int] = {}
    for recording in recordings:
        for sku, units in recording["initial_stock"].items():
            if not sku.startswith("#"):
                start.setdefault(sku, 100)
                end[sku] = end.get(sku, 100) + oracle(recording["steps"][-1])[sku] - units
    return start, end


@pytest.mark.parametrize("processes", [1, 2], ids=["one service", "two services, one database"])
def test_many_orders_at_once_from_many_threads(config: Config, db: Db, processes: int) -> None:
    start, end = together(RECORDINGS)
    stock_up(db, **start)
    with services(config, processes) as apps, ThreadPoolExecutor(8) as threads:
        senders = [sender(app) for app in apps]

        def live(recording: dict[str, Any]) -> None:
            """One order's life: its deliveries in turn, each twice, to whichever service."""
            chance = random.Random(recording["name"])
            for delivery in deliveries(recording):
                for _ in range(2):
                    chance.choice(senders)(delivery)

        list(threads.map(live, RECORDINGS))
        wait_until(lambda: db.inbox.count_documents({"due_at": {"$exists": True}}) == 0)
    assert stock_of(db) == end
    assert_books_balance(db)
    assert db.inbox.count_documents({"state": {"$ne": "done"}}) == 0
    assert db.orders.count_documents({}) == len(RECORDINGS)


def test_two_services_given_the_same_delivery_at_once_apply_it_once(config: Config, db: Db) -> None:
    recording = next(each for each in RECORDINGS if each["name"] == "guest-cod-completed")
    stock_up_as(db, recording)
    with services(config, 2) as apps, ThreadPoolExecutor(8) as threads:
        for delivery in deliveries(recording):
            outcomes = list(threads.map(lambda app, each=delivery: sender(app)(each), apps * 4))
            assert sum(each != "duplicate" for each in outcomes) == 1 or outcomes[0] == "ping"
    assert stock_of(db) == oracle(recording["steps"][-1])
    assert_books_balance(db)
