"""Signing in and out, the first admin, your account, and what is shown where there is no page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from pymongo import MongoClient
from werkzeug.test import TestResponse

from pos_api.app import create_app
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.staff import first_admin, users
from pos_api.web.dashboard.browser_names import browser_and_system
from tests.web.dashboard.browsing import PASSWORD, client_of, post, problems

IN_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def sign_in(client: FlaskClient, password: str, name: str = "viewer") -> int:
    return post(client, "/sign-in", {"name": name, "password": password}, form="/sign-in").status_code


# --- signing in ----------------------------------------------------------------------------------------------------


def test_a_password_is_neither_shown_nor_recorded(
    app: Flask, db: Db, staff: None, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "hunter2-hunter2"
    answer = post(app.test_client(), "/sign-in", {"name": "viewer", "password": secret}, form="/sign-in")
    assert answer.status_code == 401
    assert 'value="viewer"' in answer.text
    post(app.test_client(), "/sign-in", {"name": secret, "password": "x"}, form="/sign-in")
    failed = list(db.audit.find({"action": "login.failed"}))
    assert {entry["target"] for entry in failed} == {"viewer", "unknown"}
    out, err = capfd.readouterr()
    for text in (answer.text, str(list(db.audit.find())), out, err):
        assert secret not in text


def test_after_too_many_failures_the_page_says_how_long_to_wait_and_the_api_counts_them_too(
    app: Flask, staff: None
) -> None:
    client = app.test_client()
    statuses = [sign_in(client, "wrong password") for _ in range(6)]
    assert set(statuses) <= {401, 429}
    while sign_in(client, "wrong password") == 401:
        pass
    answer = client.post("/sign-in", data={"name": "viewer"}, headers={"Accept-Language": "sv"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert re.search(r"Försök igen om \d minut", answer.text)
    assert client.post("/api/auth/login", json={"name": "viewer", "password": PASSWORD}).status_code == 429


def test_no_other_site_can_lock_staff_out_with_what_it_has_a_browser_send(app: Flask, staff: None) -> None:
    client = app.test_client()
    for _ in range(20):
        assert client.post("/sign-in", data={"name": "viewer", "password": PASSWORD}).status_code == 400
        answer = client.post("/sign-in", data={"name": "viewer", "password": "x" * 30_000})
        assert answer.status_code == 413
        assert "too large" in answer.text
        assert client.get("/first-admin?key=1").status_code == 404
        assert client.post("/first-admin", data={"key": "1"}).status_code == 400
    assert sign_in(app.test_client(), PASSWORD) == 303


def test_the_longest_password_can_be_sent(app: Flask, db: Db) -> None:
    longest = "\N{GRINNING FACE}" * users.MAX_PASSWORD
    users.add(db, "eva", longest, "viewer")
    assert sign_in(app.test_client(), longest, "eva") == 303


def test_who_signs_in_anew_leaves_no_session_behind(app: Flask, db: Db, staff: None) -> None:
    client = client_of(app, "viewer")
    token = client.get("/account").text.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"name": "manager", "password": PASSWORD, "csrf_token": token}
    assert client.post("/sign-in", data=data).status_code == 303
    assert [each["user"] for each in db.staff_sessions.find()] == ["manager"]


def token_in(page: str) -> str:
    return str(re.findall(r'name="csrf_token" value="([^"]+)"', page)[0])


def test_what_was_typed_is_kept_where_the_session_had_ended(app: Flask, db: Db, staff: None) -> None:
    client = client_of(app, "manager")
    typed = {"sku": "MUG-9", "name": "<b>Mug</b>", "stock": "3", "csrf_token": token_in(client.get("/stock/new").text)}
    db.staff_sessions.delete_many({})
    answer = client.post("/stock/new", data=typed)
    for password, status in ((None, 401), ("wrong password", 401), (PASSWORD, 200)):
        if password:
            unsent = unescape(re.findall(r'name="unsent" value="([^"]+)"', answer.text)[0])
            again = {"unsent": unsent, "name": "manager", "password": password, "csrf_token": token_in(answer.text)}
            answer = client.post("/sign-in/again", data=again)
        assert answer.status_code == status
    assert db.products.count_documents({}) == 0, "nobody but the person sends it"
    assert 'action="/stock/new"' in answer.text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
    assert unescape(fields["name"]) == "<b>Mug</b>"
    assert client.post("/stock/new", data={name: unescape(text) for name, text in fields.items()}).status_code == 303
    assert db.products.count_documents({"_id": "MUG-9", "stock": 3}) == 1


def test_what_was_typed_is_kept_where_somebody_has_signed_in_anew_meanwhile(app: Flask, db: Db, staff: None) -> None:
    client = client_of(app, "manager")
    typed = {"sku": "MUG-9", "csrf_token": token_in(client.get("/stock/new").text)}
    again = {"name": "manager", "password": PASSWORD, "csrf_token": token_in(client.get("/account").text)}
    assert client.post("/sign-in", data=again).status_code == 303
    here, elsewhere = {"Origin": "http://localhost"}, {"Origin": "https://evil.example"}
    for headers, is_kept in (
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site", **here}, False),
        (here, True),
        (elsewhere, False),
        ({}, False),
    ):
        answer = client.post("/stock/new", data=typed, headers=headers)
        assert answer.status_code == 400
        assert ('name="sku" value="MUG-9"' in answer.text) == is_kept, headers
    assert db.products.count_documents({}) == 0


def test_no_secret_and_no_form_of_another_site_is_kept_for_after_signing_in(app: Flask, db: Db, staff: None) -> None:
    client = client_of(app, "admin")
    token = token_in(client.get("/settings/users").text)
    db.staff_sessions.delete_many({})
    new = {"name": "eva", "role": "viewer"}
    for typed in (
        {**new, "password": PASSWORD, "csrf_token": token},
        {**new, "csrf_token": "x"},
        {"csrf_token": token},
    ):
        answer = client.post("/settings/users", data=typed)
        assert (answer.status_code, answer.location) == (303, "/sign-in"), typed
    for unsent in ("", "[]", "{}", '["https://evil.example/"]', '["/orders", "x"]', "[" * 100_000):
        page = client.get("/sign-in").text
        given = {"unsent": unsent, "name": "admin", "password": PASSWORD, "csrf_token": token_in(page)}
        assert client.post("/sign-in/again", data=given).status_code == 303


def test_behind_https_the_cookie_is_for_this_host_and_https_only(config: Config, db: Db, staff: None) -> None:
    app = create_app(replace(config, proxies=1), db)
    try:
        client = app.test_client()
        https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
        answer = client.get("/sign-in", headers=https)
        [cookie] = answer.headers.getlist("Set-Cookie")
        assert cookie.startswith("__Host-pos_session=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        token = answer.text.split('name="csrf_token" value="')[1].split('"')[0]
        data = {"name": "viewer", "password": PASSWORD, "csrf_token": token}
        answer = client.post("/sign-in", data=data, headers=https, base_url="https://localhost")
        assert answer.status_code == 303, "without a Referer header too"
        assert client.get("/", headers=https, base_url="https://localhost").status_code == 200
        assert client.get("/").status_code == 303, "not over http"
        [entry] = db.audit.find({"action": "login.succeeded"})
        assert entry["who"]["address"] == "203.0.113.9"
    finally:
        app.extensions["pos"].close()


# --- the first admin -----------------------------------------------------------------------------------------------


def test_the_link_makes_the_first_admin_once(app: Flask, db: Db) -> None:
    client, key = app.test_client(), first_admin.new_key(db) or ""
    assert "There is no user yet" in client.get("/sign-in").text
    link = f"/first-admin?key={key}"
    typed = {"key": key, "name": "Anna", "password": PASSWORD, "password-again": PASSWORD}
    for wrong, status in (({"password-again": "x"}, 422), ({"name": "an na"}, 422), ({"key": "x"}, 404)):
        answer = post(client, "/first-admin", typed | wrong, form=link)
        assert answer.status_code == status
        assert PASSWORD not in answer.text
    assert post(client, "/first-admin", typed, form=link).status_code == 303
    assert "Welcome, anna" in client.get("/").text
    [entry] = db.audit.find({"action": "user.created"})
    assert (entry["who"]["name"], entry["who"]["address"]) == ("anna", "127.0.0.1")
    assert app.test_client().get(link).status_code == 404
    assert "There is no user yet" not in app.test_client().get("/sign-in").text


def test_keys_of_the_first_admin_can_not_be_guessed_without_end(app: Flask, db: Db) -> None:
    first_admin.new_key(db)
    client = app.test_client()
    answers = [client.get("/first-admin?key=guess").status_code for _ in range(12)]
    assert answers[0] == 404
    assert answers[-1] == 429


def test_the_first_admin_is_made_by_keyboard(open_as: Callable[..., Page], db: Db) -> None:
    db.users.delete_many({})
    key = first_admin.new_key(db)
    page = open_as(None, width=390, language="sv")
    page.goto(f"/first-admin?key={key}")
    assert problems(page) == []
    for text in ("anna", PASSWORD, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("Välkommen, anna")


# --- your account --------------------------------------------------------------------------------------------------


def test_a_new_password_takes_the_old_one_and_ends_the_other_sessions(app: Flask, db: Db, staff: None) -> None:
    client, other = client_of(app, "viewer"), client_of(app, "viewer")
    before = client.get_cookie("pos_session")
    new = {"new-password": "another good password", "new-password-again": "another good password"}
    answer = post(client, "/account/password", {"password": "wrong password", **new}, form="/account")
    assert answer.status_code == 401
    assert "The old password is wrong." in answer.text
    assert other.get("/").status_code == 200
    for odd in ({**new, "new-password-again": "other"}, {"new-password": "short", "new-password-again": "short"}):
        assert post(client, "/account/password", {"password": PASSWORD, **odd}, form="/account").status_code == 422
    assert post(client, "/account/password", {"password": PASSWORD, **new}, form="/account").status_code == 303
    assert "Your password was changed" in client.get("/account").text
    assert other.get("/").status_code == 303
    assert before
    other.set_cookie("pos_session", before.value)
    assert other.get("/").status_code == 303, "the session has a new id"
    assert sign_in(app.test_client(), "another good password") == 303
    [entry] = db.audit.find({"action": "user.password"})
    assert (entry["who"]["name"], entry["target"], entry["outcome"]) == ("viewer", "viewer", "done")


def test_guessing_the_old_password_is_limited(app: Flask, staff: None) -> None:
    client = client_of(app, "viewer")
    data = {"password": "wrong password", "new-password": "x" * 10, "new-password-again": "x" * 10}
    statuses = [post(client, "/account/password", data, form="/account").status_code for _ in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_sessions_are_ended_one_or_all(open_as: Callable[..., Page], app: Flask, db: Db) -> None:
    page = open_as("viewer")
    others = [client_of(app, "viewer") for _ in range(3)]
    page.goto("/account")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="this one")).to_contain_text("Chrome on Linux")
    page.get_by_role("button", name="Sign out: Another browser").first.press("Enter")
    expect(rows).to_have_count(3)
    assert sorted(each.get("/").status_code for each in others) == [200, 200, 303]
    page.get_by_text("Sign out everywhere else", exact=True).click()
    page.get_by_role("button", name="Yes, sign out everywhere else").click()
    expect(page.get_by_role("status")).to_have_text("Signed out in 2 other browsers.")
    assert {each.get("/").status_code for each in others} == {303}
    assert [each["details"] for each in db.audit.find({"action": "session.ended"}).sort("time", 1)] == [
        {"count": 1},
        {"others": True, "count": 2},
    ]


def test_language_and_colours_are_kept_before_and_after_signing_in(open_as: Callable[..., Page]) -> None:
    page = open_as(None)
    page.goto("/sign-in?next=/account")
    page.get_by_role("button", name="Svenska").click()
    page.get_by_role("button", name="Mörk").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.locator("#name").fill("viewer")
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ditt konto")
    assert problems(page) == []
    page.locator("#language").select_option("en")
    page.locator("#theme").select_option("light")
    page.get_by_role("button", name="Spara").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("cookie", ["xx.yy", ".", "sv", "", "sv.dark.more", "\x00"])
def test_an_odd_choice_of_language_is_none(app: Flask, cookie: str) -> None:
    client = app.test_client()
    client.set_cookie("pos_display", cookie)
    assert client.get("/sign-in").status_code == 200


CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "names"),
    [
        (CHROME, ("Chrome", "Windows")),
        (f"{CHROME} Edg/139.0.0.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", ("Firefox", "Linux")),
        (
            "Mozilla/5.0 (iPhone; like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1",
            ("Safari", "iPhone"),
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15", ("Safari", "Mac")),
        (
            "Mozilla/5.0 (Linux; Android 10) SamsungBrowser/28.0 Chrome/130.0 Safari/537.36",
            ("Samsung Internet", "Android"),
        ),
        ("curl/8.5.0", (None, None)),
        ("", (None, None)),
    ],
)
def test_a_browser_is_named_in_plain_words(agent: str, names: tuple[str | None, str | None]) -> None:
    assert browser_and_system(agent) == names


# --- where there is no page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/account/sessions", 404), ("DELETE", "/", 405)]
)
def test_a_browser_is_shown_a_page_and_a_program_json(
    app: Flask, as_role: Callable[[str], FlaskClient], method: str, path: str, status: int
) -> None:
    client = as_role("viewer")
    for each, has_menu in ((client, True), (app.test_client(), False)):
        page = each.open(path, method=method, headers=IN_A_BROWSER)
        assert (page.status_code, page.mimetype) == (status, "text/html")
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Content-Security-Policy"]
        assert ("<nav" in page.text) is has_menu
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = client.open(path, method=method, headers=accept)
        assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert client.get("/api/nothing", headers=IN_A_BROWSER).mimetype == "application/json"
    assert client.get("/api-docs/nothing", headers=IN_A_BROWSER).mimetype == "application/json"


def test_without_the_database_every_page_says_so_within_seconds(db: Db, staff: None, app: Flask) -> None:
    client = client_of(app, "admin")
    token = client.get("/account").text.split('name="csrf_token" value="')[1].split('"')[0]
    away = MongoClient[Document]("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=50)[db.name]
    object.__setattr__(app.extensions["pos"], "db", away)
    credentials = {"csrf_token": token, "name": "admin", "password": PASSWORD}
    try:
        asked: list[Callable[[], TestResponse]] = [
            lambda: client.get("/", headers=IN_A_BROWSER),
            lambda: client.get("/account"),
            lambda: app.test_client().get("/sign-in"),
            lambda: client.post("/sign-in", data=credentials),
            lambda: app.test_client().get("/first-admin?key=x"),
        ]
        for each in asked:
            answer = each()
            assert answer.status_code == 503
            assert "The database can" in answer.text
        assert client.get("/nothing", headers=IN_A_BROWSER).status_code == 404
        assert client.post("/account/display", data={"csrf_token": token, "theme": "dark"}).status_code == 303
    finally:
        object.__setattr__(app.extensions["pos"], "db", db)
        away.client.close()
