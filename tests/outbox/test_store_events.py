"""What a comparison finds out about its shop is an event: that they differ each time, an outage once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.processing.comparison_threads import compare
from pos_api.senders import comparisons
from pos_api.senders.comparers import COMPARERS
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.staff import token_claims
from tests.factories import stock_up
from tests.fake_shop import FakeShop, connected_shop, product
from tests.outbox.subscribed import (
    assert_all_is_published,
    crash_at_each_step,
    known_for_long,
    publish_what_is_left,
    published,
    subscribe,
    types,
)
from tests.steps import Process, processes

shop = connected_shop


@pytest.fixture
def process(config: Config, db: Db, shop: RestReader) -> Iterator[Process]:
    with known_for_long(), processes(config, 1) as (one,):
        subscribe(one.db, "store.*")
        yield one


def _compare(db: Db, config: Config) -> None:
    db.comparisons.update_one({"_id": "default"}, {"$set": {"due_at": now()}}, upsert=True)
    comparisons.claim(db, "default")
    (comparer,) = COMPARERS
    compare(db, config, "default", comparer)


def _orders_until(db: Db, last: datetime) -> None:
    """An order each half hour of four weeks."""
    db.orders.insert_many(
        {"_id": f"default:{n}", "store": "default", "order_id": n, "created_at": last - timedelta(minutes=30 * n)}
        for n in range(24 * 2 * 7 * 4)
    )


def test_a_shop_that_differs_is_an_event_with_the_report_that_the_api_shows(
    process: Process, fake: FakeShop, config: Config, client: FlaskClient
) -> None:
    _compare(process.db, config)
    assert types(process.db) == [], "they are in sync"
    fake.products = {7: product(7, "B", 2.5, manage_stock=False)}
    stock_up(process.db, B=4)
    process.db.products.update_one({"_id": "B"}, {"$set": {"external_ids": ["default:7"], "opening_store": "default"}})
    fake.products = {7: product(7, "B", 2)}
    process.db.comparisons.update_one({"_id": "default"}, {"$unset": {"swept_at": ""}})
    _compare(process.db, config)
    ((id, type, data),) = published(process.db)
    headers = {"Authorization": f"Bearer {token_claims.token(config.jwt_secret, 'anna', 'viewer')[0]}"}
    shown = client.get("/api/stores/default/drift", headers=headers).get_json()["data"]
    assert data == {**shown, "compared_at": shown["started_at"]}
    assert (type, data["in_step"], data["stock"][0]["sku"]) == ("store.drift", False, "B")
    assert id.startswith("drift:default:")
    _compare(process.db, config)
    assert types(process.db) == ["store.drift", "store.drift"], "it differs still"


def test_an_outage_is_one_event_however_often_it_is_found(process: Process, config: Config) -> None:
    _orders_until(process.db, now() - timedelta(hours=30))
    for _ in range(2):
        _compare(process.db, config)
    silent = [data for _, type, data in published(process.db) if type == "store.silent"]
    assert len(silent) == 1
    assert (silent[0]["store"], silent[0]["alarming"]) == ("default", True)
    assert silent[0]["missed"] > silent[0]["longest_missed"]


def test_no_crash_loses_what_a_comparison_found_out(process: Process, config: Config, db: Db) -> None:
    _orders_until(process.db, now() - timedelta(hours=30))

    def begin() -> None:
        for collection in (db.comparisons, db.outbox, db.webhook_deliveries):
            collection.delete_many({})

    for step in crash_at_each_step(process, begin, lambda: _compare(process.db, config)):
        publish_what_is_left(db)
        stored = db.comparisons.find_one({"_id": "default"}) or {}
        if "lease" in stored or stored.get("due_at", now()) <= now():  # nobody has finished it: it is due again
            _compare(db, config)
        assert "store.silent" in types(process.db), step
        assert types(process.db).count("store.silent") == 1
        assert_all_is_published(db)


def test_without_a_subscription_nothing_is_written(process: Process, config: Config) -> None:
    subscribe(process.db, "order.*")
    _orders_until(process.db, now() - timedelta(hours=30))
    _compare(process.db, config)
    assert json.dumps(published(process.db)) == "[]"
