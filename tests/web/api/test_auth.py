"""Log in, tokens and roles over HTTP."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from pos_api.app import create_app
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import token_claims, users
from tests.factories import API_KEY

pytestmark = pytest.mark.plain_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed here as ever, with less work."""
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def log_in(client: FlaskClient, name: str = "anna", password: str = PASSWORD, **options: Any) -> Any:
    return client.post("/api/auth/login", json={"name": name, "password": password}, **options)


def test_log_in_and_use_the_token(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD, "manager")
    reply = log_in(client)
    assert reply.status_code == 200
    data = reply.json["data"]
    assert (data["name"], data["role"], data["token_type"]) == ("anna", "manager", "Bearer")
    me = client.get("/api/auth/me", headers={"Authorization": f"Bearer {data['token']}"})
    assert me.json == {"success": True, "data": {"name": "anna", "role": "manager"}}


def test_no_cache_keeps_a_token_or_what_it_opens(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD, "manager")
    login = log_in(client)
    token = {"Authorization": f"Bearer {login.json['data']['token']}"}
    for reply in (login, *(client.get(path, headers=token) for path in ("/api/auth/me", "/api/orders", "/api/inbox"))):
        assert reply.headers["Cache-Control"] == "no-store"


def test_a_wrong_password_is_401_in_the_one_error_shape(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    reply = log_in(client, password="wrong")
    assert reply.status_code == 401
    assert reply.json["success"] is False
    assert reply.json["error"]["code"] == "unauthorized"
    assert reply.json["request_id"] == reply.headers["X-Request-Id"]
    assert "Bearer" in reply.headers["WWW-Authenticate"]


def test_without_a_token_it_is_401_that_names_the_scheme(client: FlaskClient) -> None:
    reply = client.get("/api/auth/me")
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_eleventh_failed_log_in_is_429_and_says_when(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    assert [log_in(client, password="wrong").status_code for _ in range(10)] == [401] * 10
    reply = log_in(client)
    assert reply.status_code == 429
    assert reply.json["error"]["code"] == "too_many_requests"
    assert 1 <= int(reply.headers["Retry-After"]) <= 301


def test_a_right_key_and_token_pass_while_wrong_ones_of_the_same_address_are_429(client: FlaskClient) -> None:
    statuses = [client.get("/api/webhooks/health", headers={"X-API-Key": "wrong"}).status_code for _ in range(61)]
    assert statuses == [401] * 60 + [429]
    order = {"event": "order.created", "data": {"id": 1}}
    assert client.post("/api/webhooks/orders", json=order, headers={"X-API-Key": "wrong"}).status_code == 429
    assert (
        client.post(
            "/api/webhooks/orders", json=order, headers={"X-API-Key": "test-api-key-of-more-than-32-characters"}
        ).status_code
        == 200
    )
    token, _ = token_claims.token("test-jwt-secret-of-more-than-32-bytes", "cron", "viewer")
    assert client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(("processes", "log_ins", "authentications"), [(1, 10, 60), (2, 5, 30), (64, 1, 1)])
def test_the_web_processes_together_allow_no_more_failures_than_one(
    config: Config, db: Db, processes: int, log_ins: int, authentications: int
) -> None:
    users.add(db, "anna", PASSWORD)
    service = create_app(dataclasses.replace(config, web_processes=processes), db)
    try:
        client = service.test_client()
        statuses = [log_in(client, password="wrong").status_code for _ in range(log_ins + 1)]
        assert statuses == [401] * log_ins + [429]
        rest = authentications - log_ins
        statuses = [client.get("/api/auth/me").status_code for _ in range(rest + 1)]
        assert statuses == [401] * rest + [429]
    finally:
        service.extensions["pos"].close()


def test_what_is_no_log_in_counts_as_one_that_failed(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    bodies: list[dict[str, Any]] = [
        {"data": "{", "content_type": "application/json"},
        {"json": {"name": "anna", "password": "x", "role": "admin"}},
        {"json": {"name": "anna", "password": "x" * 5000}},
        {"json": {"name": "anna", "password": "wrong"}},
    ]
    statuses = [client.post("/api/auth/login", **bodies[number % 4]).status_code for number in range(10)]
    assert statuses == [*([400, 422, 413, 401] * 2), 400, 422]
    assert log_in(client).status_code == 429
    assert client.post("/api/auth/login", **bodies[0]).status_code == 429


@pytest.mark.parametrize("size", [10, 5000])
def test_no_web_page_can_lock_out_everybody_at_the_address_of_who_opens_it(
    client: FlaskClient, db: Db, size: int
) -> None:
    """What a browser sends to another site without asking first: text, or a form."""
    users.add(db, "anna", PASSWORD)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        for _ in range(5):
            answer = client.post("/api/auth/login", data="x" * size, content_type=content_type)
            assert answer.status_code in (413, 415)
    assert log_in(client).status_code == 200


def test_an_account_is_guarded_from_guesses_by_many_addresses_and_its_owner_is_not_locked_out(
    client: FlaskClient, db: Db
) -> None:
    users.add(db, "anna", PASSWORD)
    users.add(db, "bo", PASSWORD)

    def from_address(number: int, name: str = "anna", right: bool = True) -> Any:
        base = {"REMOTE_ADDR": f"192.0.2.{number}"}
        return log_in(client, name, PASSWORD if right else "wrong", environ_base=base)

    assert from_address(200).status_code == 200
    assert [from_address(number, right=False).status_code for number in range(30)] == [401] * 30
    refused = from_address(100, " Anna ")
    assert refused.status_code == 429
    assert "this account" in refused.json["error"]["message"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 301
    assert from_address(100, "bo").status_code == 200
    assert from_address(200).status_code == 200, "where she has logged in before"


def test_no_answer_names_more_than_twenty_mistakes(client: FlaskClient, config: Config) -> None:
    token, _ = token_claims.token(config.jwt_secret, "anna", "manager")
    headers = {"Authorization": f"Bearer {token}"}
    unknown = {f"{'x' * 300}{number}": 1 for number in range(30_000)}
    key = {"X-API-Key": API_KEY}
    order = {"event": "order.created", "data": {"id": 1, "line_items": [{"quantity": "x"}] * 2000}}
    for reply in (
        client.post("/api/auth/login", json=unknown),
        client.post("/api/products", json=dict(list(unknown.items())[:5000]), headers=headers),
        client.get("/api/products?" + "&".join(f"a{number}=1" for number in range(2000)), headers=headers),
        client.post("/api/webhooks/orders", json=order, headers=key),
    ):
        assert reply.status_code in (200, 413, 422)
        assert len(reply.data) < 16_000, reply.data[:300]
    reply = client.post("/api/products", json={f"a{number}": 1 for number in range(5000)}, headers=headers)
    assert reply.json is not None
    assert len(reply.json["error"]["details"]) == 20


@pytest.mark.parametrize("path", ["products", "customers", "webhooks/orders", "inbox", "products/movements"])
def test_a_forged_cursor_is_400_on_every_list(path: str, client: FlaskClient, config: Config) -> None:
    token, _ = token_claims.token(config.jwt_secret, "anna", "manager")
    for cursor in ("W251bGwsbnVsbF0", "W251bGxd", "WyIiLCIiXQ", "W3RydWVd", "e30", "W1tdLFtdXQ", "WzEuNV0", "bnVsbA"):
        query = {"cursor": cursor, **({"sku": "A"} if "movements" in path else {})}
        reply = client.get(f"/api/{path}", query_string=query, headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 400, (cursor, reply.data)
        assert b"The cursor is not one of this list" in reply.data


BAD_BODIES: dict[str, tuple[str | bytes, str, int]] = {
    "not JSON": ("{", "application/json", 400),
    "a key twice": ('{"name":"a","name":"b","password":"x"}', "application/json", 400),
    "NaN": ('{"name":NaN,"password":"x"}', "application/json", 400),
    "deep": ("[" * 4_000, "application/json", 400),
    "not UTF-8": (b'{"name":"\xff","password":"x"}', "application/json", 400),
    "a form": ("name=anna&password=x", "application/x-www-form-urlencoded", 415),
    "no type": ('{"name":"anna","password":"x"}', "", 415),
    "a NUL": ('{"name":"an\\u0000na","password":"x"}', "application/json", 422),
    "a lone surrogate": ('{"name":"\\ud800","password":"x"}', "application/json", 422),
    "an operator": ('{"name":{"$gt":""},"password":{"$gt":""}}', "application/json", 422),
    "a list": ("[]", "application/json", 422),
    "nothing": ("", "application/json", 400),
    "an unknown field": ('{"name":"anna","password":"x","role":"admin"}', "application/json", 422),
    "a missing field": ('{"name":"anna"}', "application/json", 422),
    "3 MiB": ('{"name":"' + "a" * 3 * 2**20 + '"}', "application/json", 413),
}


def test_a_bad_body_has_a_defined_answer(client: FlaskClient) -> None:
    for number, (case, (body, content_type, status)) in enumerate(BAD_BODIES.items()):
        address = {"REMOTE_ADDR": f"192.0.2.{number}"}  # each counts as a failed log-in
        reply = client.post("/api/auth/login", data=body, content_type=content_type, environ_base=address)
        assert reply.status_code == status, case
        assert reply.json is not None, case
        assert reply.json["success"] is False, case
        assert set(reply.json) == {"success", "error", "request_id"}, case
        assert set(reply.json["error"]) == {"code", "message", "details"}, case


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/nowhere", 404), ("PUT", "/api/auth/login", 405)])
def test_what_is_not_there_is_json_too(client: FlaskClient, method: str, path: str, status: int) -> None:
    reply = client.open(path, method=method)
    assert reply.status_code == status
    assert reply.json is not None
    assert reply.json["error"]["code"] in ("not_found", "method_not_allowed")
    assert status != 405 or "POST" in reply.headers["Allow"]


@pytest.mark.parametrize(("proxies", "blocked"), [(0, 429), (1, 401)])
def test_the_senders_address_comes_from_as_many_proxies_as_are_ours(
    config: Config, db: Db, proxies: int, blocked: int
) -> None:
    service: Flask = create_app(dataclasses.replace(config, proxies=proxies), db)
    try:
        client = service.test_client()
        replies = [
            client.get("/api/auth/me", headers={"X-Forwarded-For": f"192.0.2.{each}"}).status_code
            for each in range(1, 62)
        ]
        assert replies == [401] * 60 + [blocked]
    finally:
        service.extensions["pos"].close()
