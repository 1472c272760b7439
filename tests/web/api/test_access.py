"""Who may call which route: every route declares it, and every credential gets what the declaration says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from werkzeug.routing import Rule

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import token_claims, tokens, users
from pos_api.staff.tokens import Tokens
from pos_api.staff.users import ROLES
from pos_api.stores import key_management, settings
from pos_api.stores.api_keys import ORDERS, SCOPES
from pos_api.web.api.access import Access, access_of
from pos_api.web.api.register import check_access
from tests.factories import API_KEY, native_headers

PASSWORD = "correct horse battery"
ALLOWED, ELSEWHERE = "192.0.2.7", "203.0.113.9"


@dataclass(frozen=True)
class Credential:
    """What a request is sent with, and what that is worth."""

    name: str
    headers: dict[str, str]
    role: str | None = None
    scopes: tuple[str, ...] | None = None
    """Of an API key that counts."""
    signed: bool = False
    """With the signature that WooCommerce makes of an empty body."""
    address: str | None = None
    """Where it must come from; None: from anywhere, each time from another address, as failures are limited by it."""

    def is_key(self) -> bool:
        return "X-API-Key" in self.headers


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed here as ever, with less work."""
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def credentials(config: Config, db: Db) -> list[Credential]:
    """Every kind of credential there is, and every kind that is none."""
    secret = config.jwt_secret
    made = Tokens(db, secret)

    def bearer(name: str, encoded: str, role: str | None = None) -> Credential:
        return Credential(name, {"Authorization": f"Bearer {encoded}"}, role)

    def key(name: str, key: str, scopes: tuple[str, ...] | None = None, address: str | None = None) -> Credential:
        return Credential(name, {"X-API-Key": key}, None, scopes, address=address)

    def of_user(name: str, role: str) -> str:
        return made.of_log_in(users.add(db, name, PASSWORD, role))[0]

    found = [
        Credential("nothing", {}),
        Credential("basic", {"Authorization": "Basic YW5uYTphbm5h"}),
        bearer("a token that is none", "wrong"),
        bearer("a token of another secret", token_claims.token("x" * 40, "anna", "admin")[0]),
        bearer("an expired token", token_claims.token(secret, "anna", "admin", timedelta(hours=-1))[0]),
        bearer("a token made elsewhere", token_claims.token(secret, "cron", "manager")[0], "manager"),
        bearer("a token made elsewhere without a role", token_claims.token(secret, "cron", "")[0], "viewer"),
        bearer("a token of no user", token_claims.token(secret, "nobody", "admin", ver="x")[0]),
        bearer("a script's token", tokens.create(db, secret, "cron", "admin", timedelta(hours=1))[0], "admin"),
        bearer(
            "a script's token that is not listed", token_claims.token(secret, "cron", "admin", jti="1", script=True)[0]
        ),
        Credential("a signature", native_headers("order.updated", b"", config.webhook_secret), signed=True),
        Credential("a signature of another secret", native_headers("order.updated", b"", "wrong")),
        key("a key that is none", "wrong"),
        key("the key of the settings", API_KEY, (ORDERS,)),
    ]
    found += [bearer(f"a {role}", of_user(role, role), role) for role in ROLES]
    found += [
        key(f"a key for {scope}", key_management.add_key(db, config, "default", scopes=[scope]), (scope,))
        for scope in SCOPES
    ]

    removed, changed, logged_out = (of_user(name, "admin") for name in ("removed", "changed", "logged-out"))
    users.remove(db, "removed")
    users.set_password(db, "changed", PASSWORD)
    made.end(made.check(f"Bearer {logged_out}"))
    script, token_id = tokens.create(db, secret, "old", "admin", timedelta(hours=1))
    tokens.revoke(db, token_id)
    found += [
        bearer("a removed user's token", removed),
        bearer("a token from before a new password", changed),
        bearer("a token that was logged out", logged_out),
        bearer("a script's token that was revoked", script),
    ]

    revoked, _ = settings.add_store(db, config, "north")
    near = key_management.add_key(db, config, "north", scopes=["all"], networks=[f"{ALLOWED}/32"])
    found += [
        key("a key from an allowed address", near, ("all",), ALLOWED),
        key("a key from another address", near, (), ELSEWHERE),
    ]
    key_management.revoke_key(db, "north", f"{revoked[:12]}…")  # as it is listed
    expired = key_management.add_key(db, config, "north", expires_at=now() - timedelta(hours=1))
    return [*found, key("a revoked key", revoked), key("an expired key", expired)]


