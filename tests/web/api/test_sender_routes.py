"""Every kind of store that is no shop has its routes: by its kind, by the paths of its own guide, and by store."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.registry import SENDERS
from pos_api.stores import secrets, settings
from tests.paths import ROOT
from tests.senders.test_new_sender import SALE
from tests.senders.till_sender import TillSender, signed

PATHS = ("/api/webhooks/till", "/api/webhooks/till/", "/till", "/api/webhooks/till/till-1")


class Tills:
    """A service with a kind of store that only this test registers."""

    def __init__(self, client: FlaskClient, config: Config, db: Db) -> None:
        self.client, self._config, self._db = client, config, db

    def add(self, name: str) -> str:
        """Add a till; its secret."""
        secret = settings.add_store(self._db, self._config, name, kind="till").secret
        self.read_again()
        return secret

    def read_again(self) -> None:
        self.client.application.extensions["pos"].stores._read_at = float("-inf")

    def send(self, path: str, secret: str, sale: int = 42) -> TestResponse:
        body = json.dumps(SALE).replace("42", str(sale)).encode()
        return self.client.post(path, data=body, headers=signed(body, secret))


@pytest.fixture
def tills(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, config: Config, db: Db) -> Tills:
    monkeypatch.setitem(SENDERS, "till", TillSender())
    return Tills(request.getfixturevalue("client"), config, db)  # made now, as routes are made with the service


@pytest.mark.parametrize("path", PATHS)
def test_a_kinds_routes_are_there_once_there_is_a_store_of_it(path: str, tills: Tills) -> None:
    absent = tills.send(path, "secret")
    assert absent.status_code == 404
    assert "store of the kind till" in absent.get_json()["error"]["message"]
    assert tills.client.post(path, data=b'{"event":"ping"}').status_code == 404
    secret = tills.add("till-1")
    assert tills.send(path, secret).get_json()["data"]["outcome"] == "created"
    assert tills.send(path, "wrong").status_code == 401


@pytest.mark.parametrize("path", PATHS[:3])
def test_the_secret_shows_which_store_it_is(path: str, tills: Tills) -> None:
    secrets_of = {name: tills.add(name) for name in ("till-1", "till-2")}
    for name, secret in secrets_of.items():
        assert tills.send(path, secret).get_json()["data"]["order"] == f"{name}:42"


def test_both_secrets_are_taken_while_a_secret_is_rotated(tills: Tills, config: Config, db: Db) -> None:
    former = tills.add("till-1")
    latest = secrets.rotate_secret(db, config, "till-1")
    tills.read_again()
    assert [tills.send("/api/webhooks/till", each).status_code for each in (former, latest)] == [200, 200]
    secrets.end_rotation(db, "till-1")
    tills.read_again()
    assert [tills.send("/api/webhooks/till", each).status_code for each in (former, latest)] == [401, 200]


def test_a_site_that_a_delivery_names_does_not_bind_such_a_store(tills: Tills, db: Db) -> None:
    tills.send("/api/webhooks/till", tills.add("till-1"))
    assert "site" not in (db.stores.find_one({"_id": "till-1"}) or {})


def test_the_api_document_has_each_path_of_a_kind_with_its_example(tills: Tills) -> None:
    paths = tills.client.get("/api-docs/openapi.json").get_json()["paths"]
    for path in ("/api/webhooks/till", "/till"):
        operation = paths[path]["post"]
        example = operation["requestBody"]["content"]["application/json"]["examples"]["sale.completed"]["value"]
        assert example["event"] == "sale.completed"
        assert "X-Till-Signature" in [each["name"] for each in operation["parameters"]]
        assert operation["summary"].startswith("Take a delivery of Till")


@pytest.mark.parametrize("kind", [kind for kind, sender in SENDERS.items() if sender.paths])
def test_every_kind_is_documented_for_those_who_set_it_up(kind: str) -> None:
    sender = SENDERS[kind]
    assert sender.documentation is not None
    assert sender.paths[0] == f"/api/webhooks/{kind}"
    assert sender.documentation.examples.keys() & set(sender.topics)
    guide = (ROOT / "docs" / "senders.md").read_text()
    assert f"## {sender.documentation.name}\n" in guide
    assert all(f"`{path}`" in guide for path in sender.paths)
