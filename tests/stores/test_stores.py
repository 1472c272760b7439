"""Stores and their keys: shown once, two at a time, known everywhere within seconds."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from pymongo.errors import ServerSelectionTimeoutError

from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db, Document
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.senders.woocommerce import connection
from pos_api.stores import key_management, removal, settings
from pos_api.stores.registry import Stores
from tests.factories import Shop, native_headers, order, outcome, read_delivery, values
from tests.servers import standalone

pytestmark = pytest.mark.plain_db


def test_a_key_is_kept_as_a_hash_and_a_secret_encrypted(config: Config, db: Db) -> None:
    key, secret = settings.add_store(db, config, "second")
    assert min(len(key), len(secret)) > 40
    found, store = Stores(db, config).of_key(key), Stores(db, config).get("second")
    assert found is not None
    assert (found.store, store.webhook_secrets) == ("second", (secret,))
    for hidden in (key, secret):
        assert hidden not in repr(db.stores.find_one())
        assert hidden not in repr((found, store))


def test_two_keys_at_a_time_so_that_one_can_be_changed_without_a_gap(config: Config, db: Db) -> None:
    first, _ = settings.add_store(db, config, "second")
    second = key_management.add_key(db, config, "second")
    with pytest.raises(Conflict):
        key_management.add_key(db, config, "second")
    assert all(Stores(db, config).of_key(key) for key in (first, second))
    key_management.revoke_key(db, "second", first[:12])
    known = Stores(db, config)
    assert known.of_key(first) is None
    assert known.of_key(second)


def test_an_expired_key_opens_nothing_and_takes_no_place(config: Config, db: Db) -> None:
    key, _ = settings.add_store(db, config, "second")
    expired = key_management.add_key(db, config, "second", expires_at=now() - timedelta(seconds=1))
    assert Stores(db, config).of_key(expired) is None
    until_later = key_management.add_key(db, config, "second", expires_at=now() + timedelta(days=1))
    assert [each["prefix"] for each in key_management.list_keys(db, "second")] == [key[:12], until_later[:12]]
    with pytest.raises(Conflict):
        key_management.add_key(db, config, "second")


def test_a_new_key_is_known_to_every_process_soon(config: Config, db: Db) -> None:
    known = Stores(db, config, max_age=0)
    key, _ = settings.add_store(db, config, "second")
    assert known.of_key(key)
    key_management.revoke_key(db, "second", key[:12])
    assert known.of_key(key) is None


def test_when_a_key_was_last_used_is_noted(config: Config, db: Db) -> None:
    key, _ = settings.add_store(db, config, "second")
    known = Stores(db, config)
    found = known.of_key(key)
    assert found is not None
    known.note_key_used(found)
    [shown] = key_management.list_keys(db, "second")
    assert shown["last_used_at"] is not None
    assert "hash" not in shown


@pytest.mark.parametrize("name", ["default", "", "UPPER", "with space", "x" * 41, "-x", "a.b", "$x"])
def test_a_name_that_is_no_slug_is_refused(config: Config, db: Db, name: str) -> None:
    with pytest.raises(Invalid):
        settings.add_store(db, config, name)


def test_mistakes_are_told(config: Config, db: Db) -> None:
    settings.add_store(db, config, "second")
    with pytest.raises(Conflict):
        settings.add_store(db, config, "second")
    with pytest.raises(Invalid):
        settings.add_store(db, config, "third", timezone="Mars/Olympus")
    for mistake in (
        lambda: settings.update_store(db, config, "unknown", url="https://x.example"),
        lambda: settings.update_store(db, config, "unknown", webhook_secret="s3cret"),
        lambda: key_management.add_key(db, config, "unknown"),
        lambda: key_management.revoke_key(db, "second", "pos_nothing"),
    ):
        with pytest.raises(NotFound):
            mistake()


def test_a_webhook_secret_is_changed_but_not_to_nothing(config: Config, db: Db) -> None:
    settings.add_store(db, config, "second")
    settings.update_store(db, config, "second", webhook_secret="another")
    assert Stores(db, config).get("second").webhook_secrets == ("another",)
    for name, secret in (("second", ""), ("second", "  "), ("default", "another")):
        with pytest.raises(Invalid):
            settings.update_store(db, config, name, webhook_secret=secret)
    assert Stores(db, config).get("default").webhook_secrets == (config.webhook_secret,)


def test_the_shops_day_is_its_own(config: Config, db: Db) -> None:
    settings.add_store(db, config, "second", timezone="Pacific/Auckland")
    moment = now().replace(year=2026, month=11, day=22, hour=23)
    assert Stores(db, config).get("second").local_day(moment) == "2026-11-23"


@pytest.mark.mongod
@pytest.mark.parametrize("max_age", [0, 3600])
def test_known_stores_and_keys_outlast_the_database(config: Config, tmp_path: Path, max_age: float) -> None:
    with standalone(tmp_path / "mongod") as server:
        away = database.connect(replace(config, mongodb_uri=f"mongodb://127.0.0.1:{server.port}/"), COLLECTIONS)
        key, _ = settings.add_store(away, config, "second")
        known = Stores(away, config, max_age=max_age)
        assert [each.id for each in known.all()] == ["default", "second"]
        server.kill()
        found = known.of_key(key)
        assert found is not None
        assert found.store == "second"
        assert known.of_key("wrong") is None
        server.start()
        with server.direct() as client:  # which waits longer for it than the service does
            client.admin.command("ping")
        another, _ = settings.add_store(away, config, "third")
        assert (known.of_key(another) is not None) == (max_age == 0), "a read that works is believed again"
        away.client.close()


def test_who_waits_for_a_database_that_is_away_waits_once_not_one_after_another(config: Config) -> None:
    away = database.open_database("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
    never_read = Stores(away, config)

    def ask(number: int) -> None:
        with pytest.raises(ServerSelectionTimeoutError):
            never_read.of_key(f"key {number}")

    started = time.monotonic()
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(ask, range(24)))
    assert time.monotonic() - started < 5, "24 in a row would take more than a minute"
    away.client.close()


@pytest.mark.parametrize(
    "url", ["north.example", "ftp://north.example", "https://", "https://u:p@north.example", "https://a b"]
)
def test_an_unusable_address_is_refused(db: Db, config: Config, url: str) -> None:
    with pytest.raises(Invalid, match="no address of a shop"):
        settings.add_store(db, config, "north", url=url)
    with pytest.raises(Invalid, match="no address of a shop"):
        settings.update_store(db, config, "default", url=url)
    assert db.stores.count_documents({}) == 0


@pytest.mark.parametrize("code", ["Swedish krona", "X" * 21, "S\x1bK"])
def test_what_is_no_code_of_a_currency_is_refused_and_small_letters_are_not(db: Db, config: Config, code: str) -> None:
    with pytest.raises(Invalid, match="no code of a currency"):
        settings.add_store(db, config, "north", currency=code)
    settings.add_store(db, config, "north", url=" https://north.example/ ", currency="nok")
    stored = db.stores.find_one({"_id": "north"})
    assert stored is not None
    assert (stored["url"], stored["currency"]) == ("https://north.example", "NOK")


def test_a_disconnected_shop_can_send_and_be_asked_nothing_and_its_data_stays(config: Config, db: Db) -> None:
    key, _ = settings.add_store(db, config, "second")
    settings.add_store(db, config, "third")
    db.stores.update_one({"_id": "second"}, {"$set": {"rest": {"url": "https://second.example"}}})
    db.orders.insert_one({"_id": "second:1", "store": "second"})
    removal.disconnect_store(db, "second")
    known = Stores(db, config)
    assert known.of_key(key) is None
    assert known.get("second").webhook_secrets == ()
    assert connection.connected(db) == []
    assert "second" in [each.id for each in known.all()], "its name is not free"
    assert db.orders.count_documents({"store": "second"}) == 1
    assert len(key_management.list_keys(db, "third")) == 1, "another shop is not touched"
    again = key_management.add_key(db, config, "second")
    assert Stores(db, config).of_key(again)
    with pytest.raises(NotFound):
        removal.disconnect_store(db, "nobody")


def test_the_default_shop_loses_what_the_database_holds_of_it(config: Config, db: Db) -> None:
    removal.disconnect_store(db, "default")
    key = key_management.add_key(db, config, "default")
    removal.disconnect_store(db, "default")
    known = Stores(db, config)
    assert known.of_key(key) is None
    assert known.of_key(config.webhook_api_key), "the key of the settings is not in the database"


@pytest.mark.parametrize(
    ("collection", "document", "found"),
    [
        ("orders", {"_id": "second:1", "store": "second"}, "orders"),
        ("inbox", {"_id": "1", "store": "second"}, "deliveries"),
        ("products", {"_id": "A", "skus": ["A"], "external_ids": ["second:7"]}, "products"),
        ("customers", {"_id": "a@example.com", "external_ids": ["second:7"]}, "customers"),
    ],
)
def test_only_a_shop_that_sent_nothing_is_removed(
    collection: str, document: Document, found: str, config: Config, db: Db
) -> None:
    key, _ = settings.add_store(db, config, "second")
    db[collection].insert_one(document)
    with pytest.raises(Conflict, match=rf"has {found}.*store disconnect second"):
        removal.remove_store(db, "second")
    assert Stores(db, config).of_key(key), "nothing changed"
    db[collection].delete_many({})
    db[collection].insert_one({**document, "store": "second-2", "external_ids": ["second-2:7"]})
    removal.remove_store(db, "second")
    assert Stores(db, config).of_key(key) is None
    assert [each.id for each in Stores(db, config).all()] == ["default"]


def test_a_shop_for_whose_orders_another_store_takes_payments_is_not_removed(config: Config, db: Db) -> None:
    settings.add_store(db, config, "second")
    settings.add_store(db, config, "paying", of_kind={"orders_of": "second"})
    with pytest.raises(Conflict, match="'paying' takes payments for the orders of 'second'"):
        removal.remove_store(db, "second")
    settings.update_store(db, config, "paying", of_kind={"orders_of": "default"})
    removal.remove_store(db, "second")


def test_the_default_shop_and_an_unknown_one_cant_be_removed(db: Db) -> None:
    with pytest.raises(Invalid, match="settings"):
        removal.remove_store(db, "default")
    with pytest.raises(NotFound):
        removal.remove_store(db, "nobody")


@pytest.mark.mongod
def test_a_copy_of_the_shop_changes_nothing_and_a_move_is_one_command(config: Config, db: Db, app: Flask) -> None:
    shop = Shop(app.test_client())

    def native(number: int, source: str) -> str:
        body = json.dumps(order(number)).encode()
        return outcome(shop.post(body, native_headers("order.created", body) | {"X-WC-Webhook-Source": source}))

    assert native(1, "https://shop.example/") == "created"
    for number, source in enumerate(("http://www.shop.example/en/", "https://SHOP.example:8443", "", "nonsense"), 2):
        assert native(number, source) == "created"
    assert native(6, "https://staging.shop.example/") == "parked"
    envelope = {"event": "order.created", "data": order(7), "site_url": "https://new.example"}
    body = json.dumps(envelope).encode()
    refused = shop.post(body)
    assert refused.status_code == 422
    assert "pos-api store set default --url https://new.example" in refused.get_json()["error"]["message"]
    settings.update_store(db, config, "default", url="https://new.example")
    assert read_delivery(Stores(db, config).get("default"), {}, body, now()).commands  # when it is replayed
    assert values(db.orders, "order_id") == [1, 2, 3, 4, 5]
    settings.update_store(db, config, "default", url="")
    assert not Stores(db, config).get("default").is_from_another_site("https://third.example")
