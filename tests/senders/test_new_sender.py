"""A further sender is a file and a line of the registry: signed, stored, translated, parked and replayed, by the same
route, inbox and worker as all others, none of which is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid
from pos_api.inbox.body_erasure import entries_about, erase_bodies
from pos_api.inbox.replay import replay_entries
from pos_api.processing import ingest
from pos_api.senders.registry import SENDERS
from pos_api.senders.woocommerce import connection, importer
from pos_api.stores import key_management, settings
from tests.factories import API_KEY, PATH, assert_books_balance, stock_of
from tests.fake_shop import KEY, SECRET, FakeShop, connected
from tests.senders.till_sender import TillSender, signed
from tests.waiting import wait_until
from tests.web.api.test_products import as_

SALE = {
    "event": "sale.completed",
    "data": {
        "saleId": 42,
        "currency": "SEK",
        "totalCents": 5990,
        "item": {"productId": 7, "code": "COFFEE", "quantity": 2, "counted": 10},
    },
}


class Till:
    """A till that sends to the service."""

    def __init__(self, client: FlaskClient, store: str, key: str, secret: str) -> None:
        self._client, self.store, self.key, self.secret = client, store, key, secret

    def send(self, message: Any, *, secret: str | None = None, store: str | None = None) -> TestResponse:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = signed(body, secret or self.secret)
        return self._client.post(f"/api/webhooks/till/{store or self.store}", data=body, headers=headers)


@pytest.fixture
def tills(monkeypatch: pytest.MonkeyPatch, config: Config, db: Db, client: FlaskClient) -> list[Till]:
    """Two tills, of a kind that only this test registers."""
    monkeypatch.setitem(SENDERS, "till", TillSender())
    made = []
    for name in ("till-1", "till-2"):
        secret = settings.add_store(db, config, name, kind="till").secret
        made.append(Till(client, name, key_management.add_key(db, config, name), secret))
    client.application.extensions["pos"].stores._read_at = float("-inf")
    return made


def test_one_delivery_gives_an_order_and_its_product(tills: list[Till], db: Db) -> None:
    reply = tills[0].send(SALE)
    assert reply.status_code == 200, reply.text
    data = reply.get_json()["data"]
    assert (data["outcome"], data["order"], data["warnings"]) == ("created", "till-1:42", [])
    assert stock_of(db) == {"COFFEE": 8}
    stored = db.orders.find_one({"_id": "till-1:42"}, {"status": 1, "total": 1, "_id": 0})
    assert str(stored) == "{'status': 'sold', 'total': Decimal128('59.90')}"
    entry = db.inbox.find_one({"_id": data["event_key"]}) or {}
    assert (entry["kind"], entry["store"], entry["topic"], entry["about"]) == (
        "till",
        "till-1",
        "sale.completed",
        ["till-1:42"],
    )
    assert tills[0].send(SALE).get_json()["data"]["outcome"] == "duplicate"
    assert tills[1].send(SALE).get_json()["data"]["order"] == "till-2:42", "another till's sale of the same number"
    assert stock_of(db) == {"COFFEE": 6}
    assert_books_balance(db)


def test_an_order_may_have_any_text_as_its_id(tills: list[Till], client: FlaskClient) -> None:
    sale = json.loads(json.dumps(SALE).replace("42", '"K7-2026-0042"'))
    assert tills[0].send(sale).get_json()["data"]["order"] == "till-1:K7-2026-0042"
    staff = as_("manager")
    [listed] = client.get("/api/webhooks/orders?q=k7-2026-0042", headers=staff).get_json()["data"]
    for wanted in ("K7-2026-0042", "till-1:K7-2026-0042"):
        found = client.get(f"/api/webhooks/orders/{wanted}", headers=staff).get_json()["data"]
        assert found["id"] == listed["id"] == "till-1:K7-2026-0042"
        assert found["order_id"] == listed["order_id"] == "K7-2026-0042"
    [figures] = client.get("/api/webhooks/orders/stats", headers=staff).get_json()["data"]["currencies"]
    assert figures["orders_count"] == 1


def test_the_sender_decides_who_sent_a_delivery(tills: list[Till], client: FlaskClient, config: Config, db: Db) -> None:
    assert tills[0].send(b'{"event":"ping"}').get_json()["message"] == "Ping received"
    assert tills[0].send(SALE, secret="wrong").status_code == 401
    assert tills[0].send(SALE, store="till-2").status_code == 401, "the address of one till, the secret of another"
    assert tills[0].send(SALE, store="default").status_code == 401, "a store of another kind"
    assert client.post("/api/webhooks/toaster/till-1", data=b"{}").status_code == 404
    envelope = json.dumps({"event": "order.created", "data": {"id": 1}})
    headers = {"Content-Type": "application/json", "X-API-Key": tills[0].key}
    assert client.post(PATH, data=envelope, headers=headers).status_code == 401, "a till is no WooCommerce shop"
    headers["X-API-Key"] = API_KEY
    assert client.post("/api/webhooks/woocommerce/till-1", data=envelope, headers=headers).status_code == 401
    other = settings.add_store(db, config, "north")[0]
    client.application.extensions["pos"].stores._read_at = float("-inf")
    assert client.post("/api/webhooks/woocommerce/north", data=envelope, headers=headers).status_code == 401
    assert client.post("/api/webhooks/woocommerce/default", data=envelope, headers=headers).status_code == 200
    headers["X-API-Key"] = other
    assert client.post("/api/webhooks/woocommerce/default", data=envelope, headers=headers).status_code == 401
    assert client.post("/api/webhooks/woocommerce/north", data=envelope, headers=headers).status_code == 200
    assert db.inbox.count_documents({"kind": "till"}) == 0


def test_a_delivery_about_an_order_is_found_when_the_order_is_erased(tills: list[Till], db: Db) -> None:
    for till in tills:
        till.send(SALE)
    tills[0].send(json.loads(json.dumps(SALE).replace("5990", '"unreadable"')))
    assert erase_bodies(db, entries_about(["till-1:42"], noun="customer")) == 0, "no customer has this number"
    assert erase_bodies(db, entries_about(["till-1:42"], noun="order")) == 2, "that which could not be used, too"
    assert [entry["store"] for entry in db.inbox.find({"erased_at": None})] == ["till-2"]


def test_a_slash_at_the_end_of_the_address_changes_nothing(tills: list[Till]) -> None:
    assert tills[0].send(SALE).get_json()["data"]["outcome"] == "created"
    assert tills[0].send(SALE, store="till-1/").get_json()["data"]["outcome"] == "duplicate"


def test_what_is_for_woocommerce_alone_refuses_a_store_of_another_kind(
    tills: list[Till], db: Db, config: Config, fake: FakeShop
) -> None:
    with pytest.raises(Invalid, match="'till-1' is no WooCommerce shop: its kind is till"):
        connection.connect(db, config, "till-1", fake.url, KEY, SECRET)
    with connected(fake, db, config) as shop, pytest.raises(Invalid, match="no WooCommerce shop"):
        importer.run(db, config, shop, "till-1", now(), ingest.ingest, lambda *_: None)
    assert (db.stores.find_one({"_id": "till-1"}) or {}).get("rest") is None
    assert db.imports.find_one({"_id": "till-1"}) is None


def test_a_signature_of_any_characters_is_only_a_wrong_one(tills: list[Till], client: FlaskClient) -> None:
    headers = {"Content-Type": "application/json", "X-Till-Signature": "sha256=\u00e4"}
    assert client.post("/api/webhooks/till/till-1", data=b"{}", headers=headers).status_code == 401


def test_what_it_can_not_read_is_parked_and_replayed_once_it_can(
    tills: list[Till], db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tills[0].send(b"sale.completed of nothing").status_code == 422
    monkeypatch.setitem(SENDERS, "till", TillSender(reads_cents=False))
    reply = tills[0].send(SALE)
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"]["fields"] == {"totalCents": "is not known"}
    assert db.inbox.count_documents({"kind": "till", "state": "parked", "topic": "sale.completed"}) == 2
    assert stock_of(db) == {}
    key = reply.get_json()["error"]["details"]["event_key"]

    monkeypatch.delitem(SENDERS, "till")
    replay_entries(db, [key])
    wait_until(lambda: db.inbox.find_one({"_id": key, "state": "parked", "reason": {"$regex": "no sender"}}), 10)

    monkeypatch.setitem(SENDERS, "till", TillSender())
    replay_entries(db, [key])
    wait_until(lambda: db.inbox.find_one({"_id": key, "state": "done"}), 10)
    assert stock_of(db) == {"COFFEE": 8}
    assert db.orders.count_documents({"_id": "till-1:42"}) == 1


def test_of_a_body_that_is_too_large_a_trace_is_kept(tills: list[Till], db: Db) -> None:
    body = b'{"event": "sale.completed", "data": "' + b"x" * (3 * 1024 * 1024) + b'"}'
    assert tills[0].send(body, secret="wrong").status_code == 401
    assert tills[0].send(body).status_code == 413
    [entry] = db.inbox.find({"kind": "till"})
    assert (entry["state"], entry["topic"], entry["body"]) == ("parked", "sale.completed", b"")