def expected(access: Access, sent: Credential) -> int | None:
    """The status that this credential gets by the declaration: 401, 403, or None where it is let in."""
    if access.by_sender:  # no kind of sender is called x
        return None
    if access.public:
        return _of_key(sent, access.scope) if access.scope and sent.is_key() else None
    if access.scope and not access.role:  # deliveries: the key decides, whatever else is sent
        return _of_key(sent, access.scope) if sent.is_key() else None if access.signature and sent.signed else 401
    if sent.is_key():
        return _of_key(sent, access.scope)
    if sent.role is None:
        return 401
    assert access.role
    return None if ROLES.index(sent.role) >= ROLES.index(access.role) else 403


def _of_key(sent: Credential, scope: str | None) -> int | None:
    if sent.scopes is None:
        return 401
    return None if scope and {scope, "all"} & set(sent.scopes) else 403


def calls(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every route of the API with every method, and a path of it; tests/web/dashboard/test_access.py has the pages."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("dashboard."):
            continue
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            path = rule.build(dict.fromkeys(rule.arguments, "x"), append_unknown=False)
            assert path is not None
            yield rule, method, path[1]


def test_every_route_lets_in_whom_it_declares_and_nobody_else(
    app: Flask, config: Config, credentials: list[Credential]
) -> None:
    client = app.test_client()
    seen: set[int | None] = set()
    addresses = ip_network("10.0.0.0/8").hosts()
    for rule, method, path in calls(app):
        access = access_of(app, rule.endpoint)
        assert access is not None, f"{rule.endpoint} declares nothing"
        for sent in credentials:
            if rule.endpoint == "auth.log_out" and sent.role:  # it would end the credential of the calls that follow
                continue
            address = sent.address or str(next(addresses))
            reply = client.open(path, method=method, headers=sent.headers, environ_base={"REMOTE_ADDR": address})
            wanted = expected(access, sent)
            case = f"{method} {rule.rule} with {sent.name}: {reply.status_code}, {reply.data[:200]!r}"
            if wanted is None:
                assert reply.status_code not in (401, 403), case
            else:
                assert reply.status_code == wanted, case
            assert reply.status_code < 500, case
            seen.add(wanted)
    assert seen == {None, 401, 403}


def test_a_route_that_declares_nothing_keeps_the_service_from_starting(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_access(app)
    monkeypatch.setitem(app.view_functions, "forgotten", lambda: "open to all")
    with pytest.raises(RuntimeError, match="No access is declared for forgotten"):
        check_access(app)


def test_the_api_document_shows_what_each_route_needs(app: Flask) -> None:
    document: Any = app.test_client().get("/api-docs/openapi.json").json
    for rule, method, _ in calls(app):
        access = access_of(app, rule.endpoint)
        path = rule.rule.replace("<string:", "{").replace("<path:", "{").replace("<", "{").replace(">", "}")
        operation = document["paths"].get(path, {}).get(method.lower())
        if operation is None or access is None:
            continue
        assert operation.get("security", []) == access.security(), path
        assert access.sentence() in operation.get("description", ""), path
    listed = document["paths"]["/api/products"]
    assert "Needs a token of the role viewer or a higher one, or an API key with the scope `read`." in str(
        listed["get"]
    )
    assert listed["post"]["security"] == [{"BearerAuth": ["manager"]}]
