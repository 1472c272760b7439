"""KasperoPay's webhooks over HTTP, and the look-ups that they lead to, at a server of the test's own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox.replay import replay_entries
from pos_api.outbound import client as outbound
from pos_api.processing import lookup_threads
from pos_api.senders.kasperopay import payment, sender
from pos_api.stores import removal
from tests.factories import Shop, line, order
from tests.hostile_shop import Answering
from tests.senders.kasperopay.kaspa import MERCHANT, StatusServer, add_kaspa_store, completed, paid, raw
from tests.senders.kasperopay.kaspa import status_server as serving
from tests.senders.provider_stores import forget_cached_stores, payment_of
from tests.waiting import wait_until
from tests.web.api.test_products import as_

URL = "/api/webhooks/kasperopay/kaspa-1"
KEY = "kaspa-1:pay_1"


@pytest.fixture
def config(config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Settings that let this machine be asked. Look-ups begin at once."""
    monkeypatch.setattr(lookup_threads, "_POLL", 0.02)
    return replace(config, outbound_allow=(ip_network("127.0.0.0/8"),))


@pytest.fixture
def status() -> Iterator[StatusServer]:
    with serving() as server:
        yield server


@pytest.fixture
def kaspa(client: FlaskClient, db: Db, config: Config, status: StatusServer) -> FlaskClient:
    """The service, with two merchants."""
    add_kaspa_store(db, config, status)
    add_kaspa_store(db, config, status, "kaspa-2", merchant_id="kpm_other", store_name="Other")
    read_stores_anew(client)
    return client


def read_stores_anew(client: FlaskClient) -> None:
    """Let the service, and its threads that look up, read their stores anew."""
    forget_cached_stores(client)
    client.application.extensions["pos"].schedule._lookups._stores._read_at = float("-inf")


def send(client: FlaskClient, message: Any, url: str = URL) -> TestResponse:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return client.post(url, data=body, headers={"Content-Type": "application/json"})


def status_of(db: Db, key: str = KEY) -> str | None:
    return payment_of(db, key).get("status")


def wait_for(db: Db, status: str, key: str = KEY) -> None:
    """Wait until the payment has this status, and nothing of it is left to be looked up."""
    looked_up = {"_id": key.replace(":", ":payment:", 1)}
    wait_until(lambda: status_of(db, key) == status and not db.lookups.count_documents(looked_up), 10)


def wait_for_attempts(db: Db, attempts: int, thing: str = "pay_1") -> None:
    wanted = {"thing": f"payment:{thing}", "attempts": attempts, "lease": {"$exists": False}}
    wait_until(lambda: db.lookups.count_documents(wanted) == 1, 10)


def make_due(db: Db, *, age: timedelta | None = None) -> None:
    """Let time pass until the next look-up, `age` after it was asked for."""
    changes = {"due_at": now()} | ({"since": now() - age} if age else {})
    if age:
        db.reports.update_many({}, {"$set": {"reports.$[].received_at": now() - age}})
    db.lookups.update_many({}, {"$set": changes})


# --- a payment ----------------------------------------------------------------------------------------------------


def test_a_payment_counts_once_it_was_looked_up(kaspa: FlaskClient, db: Db, status: StatusServer) -> None:
    status.answers["pay_1"] = completed()
    reply = send(kaspa, paid())
    assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "created")
    wait_for(db, "completed")
    shown = payment_of(db, KEY)
    assert (shown["amount"], shown["currency"], shown["method"]) == ("15.05", "USD", "kaspa")
    assert shown["details"]["amount_kas"] == "150.5"
    assert send(kaspa, paid()).get_json()["data"]["outcome"] == "duplicate"
    assert send(kaspa, paid(timestamp="2026-02-01T00:00:00Z")).get_json()["data"]["outcome"] == "unchanged"
    assert db.payments.count_documents({}) == 1
    wait_until(lambda: not db.lookups.count_documents({}), 10)
    assert "anna" not in repr(list(db.inbox.find())) + repr(list(db.reports.find()))
    assert "qrwallet" not in repr(list(db.inbox.find())) + repr(list(db.reports.find()))


