"""Failed authentications: a line in the log that fail2ban reads, and a bounded number of entries in the audit."""

from __future__ import annotations

import base64
import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from pos_api.app import create_app
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.staff import audit, token_claims, users
from pos_api.staff.audit import FailedAttempts, Filter
from tests.paths import ROOT
from tests.service import POS_API, environment, running

PASSWORD = "correct horse battery"
KEY = {"X-API-Key": "test-api-key-of-more-than-32-characters"}
FILTER = ROOT / "deploy" / "fail2ban" / "filter.conf"
ORDER = {"event": "order.created", "data": {"id": 1}}


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def entries(db: Db, action: str) -> list[Document]:
    return audit.find(db, Filter(action=action))


def reasons(db: Db, action: str = "authentication.failed") -> list[str]:
    return sorted(entry["details"]["reason"] for entry in entries(db, action))


def log_in(client: FlaskClient, name: str) -> None:
    assert client.post("/api/auth/login", json={"name": name, "password": "wrong"}).status_code == 401


# --- in the audit ---------------------------------------------------------------------------------------------------


def test_a_failed_log_in_is_recorded_with_its_address_and_the_known_user(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    log_in(client, "Anna")
    (entry,) = entries(db, "login.failed")
    assert (entry["target"], entry["outcome"]) == ("anna", "failed")
    assert entry["who"] == {"kind": "unknown", "name": "unknown", "address": "127.0.0.1"}
    assert entry["details"] == {"reason": "wrong password", "count": 1}


def test_a_password_in_the_field_of_the_name_is_recorded_nowhere(
    client: FlaskClient, db: Db, capfd: pytest.CaptureFixture[str]
) -> None:
    log_in(client, PASSWORD)
    (entry,) = entries(db, "login.failed")
    assert entry["target"] == "unknown"
    assert PASSWORD not in str(entry) + capfd.readouterr().out


def test_each_kind_of_wrong_credential_has_its_reason(client: FlaskClient, db: Db, config: Config) -> None:
    expired, _ = token_claims.token(config.jwt_secret, "anna", "viewer", timedelta(hours=-1))
    for headers in (
        {"X-API-Key": "wrong"},
        {"X-WC-Webhook-Signature": base64.b64encode(b"x" * 32).decode()},
        {**KEY, "webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"},
        {},
    ):
        assert client.post("/api/webhooks/orders", json=ORDER, headers=headers).status_code == 401
    for token in ("x.y.z", expired):
        assert client.get("/api/products", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert reasons(db) == sorted(
        ["wrong API key", "wrong webhook signature", "no credentials", "wrong token", "expired token"]
    )


def test_equal_failures_of_a_minute_are_one_entry_with_their_count(db: Db) -> None:
    attempts = FailedAttempts()
    for _ in range(20):
        attempts.record(db, "authentication.failed", "wrong API key", "203.0.113.9")
        attempts.record(db, "authentication.failed", "wrong API key", "203.0.113.10")
    found = entries(db, "authentication")
    assert sum(entry["details"]["count"] for entry in found) == 40
    assert len(found) <= 4, "two addresses, in one minute or two"


def test_many_addresses_can_not_fill_the_database(db: Db) -> None:
    attempts = FailedAttempts(entries_an_hour=10)
    for number in range(100):
        attempts.record(db, "login.failed", "wrong password", f"203.0.113.{number}", f"user{number}")
    found = entries(db, "login")
    assert sum(entry["details"]["count"] for entry in found) == 100
    others = [entry for entry in found if entry["who"]["address"] == "others"]
    assert len(found) - len(others) <= 20, "ten, in one hour or two"
    assert 1 <= len(others) <= 2
    assert others[0]["target"] is None


def test_who_is_refused_without_being_looked_at_leaves_no_more_entries(client: FlaskClient, db: Db) -> None:
    statuses = [client.get("/api/webhooks/health", headers={"X-API-Key": "x"}).status_code for _ in range(70)]
    assert statuses.count(429) >= 5
    assert sum(entry["details"]["count"] for entry in entries(db, "authentication")) == statuses.count(401)


# --- in the log -----------------------------------------------------------------------------------------------------


@pytest.fixture
def behind_a_proxy(config: Config, db: Db) -> Iterator[FlaskClient]:
    service = create_app(dataclasses.replace(config, proxies=1), db)
    yield service.test_client()
    service.extensions["pos"].close()


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capfd.readouterr().out.splitlines() if "authentication failed" in line]


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.9: wrong API key", "unknown"),
    ],
)
def test_the_line_in_the_log_has_a_fixed_form(
    behind_a_proxy: FlaskClient, forwarded: str, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    behind_a_proxy.get("/api/webhooks/health", headers={"X-API-Key": "wrong", "X-Forwarded-For": forwarded})
    (line,) = lines(capfd)
    form = r"\d{4}-\d\d-\d\dT[\d:.]+Z warning  authentication failed from (\S+): wrong API key  .*"
    matched = re.fullmatch(form, line)
    assert matched, line
    assert matched[1] == address


def test_a_right_key_and_token_leave_no_such_line(
    client: FlaskClient, config: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    token, _ = token_claims.token(config.jwt_secret, "anna", "viewer")
    client.post("/api/webhooks/orders", json=ORDER, headers=KEY)
    client.get("/api/products", headers={"Authorization": f"Bearer {token}"})
    assert lines(capfd) == []


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_fail2ban_finds_who_guessed_and_nobody_else(log_format: str, config: Config, db: Db, tmp_path: Path) -> None:
    """The log of a real service, with what others sent in it."""
    settings = {
        "MONGODB_URI": str(config.mongodb_uri),
        "WEBHOOK_API_KEY": config.webhook_api_key,
        "JWT_SECRET": config.jwt_secret,
        "LOG_FORMAT": log_format,
        "PROXIES": "1",
    }
    forged = [
        "authentication failed from 192.0.2.1: wrong API key",
        "\n2026-11-28T09:33:20.1Z warning  authentication failed from 192.0.2.1: wrong API key",
        '", "event": "authentication failed from 192.0.2.1: wrong API key"}',
        '\n{"module": "pos_api.web.api", "event": "authentication failed from 192.0.2.1: wrong API key"}',
    ]
    with running([*POS_API, "serve"], tmp_path, environment(**settings)) as service:

        def send(path: str, address: str, json: Any = None, **headers: str) -> int:
            headers["X-Forwarded-For"] = address
            return requests.request(
                "POST" if json else "GET", f"{service.url}{path}", json=json, headers=headers, timeout=20
            ).status_code

        deliveries = "/api/webhooks/orders"
        assert send("/api/webhooks/health", "203.0.113.1", **{"X-API-Key": "wrong"}) == 401
        assert send(deliveries, "203.0.113.2", ORDER, **{"X-WC-Webhook-Signature": "d3Jvbmc="}) == 401
        assert send("/api/products", "2001:db8::3", Authorization="Bearer x.y.z") == 401
        assert send("/api/auth/login", "203.0.113.4", {"name": "anna", "password": "wrong"}) == 401
        assert send("/api/products", "198.51.100.1") == 401, "a browser without a token"
        for text in forged:
            assert send(deliveries, "198.51.100.2", {"event": text, "data": {"id": 1, "number": text}}, **KEY) == 200
    said = service.said()
    assert said.count("authentication failed from 192.0.2.1") >= len(forged), "the log shows what was sent"
    if not shutil.which("fail2ban-regex"):
        pytest.skip("fail2ban is not installed here")
    found = subprocess.run(
        ["fail2ban-regex", "--out", "ip", str(service.output), str(FILTER)], capture_output=True, text=True, check=False
    )
    banned = found.stdout.split()
    assert banned == ["203.0.113.1", "203.0.113.2", "2001:db8::3", "203.0.113.4"], found.stdout + found.stderr
