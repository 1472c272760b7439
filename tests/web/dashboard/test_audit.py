"""Every form of the dashboard that changes something leaves an entry in the audit.

A new POST route fails here until it is in one of the lists: with what is sent to show its entry, or with the reason why
it needs none.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pos_api.catalogue import product_import, staff_actions
from pos_api.common.time import rfc3339
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.outbox.model import delivery_id
from pos_api.staff import audit, first_admin, tokens
from pos_api.staff.audit import Filter
from pos_api.stores import settings
from tests.accounting.test_close import DAY, put
from tests.factories import Shop, line, order
from tests.fake_shop import KEY, SECRET, FakeShop
from tests.fake_shop import product as shop_product
from tests.outbox.delivering.outbox import event, publish_events, subscribe
from tests.web.api.test_inbox import park
from tests.web.dashboard.browsing import PASSWORD, client_of, post
from tests.web.dashboard.test_books import typed

NEW_PASSWORD = "another long password"

NOT_RECORDED = {
    "/account/display": "keeps language and colours in the cookie of this browser, also before signing in",
    "/settings/store/<name>/test": "asks the shop whether it can be read, and keeps nothing",
    "/stock/import": "works out what a file would change; that it is applied is recorded",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A form: where it is sent, the action that its entry has, the page that it is on, and what is typed. `{name}` in
    paths and fields stands for what is known when it is sent. A `file` is sent as a file."""

    path: str
    action: str
    page: str
    data: Mapping[str, object] = field(default_factory=dict)


_NEW = {"password": PASSWORD, "password-again": PASSWORD}
ENTRANCE = [
    Form("/first-admin", "user.created", "/first-admin?key={first}", {"key": "{first}", "name": "admin", **_NEW}),
    Form("/sign-out", "session.ended", "/"),
    Form("/sign-in", "login.succeeded", "/sign-in", {"name": "admin", "password": PASSWORD}),
    Form("/sign-in/again", "login.succeeded", "/", {"name": "admin", "password": PASSWORD, "unsent": '["/orders"]'}),
]
"""How somebody comes in: the admin who sends the others."""

