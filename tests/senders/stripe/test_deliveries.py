"""Stripe's deliveries over HTTP: who signed them, and what they are answered."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.database.sealing import seal
from tests.factories import Shop, order
from tests.senders.provider_stores import add_store, forget_cached_stores, payment_of, send, signature
from tests.senders.stripe.events import HEADER, SECRET, event, intent
from tests.waiting import wait_until

URL = "/api/webhooks/stripe/stripe-1"
OTHER = "whsec_of_another_account"
PAID = event("payment_intent.succeeded", intent())


@pytest.fixture
def stripe(client: FlaskClient, db: Db, config: Config) -> FlaskClient:
    """The service, with two accounts of Stripe and an application of PaymentKit."""
    add_store(db, config, "stripe-1", "stripe", SECRET, orders_of="default")
    add_store(db, config, "stripe-2", "stripe", OTHER, orders_of="default")
    add_store(db, config, "kit-1", "paymentkit", "secret of the kit", orders_of="default")
    forget_cached_stores(client)
    return client


def test_a_signed_payment_is_kept_and_counts_once(stripe: FlaskClient, db: Db) -> None:
    for outcome in ("created", "duplicate"):
        reply = send(stripe, URL, PAID, HEADER, secret=SECRET)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, outcome)
    assert (
        send(stripe, URL, {**PAID, "id": "evt_2"}, HEADER, secret=SECRET).get_json()["data"]["outcome"] == "unchanged"
    )
    payment = payment_of(db, "stripe-1:pi_1")
    assert (payment["status"], payment["amount"], payment["currency"]) == ("completed", "200.00", "SEK")
    assert db.payments.count_documents({}) == 1
    stored = db.inbox.find_one({"topic": "payment_intent.succeeded"}) or {}
    assert "anna" not in repr(stored)
    assert SECRET not in repr(stored)


@pytest.mark.parametrize("ahead", [-299, 299])
def test_a_signature_may_be_five_minutes_old_or_ahead(stripe: FlaskClient, ahead: int) -> None:
    body = json.dumps(PAID).encode()
    header = signature(body, SECRET, int(now().timestamp()) + ahead)
    assert send(stripe, URL, body, HEADER, header).status_code == 200


def test_any_of_several_signatures_counts(stripe: FlaskClient) -> None:
    body = json.dumps(PAID).encode()
    time, right = signature(body, SECRET).split(",")
    header = f"{time},v1={'0' * 64},v0={'1' * 64},{right}"
    assert send(stripe, URL, body, HEADER, header).status_code == 200


def test_two_secrets_count_while_they_are_rotated(stripe: FlaskClient, db: Db, config: Config) -> None:
    db.stores.update_one({"_id": "stripe-1"}, {"$set": {"former_webhook_secret": seal("whsec_former", config)}})
    forget_cached_stores(stripe)
    assert send(stripe, URL, PAID, HEADER, secret="whsec_former").status_code == 200
    assert send(stripe, URL, {**PAID, "id": "evt_2"}, HEADER, secret=SECRET).status_code == 200


_BODY = json.dumps(PAID).encode()


def _headers() -> dict[str, tuple[bytes, str | None]]:
    present = int(now().timestamp())
    plain = hmac.new(SECRET.encode(), _BODY, hashlib.sha256).hexdigest()
    time, right = signature(_BODY, SECRET).split(",")
    return {
        "none": (_BODY, ""),
        "another store's secret": (_BODY, signature(_BODY, OTHER)),
        "another kind's secret": (_BODY, signature(_BODY, "secret of the kit")),
        "the secret without its prefix": (_BODY, signature(_BODY, SECRET.removeprefix("whsec_"))),
        "an altered body": (_BODY.replace(b"20000", b"90000"), signature(_BODY, SECRET)),
        "a truncated body": (_BODY[:-9], signature(_BODY, SECRET)),
        "an hour ahead": (_BODY, signature(_BODY, SECRET, present + 3600)),
        "an hour old": (_BODY, signature(_BODY, SECRET, present - 3600)),
        "another time": (_BODY, f"t={present - 1},{right}"),
        "two times": (_BODY, f"{time},t={present - 1},{right}"),
        "no time": (_BODY, right),
        "no signature of version 1": (_BODY, f"{time},{right.replace('v1', 'v0')}"),
        "no HMAC over the time": (_BODY, f"{time},v1={plain}"),
        "a body's hash as Kaynko signs": (_BODY, f"sha256={plain}"),
        "no ASCII": (_BODY, f"{time},v1=\u00e4"),
        "digits that are no ASCII": (_BODY, f"t=\u00b2,{right}"),
        "a time beyond all": (_BODY, f"t={'9' * 400},{right}"),
        "a great many": (_BODY, f"{time},{','.join(['v1=00'] * 500)},{right}"),
    }


@pytest.mark.parametrize("name", _headers())
def test_whatever_else_is_in_the_signature_is_refused_and_leaves_nothing(
    stripe: FlaskClient, db: Db, name: str
) -> None:
    body, header = _headers()[name]
    reply = send(stripe, URL, body, HEADER, header)
    assert reply.status_code == 401, reply.text
    assert SECRET not in reply.text
    assert db.inbox.count_documents({}) == 0


def test_a_delivery_without_a_signature_or_with_one_of_another_kind_is_refused(stripe: FlaskClient, db: Db) -> None:
    for header in ("X-PaymentKit-Signature", "X-Webhook-Signature", "X-Kaynko-Signature"):
        assert send(stripe, URL, PAID, header, secret=SECRET).status_code == 401
    assert send(stripe, "/api/webhooks/stripe/kit-1", PAID, HEADER, secret="secret of the kit").status_code == 401
    assert send(stripe, "/api/webhooks/stripe/stripe-2", PAID, HEADER, secret=SECRET).status_code == 401
    assert db.inbox.count_documents({}) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"no JSON",
        b'{"type": "payment_intent.succeeded"}',
        b'{"type": "payment_intent.succeeded", "data": {"object": []}}',
        b'{"type": 7, "data": {"object": {}}}',
        b'{"type": "payment_intent.succeeded", "type": "refund.created"}',
        b"\xff\xfe",
        b"[" * 10_000,
        json.dumps(event("payment_intent.succeeded", intent(currency=None))).encode(),
        json.dumps({"object": "v2.core.event", "type": "v1.payment_intent.succeeded"}).encode(),
    ],
)
def test_what_can_not_be_used_is_parked_and_answered_200(stripe: FlaskClient, db: Db, body: bytes) -> None:
    reply = send(stripe, URL, body, HEADER, secret=SECRET)
    assert reply.status_code == 200, reply.text
    assert reply.get_json()["data"]["outcome"] == "parked"
    [entry] = db.inbox.find({"state": "parked"})
    assert entry["reason"]
    assert db.payments.count_documents({}) == 0


def test_an_event_that_is_not_known_is_ignored_and_kept(stripe: FlaskClient, db: Db) -> None:
    unknown: list[Any] = [event("payout.paid", {"id": "po_1"}), event("charge.dispute.created", {"id": "dp_1"})]
    for each in unknown:
        reply = send(stripe, URL, each, HEADER, secret=SECRET)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "ignored")
    assert db.inbox.count_documents({"state": "done", "outcome": "ignored"}) == 2


def test_a_body_that_is_too_large_leaves_a_trace_only_where_it_is_signed(stripe: FlaskClient, db: Db) -> None:
    body = json.dumps(event("payment_intent.succeeded", intent(description="x" * 3_000_000))).encode()
    assert send(stripe, URL, body, HEADER, secret=OTHER).status_code == 401
    assert send(stripe, URL, body, HEADER, secret=SECRET).status_code == 200
    [entry] = db.inbox.find()
    assert (entry["state"], entry["body"]) == ("parked", b"")


def test_a_parked_payment_is_applied_when_it_is_replayed(stripe: FlaskClient, db: Db) -> None:
    lacking = event("payment_intent.succeeded", intent(currency="points"))
    key = send(stripe, URL, lacking, HEADER, secret=SECRET).get_json()["data"]["event_key"]
    body = json.dumps(PAID).encode()
    db.inbox.update_one({"_id": key}, {"$set": {"body": body, "state": "waiting", "due_at": now(), "attempts": 0}})
    wait_until(lambda: db.payments.find_one({"_id": "stripe-1:pi_1"}), 10)


@pytest.mark.parametrize("first", ["the order", "the payment"])
@pytest.mark.parametrize(
    ("named", "metadata", "transaction"),
    [
        ("by its id", {"order_id": "4711"}, ""),
        ("by its number", {"woocommerce_order_id": "#W-4711"}, ""),
        ("by the charge", {}, "ch_1"),
        ("by the intent", {}, "pi_1"),
    ],
)
def test_a_payment_finds_its_order_whichever_comes_first(
    stripe: FlaskClient, db: Db, first: str, named: str, metadata: dict[str, str], transaction: str
) -> None:
    bought = order(4711, number="W-4711", transaction_id=transaction)

    def send_order() -> None:
        assert Shop(stripe).outcome("order.created", bought) == "created"

    def send_payment() -> None:
        paid = event("payment_intent.succeeded", intent(metadata=metadata))
        assert send(stripe, URL, paid, HEADER, secret=SECRET).status_code == 200

    for step in (send_order, send_payment) if first == "the order" else (send_payment, send_order):
        step()
    assert payment_of(db, "stripe-1:pi_1")["order"] == "default:4711"