def test_a_payment_that_is_pending_is_looked_up_again(kaspa: FlaskClient, db: Db, status: StatusServer) -> None:
    status.answers["pay_1"] = completed(status="pending", txid=...)
    send(kaspa, paid())
    wait_for_attempts(db, 1)
    assert status_of(db) == "unverified"
    [due] = db.lookups.find()
    assert timedelta(seconds=3) < due["due_at"] - now() <= timedelta(seconds=5)
    status.answers["pay_1"] = completed()
    make_due(db)
    wait_for(db, "completed")


def test_what_is_never_answered_is_parked_after_three_days(kaspa: FlaskClient, db: Db, status: StatusServer) -> None:
    key = send(kaspa, paid()).get_json()["data"]["event_key"]
    wait_for_attempts(db, 1)
    make_due(db, age=timedelta(days=2, hours=23))
    wait_for_attempts(db, 2)
    [due] = db.lookups.find()
    assert timedelta(minutes=59) < due["due_at"] - now() <= timedelta(hours=1)
    make_due(db, age=timedelta(days=3))
    wait_until(lambda: db.lookups.count_documents({}) == 0, 10)
    entry = db.inbox.find_one({"_id": key}) or {}
    assert (entry["state"], status_of(db)) == ("parked", "unverified")
    assert "KasperoPay does not know the payment (HTTP 404)." in entry["reason"]

    status.answers["pay_1"] = completed()
    replay_entries(db, [key])
    wait_for(db, "completed")


def test_of_a_store_that_was_disconnected_nothing_is_looked_up(
    kaspa: FlaskClient, db: Db, status: StatusServer
) -> None:
    key = send(kaspa, paid()).get_json()["data"]["event_key"]
    wait_for_attempts(db, 1)
    removal.disconnect_store(db, "kaspa-1", ["merchant_id"])
    read_stores_anew(kaspa)
    make_due(db)
    wait_for_attempts(db, 2)
    assert db.inbox.count_documents({"_id": key, "state": "parked"}) == 0, "it may be connected again just now"
    make_due(db, age=timedelta(minutes=1))
    wait_until(lambda: db.lookups.count_documents({}) == 0, 10)
    entry = db.inbox.find_one({"_id": key}) or {}
    assert (entry["state"], status_of(db), status.asked) == ("parked", "unverified", ["pay_1"])
    assert entry["reason"] == "It could not be verified. The store is disconnected."

    db.stores.update_one({"_id": "kaspa-1"}, {"$set": {"settings.merchant_id": MERCHANT}})
    read_stores_anew(kaspa)
    status.answers["pay_1"] = completed()
    send(kaspa, paid(timestamp="2026-01-30T15:31:00.000Z", order_id="ord_457"))
    wait_for(db, "completed")


def test_a_claim_that_is_contradicted_is_parked_and_replayed_once_the_settings_are_right(
    kaspa: FlaskClient, db: Db, status: StatusServer
) -> None:
    status.answers["pay_1"] = completed(store_name="My New Shop")
    key = send(kaspa, paid()).get_json()["data"]["event_key"]
    wait_for(db, "failed")
    entry = db.inbox.find_one({"_id": key}) or {}
    assert entry["state"] == "parked"
    assert entry["reason"] == "KasperoPay has it otherwise: store name is My New Shop, and not My Shop."
    assert send(kaspa, paid(timestamp=...)).status_code == 200, "parked, and answered 200"
    db.stores.update_one({"_id": "kaspa-1"}, {"$set": {"settings.store_name": "My New Shop"}})
    read_stores_anew(kaspa)
    replay_entries(db, [key])
    wait_for(db, "completed")


def test_a_false_claim_never_harms_the_true_one(kaspa: FlaskClient, db: Db, status: StatusServer) -> None:
    status.answers["pay_1"] = completed()
    false = [paid(amount_usd="99.00"), paid(transaction_id="made up"), paid(amount_kas="0.1", order_id="theirs")]
    keys = [send(kaspa, each).get_json()["data"]["event_key"] for each in (*false, paid())]
    wait_for(db, "completed")
    wait_until(lambda: db.inbox.count_documents({"state": "parked"}) == 3, 10)
    assert {each["_id"] for each in db.inbox.find({"state": "parked"})} == set(keys[:3])
    again = send(kaspa, paid(amount_usd="1.00")).get_json()["data"]
    assert (again["outcome"], status_of(db)) == ("parked", "completed")
    assert payment_of(db, KEY)["amount"] == "15.05"