_SUBSCRIPTION = "/deliveries/subscriptions/{subscription}"
_SHOP = "/settings/store/default"
_BAR = "/settings/store/bar"
_TILL = "/settings/store/till-1"
_PASSWORDS = {"password": PASSWORD, "new-password": NEW_PASSWORD, "new-password-again": NEW_PASSWORD}
_KEYS = {"rest_url": "{url}", "consumer_key": KEY, "consumer_secret": SECRET}
_COUNT = {"sku": "MUG", "count": "6", "seen": "{seq}"}
_ADJUSTMENT = {"sku": "MUG", "change": "-1", "reason": "broken", "once": "1"}
FORMS = [
    Form("/books/accounts/change", "books.accounts", "/books/accounts/change", typed(**{"name-0": "Sales of goods"})),
    Form("/books/close", "books.closed", "/books", {"store": "default", "day": DAY}),
    Form("/books/exports", "books.exported", "/books/exports", {"format": "csv", "from": "2026-01-01"}),
    Form("/account/sessions/{session}/end", "session.ended", "/account"),
    Form("/account/sessions/end-others", "session.ended", "/account"),
    Form("/account/password", "user.password", "/account", _PASSWORDS),
    Form("/stock/new", "product.created", "/stock/new", {"sku": "CUP", "stock": "3"}),
    Form("/stock/change", "product.price", "/stock/change?sku=MUG", {"sku": "MUG", "name": "MUG", "price": "12,5"}),
    Form("/stock/count", "stock.counted", "/stock/count?sku=MUG&count=6", _COUNT),
    Form("/stock/adjust", "stock.adjusted", "/stock/adjust?sku=MUG&change=-1&reason=broken", _ADJUSTMENT),
    Form("/stock/archive", "product.archived", "/stock/product?sku=CUP", {"sku": "CUP", "archived": "yes"}),
    Form("/stock/link", "product.linked", "/stock/link?other=NEW", {"sku": "MUG", "other": "NEW"}),
    Form("/stock/import/{import}/apply", "products.imported", "/stock/import/{import}"),
    Form("/stock/items/bar/7/link", "item.linked", "/stock/items/bar/7/link", {"sku": "MUG"}),
    Form("/stock/items/bar/7/unlink", "item.unlinked", "/stock/items?store=bar"),
    Form("/stock/items/bar/import", "items.imported", "/stock/items?store=bar", {"file": "item,sku\n7,MUG\n"}),
    Form(f"{_SHOP}/connect", "store.connected", _SHOP, _KEYS),
    Form("/stock/sync/default", "store.stock", "/stock/sync/default/differences", {"all": "shop"}),
    Form("/stock/sync/default/off", "store.stock", "/stock/sync/default"),
    Form(f"{_SHOP}/disconnect-shop", "store.disconnected", _SHOP),
    Form(f"{_SHOP}/line", "key.shown", f"{_SHOP}/guide"),
    Form(f"{_SHOP}/keys", "key.created", _SHOP, {"scopes": ["read"], "days": "30"}),
    Form(f"{_SHOP}/keys/revoke", "key.revoked", _SHOP, {"prefix": "{prefix}"}),
    Form(
        "/settings/stores/add/kaynko",
        "store.created",
        "/settings/stores/add/kaynko",
        {"name": "till-1", "timezone": "Europe/Stockholm", "currency": "SEK", "debts_in_cash": "no"},
    ),
    Form(_TILL, "store.changed", _TILL, {"timezone": "Africa/Lusaka"}),
    Form(f"{_TILL}/remove", "store.removed", _TILL),
    Form(f"{_BAR}/secret", "secret.rotated", _BAR, {"secret": ""}),
    Form(f"{_BAR}/secret/end", "secret.ended", _BAR),
    Form(f"{_BAR}/disconnect", "store.disconnected", _BAR),
    Form("/settings/tokens", "token.created", "/settings/tokens", {"name": "nightly", "role": "viewer", "days": "7"}),
    Form("/settings/tokens/revoke", "token.revoked", "/settings/tokens", {"id": "{token}"}),
    Form("/settings/users", "user.created", "/settings/users", {"name": "bo", "role": "viewer", "password": PASSWORD}),
    Form("/settings/users/bo/role", "user.role", "/settings/users", {"role": "manager"}),
    Form("/settings/users/bo/password", "user.password", "/settings/users"),
    Form("/settings/users/bo/remove", "user.removed", "/settings/users"),
    Form("/deliveries/new", "webhook.created", "/deliveries/new", {"url": "https://erp.example/", "events": ["*"]}),
    Form(
        f"{_SUBSCRIPTION}/change",
        "webhook.changed",
        f"{_SUBSCRIPTION}/change",
        {"url": "https://erp.example/b", "events": ["*"], "signature": "standard", "payload": "thin"},
    ),
    Form(f"{_SUBSCRIPTION}/test", "webhook.tested", _SUBSCRIPTION),
    Form(f"{_SUBSCRIPTION}/resend/{{delivery}}", "webhook.resent", f"{_SUBSCRIPTION}/deliveries/{{delivery}}"),
    Form(f"{_SUBSCRIPTION}/replay", "webhook.replayed", _SUBSCRIPTION, {"from": "2026-01-01", "which": "all"}),
    Form(f"{_SUBSCRIPTION}/secret", "webhook.rotated", _SUBSCRIPTION, {"seen": "{seen}"}),
    Form(f"{_SUBSCRIPTION}/pause", "webhook.changed", _SUBSCRIPTION),
    Form(f"{_SUBSCRIPTION}/resume", "webhook.resumed", _SUBSCRIPTION),
    Form(f"{_SUBSCRIPTION}/remove", "webhook.deleted", _SUBSCRIPTION),
    Form("/inbox/{parked}/replay", "inbox.replayed", "/inbox/{parked}"),
    Form("/inbox/replay", "inbox.replayed", "/inbox"),
    Form("/customers/anna@example.se/erase", "customer.erased", "/customers/anna@example.se"),
]
"""In this order on one database. The books are ahead of the stock sync: the shop has no orders, so that those here are
deleted when the two are compared."""


