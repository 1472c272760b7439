"""PaymentKit's deliveries over HTTP: signed as one component of an application signs for another, or with a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.paymentkit.events import HEADER, SECRET, component_headers, event, intent, public_key
from tests.senders.provider_stores import add_store, forget_cached_stores, payment_of, send

URL = "/api/webhooks/paymentkit/kit-1"
PAID = event("payment_intent.succeeded", intent())
BODY = json.dumps(PAID, ensure_ascii=False).encode()
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@pytest.fixture
def kit(client: FlaskClient, db: Db, config: Config) -> FlaskClient:
    """The service, with three applications: with a secret and a key, with a key alone, and with a secret alone."""
    add_store(db, config, "kit-1", "paymentkit", SECRET, orders_of="default", public_key=public_key())
    add_store(db, config, "kit-2", "paymentkit", orders_of="default", public_key=public_key(OTHER_KEY))
    add_store(db, config, "kit-3", "paymentkit", "another secret", orders_of="default")
    add_store(db, config, "stripe-1", "stripe", "whsec_of_stripe", orders_of="default")
    forget_cached_stores(client)
    return client


def _post(client: FlaskClient, headers: dict[str, str], body: bytes = BODY, url: str = URL) -> int:
    return client.post(url, data=body, headers=headers).status_code


def test_a_component_signature_counts_for_the_store_whose_key_made_it(kit: FlaskClient, db: Db) -> None:
    assert _post(kit, component_headers(BODY, URL)) == 200
    assert payment_of(db, "kit-1:pi_1")["amount"] == "20.00"
    url = "/api/webhooks/paymentkit?livemode=true"
    assert _post(kit, component_headers(BODY, url, OTHER_KEY), url=url) == 200
    assert payment_of(db, "kit-2:pi_1")["amount"] == "20.00"


@pytest.mark.parametrize("header", [HEADER, "Stripe-Signature"])
def test_a_signature_with_the_stores_secret_counts_in_either_header(kit: FlaskClient, header: str) -> None:
    for outcome in ("created", "duplicate"):
        reply = send(kit, URL, PAID, header, secret=SECRET)
        assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, outcome)


def _refused() -> dict[str, tuple[dict[str, str], bytes, str]]:
    right = component_headers(BODY, URL)
    kit_2 = "/api/webhooks/paymentkit/kit-2"
    without_key = "/api/webhooks/paymentkit/kit-3"
    return {
        "another store's key": (component_headers(BODY, URL, OTHER_KEY), BODY, URL),
        "an altered body": (right, BODY.replace(b"2000", b"9000"), URL),
        "a truncated body": (right, BODY[:-7], URL),
        "another store's address": (right, BODY, kit_2),
        "a store without a key": (component_headers(BODY, without_key), BODY, without_key),
        "a query that was not signed": (right, BODY, f"{URL}?livemode=false"),
        "an hour ahead": (component_headers(BODY, URL, ahead=3600), BODY, URL),
        "past its time": (component_headers(BODY, URL, ahead=-3600), BODY, URL),
        "a time that was not signed": ({**right, "X-Component-Sig-Exp": "9999999999"}, BODY, URL),
        "no time": ({**right, "X-Component-Sig-Iat": ""}, BODY, URL),
        "half a signature": ({**right, "X-Component-Sig": right["X-Component-Sig"][:66]}, BODY, URL),
        "no ASCII": ({**right, "X-Component-Sig": "0x\u00e4"}, BODY, URL),
        "another version": ({**right, "X-Component-Sig-Version": "2"}, BODY, URL),
        "a wrong one beside no other": ({**right, "X-Component-Sig": "0x" + "00" * 64}, BODY, URL),
    }


@pytest.mark.parametrize("name", _refused())
def test_any_other_component_signature_is_refused_and_leaves_nothing(kit: FlaskClient, db: Db, name: str) -> None:
    headers, body, url = _refused()[name]
    assert _post(kit, headers, body, url) == 401
    assert db.inbox.count_documents({}) == 0


def test_secrets_of_other_stores_and_kinds_and_no_signature_are_refused(kit: FlaskClient, db: Db) -> None:
    for secret in ("another secret", "whsec_of_stripe", ""):
        assert send(kit, URL, PAID, HEADER, secret=secret).status_code == 401
    assert send(kit, "/api/webhooks/paymentkit/kit-2", PAID, HEADER, secret="").status_code == 401
    assert send(kit, URL, PAID, "X-Webhook-Signature", secret=SECRET).status_code == 401
    assert db.inbox.count_documents({}) == 0


def test_a_body_without_a_currency_is_parked_and_answered_200(kit: FlaskClient, db: Db) -> None:
    body = json.dumps(event("payment_intent.succeeded", {**intent(), "paymentCurrency": None})).encode()
    reply = kit.post(URL, data=body, headers=component_headers(body, URL))
    assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "parked")
    assert db.payments.count_documents({}) == 0


def test_an_unknown_event_is_ignored(kit: FlaskClient) -> None:
    for kind in ("customer.credit.low_balance", "checkout.session.nft_minted", "product.created"):
        unknown: Any = event(kind, {"id": "x_1"})
        assert send(kit, URL, unknown, HEADER, secret=SECRET).get_json()["data"]["outcome"] == "ignored"


def test_a_body_that_is_too_large_for_a_component_signature_is_refused(kit: FlaskClient, db: Db) -> None:
    for size in (300_000, 3_000_000):
        body = json.dumps(event("payment_intent.succeeded", intent(description="x" * size))).encode()
        assert _post(kit, component_headers(body, URL), body) == 413
        assert send(kit, URL, body, HEADER, secret="wrong").status_code == 401
    assert db.inbox.count_documents({}) == 0
