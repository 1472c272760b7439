"""What plugin and service have agreed on, in tests/contract/*.json: PHPUnit holds the plugin to the same files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Unauthorized
from pos_api.senders.base import Authenticated, StoreCandidates
from pos_api.senders.woocommerce import authentication
from pos_api.stores.api_keys import signing_key
from pos_api.stores.model import DEFAULT
from pos_api.stores.registry import Stores
from tests.factories import Shop, outcome
from tests.paths import TESTS

_FOLDER = TESTS / "contract"
SIGNATURES: dict[str, Any] = json.loads((_FOLDER / "signatures.json").read_text())
ENVELOPES: list[dict[str, Any]] = json.loads((_FOLDER / "envelopes.json").read_text())["envelopes"]


def _named(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the clock by which signatures are judged."""

    def show(timestamp: int) -> None:
        class Then(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Then:
                return cls.fromtimestamp(timestamp, tz or UTC)

        monkeypatch.setattr("standardwebhooks.webhooks.datetime", Then)

    return show


@_named(SIGNATURES["vectors"])
def test_the_plugins_signature_is_the_one_the_standard_gives(
    case: dict[str, Any], db: Db, config: Config, clock: Any
) -> None:
    moment = datetime.fromtimestamp(case["timestamp"], UTC)
    assert Webhook(case["key"].encode()).sign(case["id"], moment, case["body"]) == case["signature"]
    clock(case["timestamp"])
    headers = {
        "x-api-key": case["key"],
        "webhook-id": case["id"],
        "webhook-timestamp": str(case["timestamp"]),
        "webhook-signature": case["signature"],
    }
    known = Stores(db, _with_key(config, case["key"]))
    assert _authenticate(known, headers, case["body"]).store.id == DEFAULT


def _authenticate(stores: Stores, headers: Mapping[str, str], body: str) -> Authenticated:
    return authentication.authenticate(headers, body.encode(), StoreCandidates(stores, "woocommerce", None))


def _with_key(config: Config, key: str) -> Config:
    return replace(config, webhook_api_key=key)


@_named(SIGNATURES["invalid"])
def test_a_signature_that_is_not_valid_is_refused(case: dict[str, Any], db: Db, config: Config, clock: Any) -> None:
    clock(case.get("now", SIGNATURES["now"]))
    headers = {"x-api-key": case["key"], **{name.lower(): value for name, value in case["headers"].items()}}
    with pytest.raises(Unauthorized):
        _authenticate(Stores(db, _with_key(config, case["key"])), headers, case["body"])


@_named(SIGNATURES["to_shops"])
def test_a_request_to_the_plugin_is_signed_with_a_key_that_both_derive(case: dict[str, Any]) -> None:
    key = signing_key(case["key"])
    assert key.hex() == case["derived"]
    moment = datetime.fromtimestamp(case["timestamp"], UTC)
    assert Webhook(key).sign(case["id"], moment, case["body"]) == case["signature"]


@_named(ENVELOPES)
def test_an_envelope_of_the_plugin_is_taken(case: dict[str, Any], client: FlaskClient) -> None:
    shop = Shop(client)
    assert outcome(shop.post(case["body"].encode())) not in ("parked", "duplicate")
    assert outcome(shop.post(case["body"].encode())) == "duplicate"