def test_a_flood_of_false_claims_about_one_payment_does_not_keep_the_true_one_out(
    kaspa: FlaskClient, db: Db, status: StatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MOST_CLAIMS", 5)
    monkeypatch.setattr(payment, "_FALSE_CLAIMS", 2)
    for number in range(5):
        assert send(kaspa, paid(amount_usd=f"{number + 1}.99")).get_json()["data"]["outcome"] != "parked"
    key = send(kaspa, paid()).get_json()["data"]["event_key"]
    assert "There are 5 reports" in (db.inbox.find_one({"_id": key}) or {})["reason"]
    wait_for_attempts(db, 1)
    status.answers["pay_1"] = completed()
    make_due(db)
    wait_for(db, "failed")
    assert db.inbox.count_documents({"state": "parked"}) == 6
    replay_entries(db, [key])
    wait_for(db, "completed")
    assert len((db.reports.find_one({}) or {})["reports"]) <= 4


@pytest.mark.parametrize("order_first", [True, False])
def test_the_order_has_the_payment_and_counts_it_once_it_is_verified(
    kaspa: FlaskClient, db: Db, status: StatusServer, order_first: bool
) -> None:
    bought = order(4711, line("TEA", 1), currency="USD", total="15.05", status="processing")
    if order_first:
        Shop(kaspa).deliver("order.created", bought)
    send(kaspa, paid(order_id="#4711"))
    wait_for_attempts(db, 1)
    if not order_first:
        Shop(kaspa).deliver("order.created", bought)
    staff = as_("manager")
    for expected in ("unverified", "completed"):
        shown = kaspa.get("/api/webhooks/orders/4711", headers=staff).get_json()["data"]
        assert [(each["id"], each["status"]) for each in shown["payments"]] == [(KEY, expected)]
        amounts = [Decimal(shown[name]) for name in ("paid", "owed")]
        assert amounts == ([Decimal("15.05"), 0] if expected == "completed" else [0, Decimal("15.05")])
        status.answers["pay_1"] = completed()
        make_due(db)
        wait_for(db, "completed")
    [listed] = kaspa.get("/api/payments?store=kaspa-1", headers=staff).get_json()["data"]
    assert (listed["order"], listed["details"]["amount_kas"]) == ("default:4711", "150.5")


# --- who sends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("merchant", ["kpm_nobody", "", None, ["kpm_abc123"], 5, ..., "kpm_other", MERCHANT.upper()])
def test_a_merchant_that_is_not_known_is_refused(kaspa: FlaskClient, db: Db, merchant: Any) -> None:
    assert send(kaspa, paid(merchant_id=merchant)).status_code == 401
    assert db.inbox.count_documents({}) == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b'{"merchant_id": "kpm_abc123"', b'"kpm_abc123"', b"[" * 10_000]
)
def test_a_body_that_names_no_merchant_is_refused(kaspa: FlaskClient, body: bytes) -> None:
    assert send(kaspa, body).status_code in (400, 401)


def test_the_address_of_a_store_takes_its_own_merchant_alone(kaspa: FlaskClient, db: Db, status: StatusServer) -> None:
    status.answers["pay_1"] = completed(store_name="Other")
    body = paid(merchant_id="kpm_other")
    assert send(kaspa, body, "/api/webhooks/kasperopay/kaspa-2").status_code == 200
    wait_for(db, "completed", "kaspa-2:pay_1")
    assert send(kaspa, body, "/api/webhooks/kasperopay/default").status_code == 401
    assert send(kaspa, body, "/api/webhooks/stripe/kaspa-2").status_code in (401, 404)


def test_what_can_not_be_used_is_parked_and_answered_200(kaspa: FlaskClient, db: Db, status: StatusServer) -> None:
    for odd in (paid(amount_usd="a lot"), paid(payment_id="../../admin"), paid(transaction_id=...), paid(event=None)):
        reply = send(kaspa, odd)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "parked")
    assert db.inbox.count_documents({"state": "parked"}) == 4
    assert status.asked == []
    assert db.payments.count_documents({}) == 0


def test_events_of_other_names_are_ignored(kaspa: FlaskClient, db: Db) -> None:
    assert send(kaspa, paid(event="payment.refunded")).get_json()["data"]["outcome"] == "ignored"
    assert db.payments.count_documents({}) == 0


