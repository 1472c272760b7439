"""Settings of stores: each kind is added and set up by what the page says, its first event is seen to arrive, keys are
shown once and never again."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import subprocess
import time
import zipfile
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import queries
from pos_api.senders import comparisons, shops
from pos_api.senders.registry import SENDERS
from pos_api.staff import audit
from pos_api.staff.audit import Filter
from pos_api.stores.registry import Stores
from tests.factories import API_KEY, Shop, order, signature
from tests.factories import line as order_line
from tests.fake_shop import KEY, SECRET, FakeShop
from tests.paths import ROOT
from tests.web.dashboard.browsing import is_too_wide, post, problems

AsRole = Callable[[str], FlaskClient]
_SECRETS = {"stripe": "whsec_made_by_stripe"}
_NEEDED: dict[str, dict[str, str]] = {
    "kasperopay": {"merchant_id": "kpm_1", "store_name": "My Shop", "status_url": "", "orders_of": "default"},
    "stripe": {"orders_of": "default", "livemode": "yes", "secret": _SECRETS["stripe"]},
    "paymentkit": {"orders_of": "default", "livemode": "yes", "public_key": ""},
    "kaynko": {"debts_in_cash": "no"},
    "woocommerce": {"url": "https://north.example"},
}


@pytest.fixture
def admin(as_role: AsRole) -> FlaskClient:
    return as_role("admin")


def add(admin: FlaskClient, kind: str, name: str = "new-1", **more: str) -> str:
    """Add a store by its form; the page of the answer."""
    path = f"/settings/stores/add/{kind}"
    data: dict[str, object] = {"name": name, "timezone": "Europe/Stockholm", "currency": "sek"}
    answer = post(admin, path, {**data, **_NEEDED.get(kind, {}), **more}, form=path)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def copied(page: str, what: str) -> str:
    """What a page offers to be copied: `url`, `secret` or `line`."""
    found = re.search(rf'<code id="[\w-]+-{what}">([^<]+)</code>', page)
    assert found, f"no {what} on the page"
    return found[1]


def arrived(admin: FlaskClient, name: str) -> str:
    return unescape(admin.get(f"/settings/store/{name}/arrived").text)


@pytest.mark.parametrize("kind", sorted(SENDERS))
def test_a_store_of_each_kind_is_added_by_its_form_and_has_a_guide(
    admin: FlaskClient, db: Db, config: Config, kind: str
) -> None:
    page = add(admin, kind)
    store = next(each for each in Stores(db, config).all() if each.id == "new-1")
    assert (store.kind, store.timezone, store.currency) == (kind, "Europe/Stockholm", "SEK")
    assert set(store.settings) == {each.name for each in SENDERS[kind].settings}
    guide = SENDERS[kind].guide
    for step in guide.steps:
        assert step.text in page
    for each in (*guide.reports, *guide.unknown):
        assert each in page
    again = "".join(admin.get(f"/settings/store/new-1/guide{way}").text for way in ("", "?way=webhooks"))
    for secret in store.webhook_secrets:
        assert secret not in again
        assert (secret in page) == (kind not in _SECRETS), "one that was entered need not be shown"
    assert "new-1" in admin.get("/settings/stores").text
    assert "settings/store/new-1" in admin.get("/settings/stores/start").text
    assert {each["action"] for each in audit.find(db, Filter(target="new-1"))} == {"store.created"}


def sale() -> bytes:
    items = [{"productName": "Mug", "productCode": "MUG", "quantity": 1, "unitPrice": 10.0, "lineTotal": 10.0}]
    numbers = {"saleId": 42, "receiptNumber": "KNK-0042", "cashierId": 1, "total": 10.0, "subtotal": 10.0}
    more = {"discountAmount": 0, "vatAmount": 0, "items": items, "createdAt": "2026-11-28T10:00:00Z"}
    data = {**numbers, **more, "paymentMethod": "cash", "currency": "SEK", "customerName": None, "customerType": None}
    return json.dumps({"event": "sale.completed", "data": data, "timestamp": "2026-11-28T10:00:00Z"}).encode()


def test_a_delivery_signed_with_the_secret_that_the_guide_shows_is_seen_to_arrive(
    admin: FlaskClient, client: FlaskClient
) -> None:
    page = add(admin, "kaynko", "till-1")
    assert "Waiting for the first event of till-1" in arrived(admin, "till-1")
    url = copied(page, "url").replace("http://localhost:8080", "")

    def send(secret: str) -> int:
        made = "sha256=" + hmac.digest(secret.encode(), sale(), hashlib.sha256).hex()
        headers = {"Content-Type": "application/json", "X-Kaynko-Signature": made}
        return client.post(url, data=sale(), headers=headers).status_code

    assert send("another") == 401
    waiting = arrived(admin, "till-1")
    assert "It was signed with another secret" in waiting
    assert "data-refresh" in waiting
    assert send(copied(page, "secret")) == 200
    there = arrived(admin, "till-1")
    assert "It works: till-1 sends" in there
    assert "sale.completed" in there
    assert "data-refresh" not in there, "a script need not look any more"


def test_what_arrives_and_can_not_be_used_is_shown_with_the_reason(admin: FlaskClient, shop: Shop) -> None:
    shop.post(b"{}")
    page = arrived(admin, "default")
    assert "Something arrives, but it could not be used yet." in page
    assert "Could not be used" in page


def test_the_line_for_the_plugin_is_shown_on_request_and_its_key_is_taken(
    admin: FlaskClient, client: FlaskClient, db: Db
) -> None:
    guide = "/settings/store/default/guide"
    assert "pos-sync:" not in admin.get(guide).text
    shown = unescape(post(admin, "/settings/store/default/line", {}, form=guide).text)
    config = client.application.extensions["pos"].config
    assert copied(shown, "line") == shops.setup_line(config, API_KEY)
    assert copied(shown, "secret") == config.webhook_secret
    assert [each["action"] for each in audit.find(db, Filter(target="default"))] == ["key.shown"]
    client.get("/api/webhooks/health", headers={"X-API-Key": API_KEY})
    assert "Its API key was used" in arrived(admin, "default"), "the plugin has tested its connection"
    page = add(admin, "woocommerce", "north")
    body = json.dumps(order(7, order_line("MUG"))).encode()
    topic = {"X-WC-Webhook-Topic": "order.created", "Content-Type": "application/json"}
    signed = {"X-WC-Webhook-Signature": signature(body, copied(page, "secret"))}
    assert client.post("/api/webhooks/orders", data=body, headers=topic | signed).status_code == 200
    assert "It works: north sends" in arrived(admin, "north")
    another = post(admin, "/settings/store/north/line", {}, form="/settings/store/north/guide")
    assert copied(another.text, "line") != copied(page, "line"), "of a key nothing is kept that could be shown"


def test_the_plugin_is_packed_as_the_script_packs_it(admin: FlaskClient, tmp_path: Path) -> None:
    answer = admin.get("/settings/plugin.zip")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=woocommerce-pos-sync-")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert "woocommerce-pos-sync/woocommerce-pos-sync.php" in packed.namelist()
    made = subprocess.run(
        [ROOT / "scripts/package-plugin", tmp_path], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert Path(made).read_bytes() == answer.data


def test_a_service_without_the_plugin_says_where_it_is(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shops, "is_here", lambda: False)
    assert admin.get("/settings/plugin.zip").status_code == 404
    page = admin.get("/settings/store/default/guide").text
    assert "plugin.zip" not in page
    assert "wp-plugin" in page


def test_a_refused_form_is_shown_again_with_what_was_typed_but_no_secret(admin: FlaskClient, db: Db) -> None:
    path = "/settings/stores/add/kasperopay"
    answer = post(admin, path, {"name": "Big Name", "merchant_id": "", "store_name": "Mine"}, form=path)
    assert answer.status_code == 422
    assert "Merchant id" in answer.text
    assert 'value="Big Name"' in answer.text
    path = "/settings/stores/add/stripe"
    answer = post(admin, path, {"name": "ü", "timezone": "UTC", "secret": "whsec_typed"}, form=path)
    assert answer.status_code == 422
    assert "whsec_typed" not in answer.text
    assert post(admin, path, {"name": "s-1", "timezone": "UTC"}, form=path).status_code == 422, "Stripe makes it"
    assert db.stores.count_documents({"_id": {"$ne": "default"}}) == 0
    assert admin.get("/settings/stores/add/nothing").status_code == 404


def test_settings_are_changed_and_only_those_that_differ(admin: FlaskClient, db: Db, config: Config) -> None:
    add(admin, "kaynko", "till-1")
    add(admin, "karma", "bar")
    path = "/settings/store/till-1"
    same = {"timezone": "Europe/Stockholm", "currency": "SEK", "debts_in_cash": "no"}
    assert "Nothing was changed" in _followed(admin, path, same)
    assert "Changed." in _followed(admin, path, {**same, "timezone": "Africa/Lusaka", "debts_in_cash": "yes"})
    store = Stores(db, config).get("till-1")
    assert (store.timezone, store.currency, store.settings) == ("Africa/Lusaka", "SEK", {"debts_in_cash": True})
    same |= {"timezone": "Africa/Lusaka"}
    refused = post(admin, path, {**same, "timezone": "Mars/Olympus"}, form=path)
    assert refused.status_code == 422
    assert "Mars/Olympus" in refused.text
    changes = [each["details"] for each in audit.find(db, Filter(action="store.changed"))]
    assert {"timezone", "settings"} <= set(changes[-1])
    _followed(admin, path, {**same, "live_since": "2026-11-29T08:00"})
    assert str(Stores(db, config).get("till-1").live_since) == "2026-11-29 06:00:00+00:00", "eight by the till's clock"
    assert 'value="2026-11-29T08:00"' in admin.get(path).text
    assert post(admin, path, {**same, "live_since": "soon"}, form=path).status_code == 422
    _followed(admin, "/settings/store/default", {"timezone": "Europe/Stockholm", "url": config.store_url})
    assert Stores(db, config).get("default").timezone == "Europe/Stockholm"


def test_a_store_can_be_opened_whatever_its_clock_and_its_times(admin: FlaskClient) -> None:
    add(admin, "kaynko", "till-1")
    path = "/settings/store/till-1"
    same = {"timezone": "UTC", "currency": "SEK", "debts_in_cash": "no"}
    _followed(admin, path, same)
    _followed(admin, path, {**same, "live_since": "9999-12-31T23:30"})
    assert "Changed." in _followed(admin, path, {**same, "timezone": "Europe/Stockholm"})
    assert "9999-12-31T23:30" in admin.get(path).text


def test_what_somebody_else_set_while_the_form_was_open_stays(admin: FlaskClient, db: Db, config: Config) -> None:
    add(admin, "kaynko", "till-1")
    path = "/settings/store/till-1"
    seen = dict(re.findall(r'<input[^>]* name="(seen-[^"]+)" value="([^"]*)"', admin.get(path).text))
    assert {"seen-timezone", "seen-currency", "seen-debts_in_cash", "seen-live_since"} <= set(seen)
    opened = {**seen, **{name.removeprefix("seen-"): value for name, value in seen.items()}}
    _followed(admin, path, {"timezone": "Africa/Lusaka", "debts_in_cash": "yes"})
    assert "Changed." in _followed(admin, path, {**opened, "currency": "NOK"})
    store = Stores(db, config).get("till-1")
    assert (store.timezone, store.currency, store.settings) == ("Africa/Lusaka", "NOK", {"debts_in_cash": True})


def test_payments_are_linked_to_another_store_and_both_say_so(admin: FlaskClient, db: Db, config: Config) -> None:
    add(admin, "woocommerce", "north")
    add(admin, "stripe", "card", orders_of="north")
    assert Stores(db, config).get("card").settings["orders_of"] == "north"
    assert "/settings/store/card" in admin.get("/settings/store/north").text
    refused = post(admin, "/settings/store/north/remove", {}, form="/settings/store/north")
    assert refused.status_code == 409
    assert "card" in refused.text


def test_a_secret_is_rotated_without_a_gap(admin: FlaskClient, db: Db, config: Config) -> None:
    page = add(admin, "karma", "bar")
    shown = unescape(post(admin, "/settings/store/bar/secret", {"secret": ""}, form="/settings/store/bar").text)
    assert set(Stores(db, config).get("bar").webhook_secrets) == {copied(page, "secret"), copied(shown, "secret")}
    again = post(admin, "/settings/store/bar/secret", {"secret": ""}, form="/settings/store/bar")
    assert again.status_code == 409
    assert "Only the latest" in _followed(admin, "/settings/store/bar/secret/end", {}, form="/settings/store/bar")
    assert Stores(db, config).get("bar").webhook_secrets == (copied(shown, "secret"),)


def test_a_store_is_disconnected_and_one_that_sent_nothing_removed(
    admin: FlaskClient, shop: Shop, db: Db, config: Config
) -> None:
    add(admin, "kasperopay", "kaspa")
    said = _followed(admin, "/settings/store/kaspa/disconnect", {}, form="/settings/store/kaspa")
    assert "Disconnected" in said
    assert "merchant_id" not in Stores(db, config).get("kaspa").settings
    assert "kaspa was removed" in _followed(admin, "/settings/store/kaspa/remove", {}, form="/settings/stores/start")
    assert admin.get("/settings/store/kaspa").status_code == 404
    assert post(admin, "/settings/store/default/remove", {}, form="/settings/store/default").status_code == 422


def _followed(admin: FlaskClient, path: str, data: dict[str, object] | dict[str, str], *, form: str = "") -> str:
    """The page that a form leads to."""
    form = form or path
    page = form if 'name="csrf_token"' in admin.get(form).text else "/settings"
    answer = post(admin, path, dict(data), form=page)
    assert answer.status_code == 303, answer.text
    return unescape(admin.get(answer.location).text)


def test_an_api_key_is_shown_once_listed_and_revoked(admin: FlaskClient, client: FlaskClient, db: Db) -> None:
    page = "/settings/store/default"
    data: dict[str, object] = {"scopes": ["read"], "days": "30", "networks": "127.0.0.0/8, 192.0.2.1"}
    made = post(admin, f"{page}/keys", data, form=page)
    assert made.status_code == 200
    found = re.search(r'<code id="made">(pos_[^<]+)<', made.text)
    assert found
    key = found[1]
    assert made.headers["Cache-Control"] == "no-store"
    assert client.get("/api/webhooks/orders", headers={"X-API-Key": key}).status_code == 200
    listed = admin.get(page).text
    assert key not in listed
    assert key[:12] in listed
    assert "127.0.0.0/8" in listed
    assert key not in repr(list(audit.find(db, Filter())))
    unusable: list[dict[str, object]] = [
        {"scopes": []},
        {"scopes": ["read"], "days": "0"},
        {"scopes": ["read"], "networks": "here"},
    ]
    for wrong in unusable:
        assert post(admin, f"{page}/keys", wrong, form=page).status_code == 422, wrong
    assert "Revoked" in _followed(admin, f"{page}/keys/revoke", {"prefix": key[:12]}, form=page)
    client.application.extensions["pos"].stores.read_again()
    assert client.get("/api/webhooks/orders", headers={"X-API-Key": key}).status_code == 401


def test_what_was_typed_for_a_key_that_is_refused_is_still_there(admin: FlaskClient) -> None:
    page = "/settings/store/default"
    assert '<details class="ask" id="add-key">' in admin.get(page).text
    for wrong in ({"networks": "here", "days": "30"}, {"networks": "192.0.2.0/24", "days": "9" * 5000}):
        typed: dict[str, object] = {"scopes": ["read", "subscriptions"], **wrong}
        answer = post(admin, f"{page}/keys", typed, form=page)
        assert answer.status_code == 422
        assert '<details class="ask" id="add-key" open>' in answer.text
        assert f'value="{wrong["networks"]}"' in answer.text
        assert f'value="{wrong["days"][:20]}"' in answer.text
        assert re.findall(r'name="scopes" value="(\w+)" checked', answer.text) == ["read", "subscriptions"]


def test_what_was_typed_for_a_token_that_is_refused_is_still_there(admin: FlaskClient) -> None:
    page = "/settings/tokens"
    for days in ("0", "9" * 5000, "x"):
        typed: dict[str, object] = {"name": "nightly", "role": "manager", "days": days}
        answer = post(admin, page, typed, form=page)
        assert answer.status_code == 422
        assert 'value="nightly"' in answer.text
        assert '<option value="manager" selected>' in answer.text
        assert f'value="{days[:20]}"' in answer.text


def test_a_token_of_a_script_is_shown_once_and_revoked(admin: FlaskClient, client: FlaskClient) -> None:
    made = post(admin, "/settings/tokens", {"name": "backup", "role": "manager", "days": "7"}, form="/settings/tokens")
    found = re.search(r'<code id="made">([^<]+)<', made.text)
    assert found
    headers = {"Authorization": f"Bearer {found[1]}"}
    assert client.get("/api/webhooks/orders", headers=headers).status_code == 200
    listed = admin.get("/settings/tokens").text
    assert found[1] not in listed
    token_id = re.search(r'name="id" value="([^"]+)"', listed)
    assert token_id
    for wrong in (
        {"name": "", "role": "viewer"},
        {"name": "x", "role": "king"},
        {"name": "x", "role": "viewer", "days": "no"},
    ):
        assert post(admin, "/settings/tokens", dict(wrong), form="/settings/tokens").status_code == 422
    assert "Revoked" in _followed(admin, "/settings/tokens/revoke", {"id": token_id[1]}, form="/settings/tokens")
    client.application.extensions["pos"].tokens._checked.clear()
    assert client.get("/api/webhooks/orders", headers=headers).status_code == 401


def test_a_shop_is_connected_tested_and_disconnected(
    admin: FlaskClient, db: Db, config: Config, fake: FakeShop
) -> None:
    page = "/settings/store/default"
    wrong = {"rest_url": fake.url, "consumer_key": KEY, "consumer_secret": "cs_wrong"}
    refused = post(admin, f"{page}/connect", dict(wrong), form=page)
    assert refused.status_code == 502
    assert "cs_wrong" not in refused.text
    assert fake.url in refused.text
    right = {**wrong, "consumer_secret": SECRET}
    assert "Connected: the shop" in _followed(admin, f"{page}/connect", right, form=page)
    assert shops.address_of(db, "default") == fake.url
    shown = admin.get(page).text
    assert SECRET not in shown
    assert KEY not in shown
    comparisons.save(db, "default", {"report": {"in_step": False, "silence": {"alarming": True}}})
    listed = admin.get("/settings/stores").text
    for state in ("Connected", "Silent for longer than usual", "Differs from the shop"):
        assert state in listed
    assert "The shop answers" in _followed(admin, f"{page}/test", {}, form=page)
    assert "read no more" in _followed(admin, f"{page}/disconnect-shop", {}, form=page)
    assert shops.address_of(db, "default") is None
    assert post(admin, f"{page}/test", {}, form=page).status_code == 404
    ended = audit.find(db, Filter(action="store.disconnected"))[-1]
    assert ended["details"] == {"api_only": True}


def test_the_overview_shows_what_is_set_and_no_secret(admin: FlaskClient, config: Config) -> None:
    page = admin.get("/settings").text
    assert "RECONCILE_EVERY" in page
    for secret in (config.webhook_api_key, config.webhook_secret, config.jwt_secret, *config.secrets_keys):
        assert secret not in page


def test_the_last_delivery_of_each_store_is_read_from_the_index_alone(db: Db, shop: Shop) -> None:
    shop.post(b"{}")
    assert list(queries.last_received(db)) == ["default"]
    assert [each["store"] for each in queries.latest_of(db, "default", 5)] == ["default"]
    plan = db.command(
        "explain",
        {
            "aggregate": "inbox",
            "pipeline": [
                {"$sort": {"store": 1, "received_at": -1, "_id": -1}},
                {"$group": {"_id": "$store", "at": {"$first": "$received_at"}}},
            ],
            "cursor": {},
        },
        verbosity="queryPlanner",
    )
    assert "DISTINCT_SCAN" in str(plan), "it must not read every entry"


def test_a_newcomer_is_led_from_the_first_page_to_the_first_order(
    app: Flask, open_as: Callable[..., Page], client: FlaskClient
) -> None:
    page = open_as("admin", width=820)
    page.goto("/settings/stores/start")
    assert problems(page) == []
    page.get_by_role("link", name="Connect your shop").click()
    page.get_by_role("button", name="Show the line").click()
    expect(page.locator("code", has_text="pos-sync:")).to_be_visible()
    assert problems(page) == []
    assert not is_too_wide(page)
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    body: dict[str, Any] = {"event": "order.created", "sequence": 1, "data": order(1, order_line("MUG"))}
    assert client.post("/api/webhooks/orders", json=body, headers={"X-API-Key": API_KEY}).status_code == 200
    started = time.monotonic()
    expect(page.get_by_text("It works:")).to_be_visible(timeout=5000)
    assert time.monotonic() - started < 4
    page.get_by_role("link", name="See what sells today").click()
    page.wait_for_url(re.compile(r"/$"))


@pytest.mark.parametrize(("width", "language"), [(390, "sv"), (1280, "en")])
def test_a_till_is_added_by_the_keyboard_alone(open_as: Callable[..., Page], width: int, language: str) -> None:
    page = open_as("admin", width=width, theme="dark", language=language)
    page.goto("/settings/stores/add/kaynko")
    page.locator("#name").focus()
    page.keyboard.type("till-1")
    page.keyboard.press("Enter")
    expect(page.locator("code[id$=-secret]")).to_be_visible()
    paths = ("/settings/store/till-1/guide", "/settings/store/default", "/settings/stores/add/stripe")
    for path in ("", *paths):
        if path:
            page.goto(path)
        assert not is_too_wide(page), path
        if width == 390:
            assert problems(page) == [], path
