"""Stripe's own library for Node.js signs what is accepted here, and accepts what these tests sign.

It runs where STRIPE_NODE_DIR names a folder in which `npm install stripe` was run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.config import Config
from pos_api.database.client import Db
from tests.senders.provider_stores import add_store, forget_cached_stores, payment_of, send, signature
from tests.senders.stripe.events import HEADER, SECRET, event, intent

_DIRECTORY = os.environ.get("STRIPE_NODE_DIR", "")
pytestmark = [
    pytest.mark.skipif(not _DIRECTORY, reason="Stripe's library is needed: set STRIPE_NODE_DIR"),
    pytest.mark.skipif(not shutil.which("node"), reason="Node.js is needed"),
]

URL = "/api/webhooks/stripe"
PAID = event("payment_intent.succeeded", intent(description="Frukost på Åkerö 🍳"))
BODY = json.dumps(PAID, ensure_ascii=False).encode()


def _node(script: str, **given: Any) -> Any:
    """What a script answers by `answer(…)` that has `stripe`, and these values as `given`."""
    prelude = (
        "const Stripe = require('stripe'); const stripe = new (Stripe.default || Stripe)('sk_test_none');"
        "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "const answer = (value) => console.log(JSON.stringify(value));"
    )
    command = ["node", "-e", prelude + script]
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": os.path.join(_DIRECTORY, "node_modules")}
    ended = subprocess.run(
        command, input=json.dumps(given), env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(ended.stdout)


@pytest.fixture
def stripe(client: FlaskClient, db: Db, config: Config) -> FlaskClient:
    """The service, with an account of Stripe."""
    add_store(db, config, "stripe-1", "stripe", SECRET, orders_of="default")
    forget_cached_stores(client)
    return client


def test_what_stripes_library_signs_is_accepted(stripe: FlaskClient, db: Db) -> None:
    header = _node(
        "answer(stripe.webhooks.generateTestHeaderString({payload: given.body, secret: given.secret}))",
        body=BODY.decode(),
        secret=SECRET,
    )
    assert send(stripe, URL, BODY.replace(b"20000", b"20001"), HEADER, header).status_code == 401
    reply = send(stripe, URL, BODY, HEADER, header)
    assert (reply.status_code, reply.get_json()["data"]["outcome"]) == (200, "created")
    assert payment_of(db, "stripe-1:pi_1")["amount"] == "200.00"


@pytest.mark.parametrize(
    ("secret", "expected"), [(SECRET, "evt_1"), ("whsec_another", "StripeSignatureVerificationError")]
)
def test_stripes_library_accepts_what_is_signed_here(secret: str, expected: str) -> None:
    answered = _node(
        "try { answer(stripe.webhooks.constructEvent(given.body, given.header, given.secret).id) }"
        "catch (error) { answer(error.type) }",
        body=BODY.decode(),
        header=signature(BODY, SECRET),
        secret=secret,
    )
    assert answered == expected
