"""Tokens that no longer count: of a user who was removed or changed, logged out, revoked."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound, Unauthorized
from pos_api.staff import audit, token_claims, tokens, users
from pos_api.staff.tokens import Tokens
from tests.service import POS_API, environment, pos_api, running, settings_of
from tests.waiting import wait_until

pytestmark = pytest.mark.plain_db

SECRET = "a-secret-of-at-least-thirty-two-bytes"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed here as ever, with less work."""
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def logged_in(db: Db, name: str = "anna") -> str:
    """An Authorization header with a token of this user, as after a log-in."""
    encoded, _ = Tokens(db, SECRET).of_log_in(users.log_in(db, name, PASSWORD))
    return f"Bearer {encoded}"


def counts(checking: Tokens, header: str) -> bool:
    try:
        checking.check(header)
    except Unauthorized:
        return False
    return True


def removed_and_added_again(db: Db) -> None:
    users.remove(db, "anna")
    users.add(db, "anna", PASSWORD, "manager")


CHANGES: dict[str, Callable[[Db], object]] = {
    "removed": lambda db: users.remove(db, "anna"),
    "removed and added again": removed_and_added_again,
    "another password": lambda db: users.set_password(db, "anna", "battery staple horse"),
    "the same password again": lambda db: users.set_password(db, "anna", PASSWORD),
    "another role": lambda db: users.set_role(db, "anna", "viewer"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_token_counts_no_longer_once_its_user_is_removed_or_changed(db: Db, change: Callable[[Db], object]) -> None:
    users.add(db, "anna", PASSWORD, "manager")
    users.add(db, "bo", PASSWORD, "manager")
    header, of_another = logged_in(db), logged_in(db, "bo")
    assert counts(Tokens(db, SECRET), header)
    change(db)
    assert not counts(Tokens(db, SECRET), header)
    assert counts(Tokens(db, SECRET), of_another)


def test_a_user_from_before_there_were_versions_logs_in_and_is_logged_out_as_any_other(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    db.users.update_one({"_id": "anna"}, {"$unset": {"version": ""}})
    header = logged_in(db)
    assert counts(Tokens(db, SECRET), header)
    users.set_role(db, "anna", "admin")
    assert not counts(Tokens(db, SECRET), header)


def test_what_was_read_about_a_token_is_used_for_five_seconds_and_costs_no_query(db: Db, app: Flask) -> None:
    assert app.extensions["pos"].tokens.max_age == 5
    users.add(db, "anna", PASSWORD)
    header = logged_in(db)
    patient, impatient = Tokens(db, SECRET, max_age=3600), Tokens(db, SECRET, max_age=0)
    assert counts(patient, header)
    assert counts(impatient, header)
    users.remove(db, "anna")
    assert counts(patient, header)
    assert not counts(impatient, header)


def test_a_token_that_is_ended_is_refused_at_once_here_and_remembered_until_it_expires(db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    here, header, other = Tokens(db, SECRET, max_age=3600), logged_in(db), logged_in(db)
    token = here.check(header)
    here.end(token)
    assert not counts(here, header)
    assert not counts(Tokens(db, SECRET), header), "in another process"
    assert counts(here, other), "another log-in of the same user goes on"
    [remembered] = db.ended_tokens.find()
    assert remembered["_id"] == token.id
    assert timedelta(hours=11) < remembered["expires_at"] - now() < timedelta(hours=13)


@pytest.mark.parametrize(
    "claims",
    [{}, {"jti": "7"}, {"jti": "a" * 300}, {"jti": ""}, {"jti": "\ud800"}, {"exp": 2**60}, {"exp": 253_402_300_800}],
    ids=["no id", "an id", "a long id", "a blank id", "no text", "an endless one", "beyond the last year"],
)
def test_a_token_made_elsewhere_counts_until_it_is_logged_out(db: Db, claims: dict[str, Any]) -> None:
    later = int(now().timestamp()) + 3600
    header = "Bearer " + jwt.encode({"sub": "nobody here", "role": "manager", "exp": later} | claims, SECRET)
    another = "Bearer " + jwt.encode({"sub": "cron", "exp": later}, SECRET)
    checking = Tokens(db, SECRET, max_age=0)
    token = checking.check(header)
    assert (token.name, token.role) == ("nobody here", "manager")
    checking.end(token)
    assert not counts(checking, header)
    assert counts(checking, another)


@pytest.mark.parametrize("version", ["", "made up", 1, 0, False, ["a"], {"$gt": ""}])
def test_a_version_that_is_not_the_users_is_refused(db: Db, version: Any) -> None:
    users.add(db, "anna", PASSWORD, "admin")
    later = int(now().timestamp()) + 3600
    header = "Bearer " + jwt.encode({"sub": "anna", "exp": later, "ver": version}, SECRET)
    assert not counts(Tokens(db, SECRET), header)


@pytest.mark.mongod
def test_a_scripts_token_is_listed_and_counts_until_it_is_revoked(db: Db) -> None:
    encoded, token_id = tokens.create(db, SECRET, "nightly", "manager", timedelta(days=30))
    other, _ = tokens.create(db, SECRET, "nightly", "viewer", timedelta(hours=1))
    checking = Tokens(db, SECRET, max_age=0)
    token = checking.check(f"Bearer {encoded}")
    assert (token.id, token.name, token.role) == (token_id, "nightly", "manager")
    assert token_id in {each["id"] for each in tokens.scripts(db)}
    tokens.revoke(db, token_id)
    assert not counts(checking, f"Bearer {encoded}")
    assert counts(checking, f"Bearer {other}")
    assert len(tokens.scripts(db)) == 1
    with pytest.raises(NotFound):
        tokens.revoke(db, token_id)


@pytest.mark.mongod
def test_when_a_script_last_came_is_noted_once_an_hour(db: Db) -> None:
    encoded, token_id = tokens.create(db, SECRET, "nightly", "viewer", timedelta(hours=9))
    checking = Tokens(db, SECRET, max_age=0)

    def last_used() -> Any:
        return tokens.scripts(db)[0]["last_used_at"]

    assert last_used() is None
    checking.check(f"Bearer {encoded}")
    first = last_used()
    assert now() - first < timedelta(minutes=1)
    checking.check(f"Bearer {encoded}")
    assert last_used() == first
    earlier = now() - timedelta(hours=2)
    db.script_tokens.update_one({"_id": token_id}, {"$set": {"last_used_at": earlier}})
    checking.check(f"Bearer {encoded}")
    assert last_used() > earlier + timedelta(hours=1)


def test_a_scripts_token_that_logs_out_is_revoked(db: Db) -> None:
    encoded, _ = tokens.create(db, SECRET, "nightly", "viewer", timedelta(hours=9))
    checking = Tokens(db, SECRET)
    checking.end(checking.check(f"Bearer {encoded}"))
    assert tokens.scripts(db) == []
    assert not counts(checking, f"Bearer {encoded}")


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a" * 201])
def test_a_script_without_a_name_gets_no_token(db: Db, name: str) -> None:
    with pytest.raises(Invalid):
        tokens.create(db, SECRET, name, "viewer", timedelta(hours=1))
    assert tokens.scripts(db) == []


def test_logging_out_ends_the_token_that_was_sent(client: FlaskClient, db: Db) -> None:
    users.add(db, "anna", PASSWORD)
    login = client.post("/api/auth/login", json={"name": "anna", "password": PASSWORD})
    assert login.json is not None
    header = {"Authorization": f"Bearer {login.json['data']['token']}"}
    assert client.post("/api/auth/logout").status_code == 401
    assert client.get("/api/auth/me", headers=header).status_code == 200
    reply = client.post("/api/auth/logout", headers=header)
    assert reply.json == {"success": True, "message": "Logged out", "data": {}}
    refused = client.get("/api/auth/me", headers=header)
    assert refused.status_code == 401
    assert refused.json is not None
    assert refused.json["error"]["message"] == "The token does not count any more; log in again."
    assert client.post("/api/auth/logout", headers=header).status_code == 401


@pytest.mark.mongod
def test_tokens_end_within_seconds_of_the_command_in_every_process(config: Config, db: Db, tmp_path: Path) -> None:
    """As an administrator does it: the real server with two processes, and `pos-api` beside it."""
    settings = settings_of(config)

    def run(*arguments: str, stdin: str = "") -> str:
        done = pos_api(*arguments, cwd=tmp_path, stdin=stdin, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with running([*POS_API, "serve"], tmp_path, environment(**settings, WEB_PROCESSES="2")) as service:

        def status(token: str) -> int:
            header = {"Authorization": f"Bearer {token}"}
            return requests.get(f"{service.url}/api/auth/me", headers=header, timeout=10).status_code

        def statuses(token: str) -> set[int]:
            return {status(token) for _ in range(6)}

        def is_refused(token: str) -> bool:
            time.sleep(0.5)  # who is refused more often is taken for somebody who guesses tokens (429)
            return all(status(token) == 401 for _ in range(6))

        def log_in() -> str:
            body = {"name": "anna", "password": PASSWORD}
            reply = requests.post(f"{service.url}/api/auth/login", json=body, timeout=10)
            assert reply.status_code == 200, reply.text
            return str(reply.json()["data"]["token"])

        run("user", "add", "anna", "--role", "admin", stdin=f"{PASSWORD}\n")
        script = run("token", "nightly")
        made_elsewhere, _ = token_claims.token(config.jwt_secret, "anna", "viewer")
        for end in (("user", "role", "anna", "viewer"), ("user", "remove", "anna")):
            token = log_in()
            assert statuses(token) == {200}
            run(*end)
            wait_until(partial(is_refused, token))
        assert statuses(script) == {200}
        run("token", "revoke", run("token", "list").split()[0])
        wait_until(partial(is_refused, script))
        assert statuses(made_elsewhere) == {200}


def test_what_becomes_of_tokens_and_roles_is_in_the_audit(db: Db) -> None:
    audit.set_actor("cli", "root")
    users.add(db, "anna", PASSWORD, "viewer")
    users.set_role(db, "anna", "admin")
    encoded, token_id = tokens.create(db, SECRET, "nightly", "manager", timedelta(hours=1))
    tokens.revoke(db, token_id)
    checking = Tokens(db, SECRET)
    checking.end(checking.check(logged_in(db)))
    entries = {each["action"]: each for each in audit.find(db, audit.Filter())}
    role, created, revoked = entries["user.role"], entries["token.created"], entries["token.revoked"]
    assert (role["target"], role["details"]) == ("anna", {"before": "viewer", "after": "admin"})
    assert (created["target"], created["details"]["id"]) == ("nightly", token_id)
    assert revoked["target"] == "nightly"
    assert revoked["details"] == {"id": token_id, "name": "nightly", "role": "manager"}
    assert entries["login.ended"]["target"] == "anna"
    assert encoded not in repr(entries)
    assert all(each["outcome"] == "done" for each in entries.values())
