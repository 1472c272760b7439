"""Who may open each page, and what is refused whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.staff import users
from pos_api.staff.users import ROLES
from pos_api.web.api.access import Access, access_of
from pos_api.web.dashboard.access import own_path
from pos_api.web.dashboard.pages import POLICY
from tests.web.dashboard.browsing import PASSWORD, client_of, post


def calls(app: Flask) -> Iterator[tuple[str, str, Access]]:
    """Every page with every method: the method, a path and its access."""
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("dashboard."):
            continue
        access = access_of(app, rule.endpoint)
        assert access is not None
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            built = rule.build(dict.fromkeys(rule.arguments, "x"), append_unknown=False)
            assert built is not None
            yield method, built[1], access


def test_nobody_sees_a_page_without_signing_in(app: Flask, db: Db) -> None:
    client = app.test_client()
    for method, path, access in calls(app):
        if access.public:
            continue
        answer = client.open(path, method=method)
        assert answer.status_code == 303, f"{method} {path}"
        assert answer.location.startswith("/sign-in"), path
        if method == "GET" and path != "/":
            assert answer.location == f"/sign-in?next={quote(path, safe='/')}"


@pytest.mark.parametrize("role", ROLES)
def test_a_page_takes_the_role_that_it_declares(app: Flask, as_role: Callable[[str], FlaskClient], role: str) -> None:
    client = as_role(role)
    for method, path, access in calls(app):
        if access.role is None or method != "GET":
            continue
        is_allowed = ROLES.index(role) >= ROLES.index(access.role)
        assert (client.get(path).status_code == 403) != is_allowed, f"{path} as {role}"


def test_no_change_is_made_without_the_token_of_a_form(app: Flask, as_role: Callable[[str], FlaskClient]) -> None:
    client = as_role("admin")
    changes = [(path, access) for method, path, access in calls(app) if method != "GET"]
    assert changes
    for path, _ in changes:
        assert client.post(path).status_code == 400, path
        assert client.post(path, data={"csrf_token": "made up"}).status_code == 400, path


def test_no_page_can_be_framed_or_run_a_script_from_elsewhere(
    app: Flask, as_role: Callable[[str], FlaskClient]
) -> None:
    client = as_role("admin")
    assert "frame-ancestors 'none'" in POLICY
    assert "unsafe" not in POLICY
    for method, path, _ in calls(app):
        if method == "GET":
            answer = client.get(path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            if answer.mimetype == "text/html" and answer.status_code != 303:
                assert answer.headers["Content-Security-Policy"] == POLICY, path
                assert answer.headers["Cache-Control"] == "no-store", path


def test_a_session_ends_at_once_with_its_user_password_or_role(app: Flask, db: Db, staff: None) -> None:
    changes: dict[str, Callable[[], object]] = {
        "viewer": lambda: users.set_role(db, "viewer", "manager"),
        "manager": lambda: users.set_password(db, "manager", "another good password"),
        "admin": lambda: users.remove(db, "admin"),
    }
    for role, change in changes.items():
        client = client_of(app, role)
        assert client.get("/").status_code == 200
        change()
        assert client.get("/").status_code == 303, role
        assert "You were signed out" in client.get("/sign-in").text
        assert "You were signed out" not in client.get("/sign-in").text, "said once"


def test_what_a_page_asks_for_by_itself_keeps_nobody_signed_in(app: Flask, db: Db, staff: None) -> None:
    client, by_itself = client_of(app, "admin"), {"X-By-Itself": "1"}
    ends_at = now() + timedelta(hours=1)
    for path in ("/", "/settings/store/default/guide", "/inbox", "/deliveries"):
        db.staff_sessions.update_one({}, {"$set": {"used_at": now() - timedelta(hours=7), "expires_at": ends_at}})
        assert client.get(path, headers=by_itself).status_code == 200
        [session] = db.staff_sessions.find()
        assert now() - session["used_at"] > timedelta(hours=6), path
        assert client.get(path).status_code == 200
        [session] = db.staff_sessions.find()
        assert now() - session["used_at"] < timedelta(hours=1), path
    db.staff_sessions.update_one({}, {"$set": {"used_at": now() - timedelta(hours=7)}})
    assert client.get("/settings/store/default/arrived").status_code == 200
    [session] = db.staff_sessions.find()
    assert now() - session["used_at"] > timedelta(hours=6)


def test_a_cookie_from_before_signing_in_opens_nothing_afterwards(app: Flask, staff: None) -> None:
    client = app.test_client()
    client.get("/sign-in")
    planted = client.get_cookie("pos_session")
    assert planted is not None
    post(client, "/sign-in", {"name": "viewer", "password": PASSWORD}, form="/sign-in")
    assert client.get("/").status_code == 200
    other = app.test_client()
    other.set_cookie("pos_session", planted.value)
    assert other.get("/").status_code == 303


def test_signing_out_ends_the_session_wherever_its_cookie_is(app: Flask, as_role: Callable[[str], FlaskClient]) -> None:
    client = as_role("viewer")
    kept = client.get_cookie("pos_session")
    assert kept is not None
    assert post(client, "/sign-out", {}, form="/").status_code == 303
    client.set_cookie("pos_session", kept.value)
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    ("target", "is_own"),
    [
        ("/orders?q=1", True),
        ("https://evil.example/", False),
        ("//evil.example/", False),
        ("/\\evil.example", False),
        ("/\t/evil.example", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_signing_in_leads_nowhere_else(target: str, is_own: bool) -> None:
    assert own_path(target) == (target if is_own else None)