@pytest.fixture
def prepared(db: Db, config: Config, app: Flask, client: FlaskClient, shop: Shop, fake: FakeShop) -> dict[str, str]:
    """One of everything that is changed, but no user; what the forms need to know of it."""
    staff_actions.add(db, {"sku": "MUG", "stock": 7}, by="ann")
    settings.add_store(db, config, "bar", kind="karma")
    app.extensions["pos"].stores.read_again()
    shop.outcome("order.created", order(1, line("NEW"), status="completed"))
    put(db, 2)
    parked, _ = park(client, 8), park(client, 9)
    fake.products[1] = shop_product(1, "MUG", 10)
    subscription = subscribe(db, config, "https://erp.example/", events=["*"])
    sent = event(3)
    publish_events(db, sent)
    return {
        "first": first_admin.new_key(db) or "",
        "parked": parked,
        "url": fake.url,
        "subscription": subscription,
        "delivery": delivery_id(subscription, sent.id),
        "import": product_import.prepare(db, b"sku,name\nPOT,Pot\n", name="f.csv", by="ann"),
    }


def test_every_form_that_changes_something_leaves_an_entry(app: Flask, db: Db, prepared: dict[str, str]) -> None:
    browser = app.test_client()
    for form in ENTRANCE:
        check_its_entry(browser, db, form, prepared)
    for _ in range(2):
        client_of(app, "admin")  # in other browsers, which are signed out
    for form in FORMS:
        check_its_entry(browser, db, form, prepared)
    everything = str(audit.find(db, Filter()))
    assert not any(each in everything for each in (PASSWORD, NEW_PASSWORD, KEY, SECRET))


def test_every_form_is_listed_here(app: Flask) -> None:
    of_dashboard = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    addresses = app.url_map.bind("localhost")
    shown = {addresses.match(form.path, "POST", return_rule=True)[0].rule for form in (*ENTRANCE, *FORMS)}
    assert len(shown) == len(ENTRANCE) + len(FORMS), "a route is in the list twice"
    assert of_dashboard == {*shown, *NOT_RECORDED}, "a route is not in the list, or is gone"
    assert not shown & set(NOT_RECORDED)


def check_its_entry(browser: FlaskClient, db: Db, form: Form, prepared: dict[str, str]) -> None:
    """Send a form; there is one entry more then, of its action and by the admin."""
    known = {**prepared, **now_known(db)}

    def filled(text: str) -> str:
        return text.format_map(known)

    data = {name: filled(value) if isinstance(value, str) else value for name, value in form.data.items()}
    if "file" in data:
        data["file"] = (io.BytesIO(str(data["file"]).encode()), "file.csv")
    before = recorded(db, form.action)
    answer = post(browser, filled(form.path), data, form=filled(form.page))
    assert answer.status_code in (200, 303), f"{form.path}: {answer.text}"
    entries = recorded(db, form.action)
    assert len(entries) == len(before) + 1, f"{form.path} left no entry {form.action}, or several"
    assert entries[0]["who"] == {"kind": "user", "name": "admin", "address": "127.0.0.1"}, form.path
    assert entries[0]["outcome"] == "done", form.path


def recorded(db: Db, action: str) -> list[Document]:
    return audit.find(db, Filter(action=action))


def now_known(db: Db) -> dict[str, str]:
    """What changes from form to form: the latest session, key and token, and what a person was shown."""

    def latest(found: Document | None, of: Callable[[Document], object]) -> str:
        return str(of(found)) if found else ""

    scripts = tokens.scripts(db)
    return {
        "session": latest(db.staff_sessions.find_one({}, sort=[("created_at", -1)]), lambda each: each["_id"]),
        "prefix": latest(
            db.stores.find_one({"_id": "default", "keys.0": {"$exists": True}}), lambda each: each["keys"][-1]["prefix"]
        ),
        "token": scripts[0]["id"] if scripts else "",
        "seq": latest(db.products.find_one({"_id": "MUG"}), lambda each: each["seq"]),
        "seen": latest(db.webhook_subscriptions.find_one({"_id": "sub_a"}), lambda each: rfc3339(each["updated_at"])),
    }
