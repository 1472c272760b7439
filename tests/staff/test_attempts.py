"""Who is speaking: tokens of staff, and the count of failed attempts."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from pymongo.errors import ServerSelectionTimeoutError

from pos_api.common.time import now
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.errors import TooManyRequests, Unauthorized
from pos_api.staff import token_claims, users
from pos_api.staff.attempt_limits import AttemptLimits
from pos_api.staff.principals import Principal

SECRET = "a-secret-of-at-least-thirty-two-bytes"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed here as ever, with less work."""
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


LATER = int(now().timestamp()) + 3600


def minted(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """An Authorization header with a token as another program would make it."""
    return "Bearer " + jwt.encode(claims, secret, algorithm)


def who(authorization: str) -> tuple[str, str]:
    token = token_claims.read_token(SECRET, authorization)
    return token.name, token.role


def test_our_own_token_names_its_principal() -> None:
    encoded, expires_at = token_claims.token(SECRET, "anna", "manager")
    assert who(f"Bearer {encoded}") == ("anna", "manager")
    assert timedelta(hours=11) < expires_at - now() <= timedelta(hours=12)


def test_a_token_made_elsewhere_with_the_secret_counts() -> None:
    assert who(minted(sub="cron", exp=LATER, aud="us", iss="them")) == ("cron", "viewer")
    assert who(minted(sub="cron", exp=LATER, role="admin")) == ("cron", "admin")
    assert who(minted(sub="cron", exp=LATER, role="root")) == ("cron", "viewer")
    assert who(minted(sub="cron", exp=LATER, role=["admin"])) == ("cron", "viewer")


def unsigned(header: bytes, payload: bytes) -> str:
    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    return f"Bearer {encoded(header)}.{encoded(payload)}.{encoded(b'x' * 32)}"


BAD_TOKENS = {
    "none sent": "",
    "another scheme": "Basic YW5uYTphbm5h",
    "no token": "Bearer ",
    "not a token": "Bearer token",
    "another secret": minted("another-secret-of-thirty-two-bytes!", sub="anna", exp=LATER),
    "another algorithm": minted(SECRET * 2, "HS512", sub="anna", exp=LATER),
    "no algorithm": unsigned(b'{"alg":"none"}', json.dumps({"sub": "anna", "exp": LATER}).encode()),
    "no expiry": minted(sub="anna"),
    "expired": minted(sub="anna", exp=LATER - 7200),
    "no subject": minted(exp=LATER),
    "empty subject": minted(sub="", exp=LATER),
    "NUL in the subject": minted(sub="an\0na", exp=LATER),
    "a lone surrogate in the subject": minted(sub="\ud800", exp=LATER),
    "a subject without end": minted(sub="a" * 300, exp=LATER),
    "an endless expiry": minted(sub="anna", exp=float("inf")),
    "an expiry that is no number": minted(sub="anna", exp=float("nan")),
    "a deep header": unsigned(b"[" * 2900, b"{}"),
    "a header that is no object": unsigned(b"[]", b"{}"),
    "too long": "Bearer " + "a" * 5000,
    "not ASCII": "Bearer tökén.ö.ö",
}


@pytest.mark.parametrize("authorization", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_anything_else_is_unauthorized(authorization: str) -> None:
    with pytest.raises(Unauthorized):
        token_claims.read_token(SECRET, authorization)


def test_a_signed_deep_payload_is_unauthorized() -> None:
    payload = b'{"sub":"anna","exp":%d,"x":%s%s}' % (LATER, b"[" * 1400, b"]" * 1400)
    encoded = jwt.api_jws.encode(payload, SECRET, "HS256")
    try:
        token_claims.read_token(SECRET, f"Bearer {encoded}")
    except Unauthorized:
        return
    json.loads(payload)  # where Python reads it, it is a token like any other


def test_a_role_includes_those_below_it() -> None:
    allowed = {role: [other for other in users.ROLES if Principal("x", role).may(other)] for role in users.ROLES}
    assert allowed == {
        "viewer": ["viewer"],
        "manager": ["viewer", "manager"],
        "admin": ["viewer", "manager", "admin"],
    }


def test_after_ten_failed_log_ins_the_right_password_is_refused_too(db: Db) -> None:
    users.add(db, "anna", "correct horse battery")
    limits = AttemptLimits()
    for _ in range(10):
        with pytest.raises(Unauthorized):
            limits.log_in(db, "192.0.2.1", "anna", "wrong password")
    with pytest.raises(TooManyRequests) as refused:
        limits.log_in(db, "192.0.2.1", "anna", "correct horse battery")
    assert refused.value.retry_after is not None
    assert 290 <= refused.value.retry_after <= 301


def test_only_failures_count_and_only_for_their_address(db: Db) -> None:
    users.add(db, "anna", "correct horse battery")
    limits = AttemptLimits()
    for _ in range(11):
        assert limits.log_in(db, "192.0.2.1", "anna", "correct horse battery").name == "anna"
    for _ in range(60):
        limits.note("192.0.2.1")
    with pytest.raises(TooManyRequests):
        limits.note("192.0.2.1")
    limits.note("192.0.2.2")


def test_addresses_of_one_ipv6_subscriber_count_as_one() -> None:
    limits = AttemptLimits()
    for last in range(60):
        limits.note(f"2001:db8::{last:x}")
    with pytest.raises(TooManyRequests):
        limits.note("2001:db8::ffff")
    limits.note("2001:db8:0:1::1")


@pytest.mark.parametrize("form", ["192.0.2.1:{}", "[2001:db8::1]:{}", "2001:db8::1%{}", "no address {}"])
def test_the_same_address_in_other_words_gets_past_no_limit(form: str) -> None:
    """Some reverse proxies write the port of the connection into X-Forwarded-For, another one each time."""
    limits = AttemptLimits()
    for port in range(1, 61):
        limits.note(form.format(port))
    with pytest.raises(TooManyRequests):
        limits.note(form.format(61))
    limits.note("192.0.2.2")


def test_an_ipv4_address_over_an_ipv6_socket_is_that_ipv4_address_and_no_other() -> None:
    limits = AttemptLimits()
    for number in range(60):
        limits.note("::ffff:192.0.2.1" if number % 2 else "192.0.2.1")
    with pytest.raises(TooManyRequests):
        limits.note("::ffff:192.0.2.1")
    limits.note("::ffff:192.0.2.2")


def test_log_ins_do_not_wait_one_after_another_for_a_database_that_is_away() -> None:
    away = database.open_database("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
    limits = AttemptLimits()

    def log_in(number: int) -> None:
        with pytest.raises(ServerSelectionTimeoutError):
            limits.log_in(away, f"192.0.2.{number}", "anna", "correct horse battery")

    started = time.monotonic()
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(log_in, range(12)))
    assert time.monotonic() - started < 2, "two at a time would take 3 s"
    away.client.close()
