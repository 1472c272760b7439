"""API keys of shops: what each may be used for, from where, and how old it is."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pos_api.common import ip_addresses as addresses
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid
from pos_api.stores import api_keys, key_management, settings
from pos_api.stores.registry import Stores
from tests.factories import API_KEY

pytestmark = pytest.mark.plain_db

ORDER = {"event": "order.created", "data": {"id": 1}}


def send(client: FlaskClient, key: str, address: str = "127.0.0.1", **options: Any) -> Any:
    headers = {"X-API-Key": key, **options.pop("headers", {})}
    return client.post(
        "/api/webhooks/orders", json=ORDER, headers=headers, environ_base={"REMOTE_ADDR": address}, **options
    )


def read(client: FlaskClient, key: str, path: str = "/api/products") -> Any:
    return client.get(path, headers={"X-API-Key": key})


def test_a_key_without_the_scope_is_told_which_one_it_takes(app: Flask, db: Db, config: Config) -> None:
    reads = key_management.add_key(db, config, "default", scopes=["read"])
    client = app.test_client()
    refused = send(client, reads)
    assert refused.status_code == 403
    message = f"This takes an API key with the scope orders; {reads[:12]} has read."
    assert refused.json["error"] == {"code": "forbidden", "message": message, "details": None}
    assert db.inbox.count_documents({}) == 0
    assert read(client, reads).status_code == 200
    assert read(client, API_KEY).status_code == 403
    assert read(client, reads, "/api/inbox").json["error"]["message"].startswith("No API key may do this; it takes a")


def test_the_connection_test_of_a_shop_fails_with_a_key_that_may_not_send_orders(
    app: Flask, db: Db, config: Config
) -> None:
    reads = key_management.add_key(db, config, "default", scopes=["read"])
    assert read(app.test_client(), reads, "/api/webhooks/health").status_code == 403


def test_a_body_over_the_limit_is_refused_too_where_the_key_may_not_send(app: Flask, db: Db, config: Config) -> None:
    reads = key_management.add_key(db, config, "default", scopes=["read"])
    elsewhere = key_management.add_key(db, config, "default", networks=["192.0.2.0/24"])
    large = b'{"event": "order.created", "data": {"id": 1, "x": "' + b"a" * 2**21 + b'"}}'
    for key in (reads, elsewhere):
        reply = app.test_client().post("/api/webhooks/orders", data=large, headers={"X-API-Key": key})
        assert reply.status_code == 403
    assert db.inbox.count_documents({}) == 0


@pytest.mark.mongod
def test_a_key_from_before_there_were_scopes_and_the_settings_key_send_orders_as_ever(
    app: Flask, db: Db, config: Config
) -> None:
    old = key_management.add_key(db, config, "default")
    db.stores.update_one({"_id": "default"}, {"$unset": {"keys.0.scopes": "", "keys.0.networks": ""}})
    assert [send(app.test_client(), key).status_code for key in (old, API_KEY)] == [200, 200]
    assert read(app.test_client(), old).status_code == 403


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["192.0.2.0/24"], "192.0.2.9", 200),
        (["192.0.2.0/24"], "::ffff:192.0.2.9", 200),
        (["::ffff:192.0.2.0/120"], "192.0.2.9", 200),
        (["192.0.2.0/24"], "192.0.3.9", 403),
        (["192.0.2.9"], "192.0.2.9", 200),
        (["192.0.2.9"], "192.0.2.10", 403),
        (["2001:db8::/32", "192.0.2.9"], "2001:db8::7", 200),
        (["2001:db8::/32"], "::ffff:192.0.2.9", 403),
        (["0.0.0.0/0"], "2001:db8::7", 403),
        (["192.0.2.0/24"], "unix:", 403),
        ([], "203.0.113.1", 200),
    ],
)
def test_a_key_with_networks_counts_only_from_there(
    app: Flask, db: Db, networks: list[str], address: str, status: int, config: Config
) -> None:
    key = key_management.add_key(db, config, "default", networks=networks)
    reply = send(app.test_client(), key, address)
    assert reply.status_code == status
    if status == 403:
        said = f"The API key {key[:12]} may not be used from the address {addresses.plain(address)}."
        assert reply.json["error"]["message"] == said
        assert key_management.list_keys(db, "default")[-1]["last_used_at"] is None, "it was not used"


def test_the_address_is_not_what_a_sender_says_it_is(app: Flask, db: Db, config: Config) -> None:
    key = key_management.add_key(db, config, "default", networks=["192.0.2.0/24"])
    forged = {"X-Forwarded-For": "192.0.2.9", "X-Real-IP": "192.0.2.9", "Forwarded": "for=192.0.2.9"}
    assert send(app.test_client(), key, "203.0.113.1", headers=forged).status_code == 403


@pytest.mark.parametrize(
    "network", ["", "shop.example", "192.0.2.9/24", "192.0.2.0/33", "192.0.2.0/24,10.0.0.0/8", "*"]
)
def test_what_is_no_network_is_refused(network: str, config: Config) -> None:
    with pytest.raises(Invalid):
        addresses_of(config, network)


def addresses_of(config: Config, network: str) -> Any:
    return api_keys.new_document(api_keys.generate(), config, networks=[network])["networks"]


def test_a_network_is_kept_in_one_spelling(config: Config) -> None:
    assert addresses_of(config, " ::FFFF:192.0.2.0/120 ") == ["192.0.2.0/24"]
    assert addresses_of(config, "2001:DB8:0::/32") == ["2001:db8::/32"]
    assert addresses_of(config, "192.0.2.9") == ["192.0.2.9/32"]


@pytest.mark.parametrize(
    ("scopes", "kept"),
    [
        (["read", "orders", "read"], ["orders", "read"]),
        (["read", "all"], ["all"]),
        (["subscriptions"], ["subscriptions"]),
    ],
)
def test_scopes_are_kept_each_once_and_all_stands_for_the_others(
    scopes: list[str], kept: list[str], config: Config
) -> None:
    assert api_keys.new_document("pos_x", config, scopes=scopes)["scopes"] == kept


@pytest.mark.parametrize("scopes", [[], ["write"], ["orders", "ALL"]])
def test_an_unknown_scope_is_refused(scopes: list[str], config: Config) -> None:
    with pytest.raises(Invalid, match="no scope; there are orders, read, subscriptions, all"):
        api_keys.new_document("pos_x", config, scopes=scopes)


def test_two_keys_with_the_same_scopes_leave_room_for_one_with_others(db: Db, config: Config) -> None:
    for _ in range(2):
        key_management.add_key(db, config, "default", scopes=["orders"])
    db.stores.update_one({"_id": "default"}, {"$unset": {"keys.0.scopes": ""}})  # from before there were scopes
    with pytest.raises(Conflict, match="2 keys with the scope orders"):
        key_management.add_key(db, config, "default")
    key_management.add_key(db, config, "default", scopes=["read", "orders"])
    key_management.add_key(db, config, "default", scopes=["orders", "read"])
    with pytest.raises(Conflict):
        key_management.add_key(db, config, "default", scopes=["read", "orders"])


def test_metrics_show_the_age_of_each_shops_oldest_key_that_counts(app: Flask, config: Config, db: Db) -> None:
    key, _ = settings.add_store(db, config, "north")
    key_management.add_key(db, config, "north", expires_at=now() + timedelta(days=9))
    day = timedelta(days=1)
    for place, made, expires in ((0, 3 * day, None), (1, 40 * day, now() - day)):
        changes = {f"keys.{place}.created_at": now() - made, f"keys.{place}.expires_at": expires}
        db.stores.update_one({"_id": "north"}, {"$set": changes})
    db.stores.update_one({"_id": "default"}, {"$set": {"settings_key.since": now() - 2 * day}})
    page = app.test_client().get("/metrics").text
    ages = dict(re.findall(r'^pos_api_key_age_seconds\{store="(.*)"\} (\S+)$', page, re.MULTILINE))
    assert {store: round(float(age) / 86_400, 2) for store, age in ages.items()} == {"default": 2, "north": 3}
    assert key[:12] not in page


def test_since_when_the_settings_key_is_what_it_is_is_noted_once(app: Flask, config: Config, db: Db) -> None:
    first = key_management.list_keys(db, "default")[0]
    assert (first["prefix"], first["last_used_at"]) == ("WEBHOOK_API_KEY", None)
    key_management.note_settings_key(db, config)
    assert key_management.list_keys(db, "default") == [first]
    assert send(app.test_client(), API_KEY).status_code == 200
    used = key_management.list_keys(db, "default")[0]
    assert used["last_used_at"] is not None
    assert API_KEY[:8] not in repr(db.stores.find_one({"_id": "default"}))
    assert Stores(db, config).key_ages()["default"] < 60