def test_of_a_body_that_is_too_large_a_trace_is_kept(kaspa: FlaskClient, db: Db) -> None:
    large = json.dumps({**paid(), "metadata": "x" * (3 * 2**20)}).encode()
    assert send(kaspa, large).status_code == 200
    assert send(kaspa, large.replace(MERCHANT.encode(), b"kpm_nobody")).status_code == 401
    [entry] = db.inbox.find()
    assert (entry["state"], entry["topic"], entry["resource_id"], entry["body"]) == (
        "parked",
        "payment.completed",
        "pay_1",
        b"",
    )


# --- a server that is slow, broken or hostile -----------------------------------------------------------------------


def silent(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


def dripping(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    for _number in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


HOSTILE: dict[str, dict[str, Any] | bytes | Answering] = {
    "redirects": b"HTTP/1.1 302 Found\r\nLocation: /api/pay/status/pay_ok\r\nContent-Length: 0\r\n\r\n",
    "hangs": silent,
    "drips": dripping,
    "floods": raw(json.dumps({**completed(), "more": "x" * 2**20}).encode()),
    "is another's": completed(payment_id="pay_2"),
    "is no JSON type": raw(json.dumps(completed()).encode(), content_type="text/html"),
    "is no JSON": raw(b"<html>completed</html>"),
    "is cut off": raw(json.dumps(completed()).encode())[:-5],
    "is an error": raw(json.dumps(completed()).encode(), 500),
    "is no HTTP": b"completed",
    "is expired": completed(status="expired"),
    "has no transaction": completed(txid=...),
    "has no store": completed(store_name=""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_proves_nothing_leaves_the_payment_unverified(
    name: str, kaspa: FlaskClient, db: Db, status: StatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_GUARDED_SECONDS", 0.3)
    status.answers |= {"pay_1": HOSTILE[name], "pay_ok": completed("pay_ok")}
    assert send(kaspa, paid()).status_code == 200
    wait_for_attempts(db, 1)
    assert status_of(db) == "unverified"
    assert status.asked == ["pay_1"], "it is asked once, and no redirect is followed"
    status.answers["pay_1"] = completed()
    make_due(db)
    wait_for(db, "completed")


def test_a_private_address_is_not_asked(
    client: FlaskClient, db: Db, config: Config, status: StatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = client.application.extensions["pos"].schedule._lookups
    monkeypatch.setattr(lookups, "_config", replace(config, outbound_allow=()))
    for number, host in enumerate(("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254")):
        url = status.url.replace("127.0.0.1", host)
        add_kaspa_store(db, config, status, f"kaspa-{number}", merchant_id=f"kpm_{number}", status_url=url)
        read_stores_anew(client)
        body = paid(f"pay_{number}", merchant_id=f"kpm_{number}")
        assert send(client, body, f"/api/webhooks/kasperopay/kaspa-{number}").status_code == 200
        wait_for_attempts(db, 1, f"pay_{number}")
        assert status_of(db, f"kaspa-{number}:pay_{number}") == "unverified"
    assert status.asked == []


def test_a_flood_of_claims_at_one_store_keeps_no_other_waiting(
    kaspa: FlaskClient, db: Db, status: StatusServer
) -> None:
    """A thousand claims wait whose look-ups hang: those of another store, and deliveries, are done all the same."""
    release = threading.Event()

    def hanging(connection: socket.socket, _: bytes) -> None:
        release.wait(20)

    moment = now()
    flood = [
        {"_id": f"kaspa-1:payment:x{number}", "store": "kaspa-1", "thing": f"payment:x{number}", "since": moment}
        | {"attempts": 0, "due_at": moment - timedelta(hours=1)}
        for number in range(1_000)
    ]
    status.answers |= {f"x{number}": hanging for number in range(1_000)} | {
        "pay_9": completed("pay_9", store_name="Other")
    }
    db.lookups.insert_many(flood)
    wait_until(lambda: len(status.asked) >= 2, 10)
    began = time.monotonic()
    body = paid("pay_9", merchant_id="kpm_other")
    assert send(kaspa, body, "/api/webhooks/kasperopay/kaspa-2").status_code == 200
    wait_for(db, "completed", "kaspa-2:pay_9")
    assert time.monotonic() - began < 3
    assert sum(each.startswith("x") for each in status.asked) == 2
    release.set()
