"""Payments in the dashboard: lists by filter, one with how it is matched, and what contradicts the shop."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from typing import Any

import pytest
from bson import Decimal128
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.database.client import Db
from pos_api.payments import account
from pos_api.payments.apply import apply, apply_tab
from pos_api.payments.balance import SENTENCES
from pos_api.payments.model import TabUpdate, order_key_by_id, order_key_by_transaction
from pos_api.staff import audit
from pos_api.web.dashboard import payment_words
from tests.factories import Shop, line, order
from tests.web.api.test_payments import NOON, payment
from tests.web.dashboard.browsing import is_too_wide, problems

AsRole = Callable[[str], FlaskClient]
OpenAs = Callable[..., Page]


@pytest.fixture
def provider(app: Flask, db: Db) -> None:
    """A store that takes payments for orders of the default one."""
    settings = {"orders_of": "default"}
    db.stores.insert_one({"_id": "pay", "name": "Pay & Co", "kind": "stripe", "settings": settings, "keys": []})
    app.extensions["pos"].stores._read_at = float("-inf")


def of(number: int | str) -> dict[str, Any]:
    """The way in which a payment names an order of the default store."""
    return {"wanted": (order_key_by_id("default", str(number)),)}


@pytest.fixture
def paid(shop: Shop, db: Db, provider: None) -> None:
    """Order 7, paid by p1; p2 of no order that is known; p3 failed."""
    shop.outcome("order.created", order(7, line("A"), number="S-77", total="12.50"))
    apply(db, payment("p1", tip=Decimal128("2.00"), amount="14.50", **of(7)))
    apply(db, payment("p2", minute=1, **of(8)))
    apply(db, payment("p3", minute=2, status="failed", reason="declined <b>by</b> the bank"))


def test_each_filter_shows_its_payments(as_role: AsRole, paid: None) -> None:
    client = as_role("viewer")
    for query, expected in {
        "": ["p3", "p2", "p1"],
        "?order=none": ["p3", "p2"],
        "?status=failed": ["p3"],
        "?q=S-77": ["p1"],
        "?store=pay&method=card&order=default:7": ["p1"],
        "?store=&status=&from=2026-11-22&to=2026-11-22": ["p3", "p2", "p1"],
        "?from=2026-11-23": [],
    }.items():
        text = client.get(f"/payments{query}").text
        assert [name for name in ("p3", "p2", "p1") if f'href="/payments/pay:{name}"' in text] == expected, query
    assert "Ask for less" in client.get("/payments?method=none").text


def test_what_is_not_valid_has_its_message_and_the_rest_stays(as_role: AsRole, paid: None) -> None:
    answer = as_role("viewer").get("/payments?from=yesterday&method=card")
    assert answer.status_code == 422
    assert "is neither a day" in answer.text
    assert 'value="yesterday"' in answer.text
    assert 'value="card"' in answer.text


def test_a_payment_shows_its_amounts_its_order_and_how_they_are_matched(as_role: AsRole, paid: None) -> None:
    client = as_role("viewer")
    text = client.get("/payments/pay:p1").text
    assert '<span class="badge">Processing</span>' in text, "the status of the order, in words"
    for shown in ("SEK14.50", "SEK2.00", "ref-p1", "Order S-77", "names the order by its id", "Pay &amp; Co"):
        assert shown in text, shown
    unmatched = client.get("/payments/pay:p2").text
    assert "order 8 of" in unmatched
    assert "As soon as that order comes" in unmatched
    failed = client.get("/payments/pay:p3").text
    assert "declined &lt;b&gt;by&lt;/b&gt; the bank" in failed, "what a sender wrote is text"
    assert client.get("/payments/pay:p9").status_code == 404


def test_the_history_of_a_payment_leads_managers_to_its_delivery(as_role: AsRole, paid: None, db: Db) -> None:
    db.inbox.insert_one({"_id": "entry-p1", "received_at": NOON})
    shown = {role: as_role(role).get("/payments/pay:p1").text for role in ("viewer", "manager")}
    for text in shown.values():
        assert "Paid: " in text
        assert "reported 22 Nov 2026, 12:00:00" in text
    assert ["/inbox/entry-p1" in shown[role] for role in ("viewer", "manager")] == [False, True]


def test_viewers_are_shown_that_a_payment_names_a_transaction_but_not_its_id(
    as_role: AsRole, db: Db, provider: None
) -> None:
    apply(db, payment("p1", wanted=(order_key_by_transaction("default", "tx_1"),)))
    shown = {role: as_role(role).get("/payments/pay:p1").text for role in ("viewer", "manager")}
    assert "transaction … of" in shown["viewer"]
    assert "tx_1" not in shown["viewer"]
    assert "transaction tx_1 of" in shown["manager"]


def test_what_applies_to_some_payments_alone_is_shown_where_it_does(
    as_role: AsRole, shop: Shop, db: Db, provider: None
) -> None:
    apply_tab(db, TabUpdate("karma", "tab/1", 1, "open", paid=Decimal128("5.00")))
    apply(db, payment("p1", store="karma", tab="tab/1", paid_at=None, method_is_assumed=True, details={"rate": "3.1"}))
    for number in (7, 8):
        shop.outcome("order.created", order(number, line("A"), number="SAME"))
    apply(db, payment("a/b c", **of("SAME")))
    client = as_role("viewer")
    text = client.get("/payments/karma:p1").text
    for shown in ("tab/1", "by the setting of the till", "3.1", "not known"):
        assert shown in text, shown
    listed = client.get("/payments").text
    assert 'href="/payments/pay:a/b%20c"' in listed
    several = client.get("/payments/pay:a/b%20c").text
    assert "default:7" in several
    assert "default:8" in several
    assert "any of these orders" in several


def test_every_contradiction_has_words_and_what_to_do(app: Flask) -> None:
    values = dict.fromkeys(("method", "payment", "currency", "expected", "stores"), "x")
    values |= {"count": "2", "paid": "2.00", "total": "1.00", "due": "1.00", "known": "1.00", "refunded": "2.00 SEK"}
    with app.test_request_context():
        for code in SENTENCES:
            found = {"code": code, "message": "", "values": values}
            words = payment_words.contradiction(found, "SEK")
            assert words.text, code
            assert words.to_do, code
            assert not re.search(r"\b\d+\.\d\d", words.text), "an amount without its currency"
        unknown = payment_words.contradiction({"code": "new", "message": "As it is.", "values": {}}, "SEK")
        assert (unknown.text, unknown.to_do) == ("As it is.", "")


def test_discrepancies_say_what_is_wrong_and_what_to_do(as_role: AsRole, paid: None, db: Db) -> None:
    client = as_role("viewer")
    assert "All payments agree" in client.get("/payments/discrepancies").text
    apply(db, payment("p4", minute=3, **of(7)))
    text = client.get("/payments/discrepancies").text
    assert "2 payments have come, SEK25.00 in all, but the order is of SEK12.50." in text
    assert "pay one payment back" in text
    assert "Order S-77" in text
    assert "2 payments have come" in client.get("/payments/pay:p1").text, "and so does the payment"
    rows = list(csv.DictReader(client.get("/payments/discrepancies.csv").text.splitlines()))
    assert [(row["order"], row["code"]) for row in rows] == [("default:7", "paid_twice")]
    assert client.get("/payments/discrepancies?to=x").status_code == 422


def test_where_no_shop_is_paid_at_a_provider_that_is_said(as_role: AsRole) -> None:
    assert "Nothing is compared yet" in as_role("viewer").get("/payments/discrepancies").text


def test_a_file_has_what_is_filtered_and_the_audit_has_it(as_role: AsRole, paid: None, db: Db) -> None:
    client = as_role("viewer")
    assert 'href="/payments.csv?order=none"' in client.get("/payments?order=none&cursor=").text
    answer = client.get("/payments.csv?order=none&store=")
    assert answer.mimetype == "text/csv"
    assert [row["payment"] for row in csv.DictReader(answer.text.splitlines())] == ["pay:p3", "pay:p2"]
    [entry] = audit.find(db, audit.Filter(action="payments.exported"))
    assert (entry["who"]["name"], entry["details"]) == ("viewer", {"order": "none"})


def test_payments_are_found_by_mouse_and_by_keyboard(
    open_as: OpenAs, paid: None, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        apply(db, payment(f"many-{number:02}", minute=-1 - number))
    page = open_as("viewer", width=390, theme="dark", language="sv")
    page.goto("/payments")
    expect(page.locator("#payments tr")).to_have_count(50)
    page.get_by_role("link", name="Visa fler").click()
    expect(page.locator("#payments tr")).to_have_count(63)
    assert problems(page) == []
    page.keyboard.press("/")
    page.keyboard.type("S-77")
    expect(page.locator("#payments tr")).to_have_count(1)
    assert page.url.endswith("/payments?q=S-77")
    page.get_by_role("link", name="p1", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Betalning p1")
    assert problems(page) == []
    assert not is_too_wide(page)


def test_the_last_looked_at_order_is_where_more_is_looked_for(
    open_as: OpenAs, paid: None, shop: Shop, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "MOST_EXAMINED", 2)
    monkeypatch.setattr(account, "_AT_ONCE", 2)
    apply(db, payment("p4", minute=3, **of(7)))
    for number in range(100, 104):
        shop.outcome("order.created", order(number, line("A"), date_created_gmt="2026-11-23T12:00:00"))
    page = open_as("viewer")
    page.goto("/payments/discrepancies")
    expect(page.get_by_text("Nothing is wrong with the orders that were looked at so far")).to_be_visible()
    more = page.get_by_role("link", name="Show more")
    for _ in range(2):
        address = more.get_attribute("href") or ""
        more.dblclick()  # whoever is impatient has no row twice
        expect(page.locator(f'a[href="{address}"]')).to_have_count(0)
    expect(page.get_by_role("heading", name="Order S-77")).to_be_visible()
    assert problems(page) == []
