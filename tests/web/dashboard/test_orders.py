"""Orders in the dashboard: found by number, words and filters, and one with all that happened to it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.common.warning_messages import SENTENCES, warn
from pos_api.database.client import Db
from pos_api.staff import audit
from pos_api.web.dashboard import order_words, warning_advice
from pos_api.web.dashboard.order_events import changes_by_cause
from tests.factories import Shop, line, order, stock_up
from tests.waiting import wait_until
from tests.web.dashboard.browsing import is_too_wide, problems

AsRole = Callable[[str], FlaskClient]
OpenAs = Callable[..., Page]

EVIL = '<script>alert("x")</script>'


@pytest.fixture
def orders(shop: Shop, db: Db) -> None:
    """Three orders of Anna's and Eva's; the third sold something that is not known here."""
    stock_up(db, A=10)
    eva = {"first_name": "Eva", "last_name": "Ek", "email": "eva@example.se"}
    said: dict[int, dict[str, Any]] = {
        1: {"status": "completed", "date_paid_gmt": "2026-11-20T12:00:00"},
        2: {"billing": eva},
        3: {"line_items": [{"id": 1, **line("NEW", 2), "name": "New tea"}]},
    }
    for number, more in said.items():
        created = {"date_created_gmt": f"2026-11-2{number}T12:00:00"}
        shop.outcome("order.created", order(number, line("A", 2)) | created | more)


def shown(text: str) -> list[str]:
    """The ids of the orders in a list, in its order."""
    return re.findall(r'href="/orders/default:(\w+)"', text)


def test_each_filter_shows_its_orders(as_role: AsRole, orders: None) -> None:
    client = as_role("manager")
    for query, expected in {
        "": ["3", "2", "1"],
        "?q=ev": ["2"],
        "?q=anna": ["3", "1"],
        "?q=EVA%20e": ["2"],
        "?q=ev%20": [],
        "?q=2": ["2"],
        "?status=completed&q=": ["1"],
        "?store=default&from=2026-11-22&to=2026-11-22": ["2"],
        "?sku=NEW": ["3"],
        "?customer=eva@example.se": ["2"],
        "?deleted=true": [],
    }.items():
        assert shown(client.get(f"/orders{query}").text) == expected, query
    assert "Ask for less" in client.get("/orders?sku=none").text


def test_a_list_goes_on_where_it_stopped(as_role: AsRole, shop: Shop) -> None:
    for number in range(1, 53):
        shop.outcome("order.created", order(number, line("A")) | {"status": "completed"})
    client = as_role("viewer")
    first = client.get("/orders?status=completed").text
    found = re.search(r'<a class="button more" href="([^"]+)"', first)
    assert found
    assert "status=completed" in found[1]
    second = client.get(found[1].replace("&amp;", "&")).text
    assert len(shown(first)) == 50
    assert len({*shown(first), *shown(second)}) == 52


def test_a_viewer_finds_numbers_alone_and_sees_no_customer(as_role: AsRole, orders: None, shop: Shop) -> None:
    shop.outcome("order.updated", order(1, line("A", 2), modified=5, customer_note="by the back door"))
    client = as_role("viewer")
    assert shown(client.get("/orders?q=anna").text) == []
    assert shown(client.get("/orders?q=2").text) == ["2"]
    assert client.get("/orders?customer=eva@example.se").status_code == 403
    for path in ("/orders", "/orders/default:1"):
        text = client.get(path).text
        for personal in ("Anna", "Öberg", "nna@", "/customers", "back door", "events behind"):
            assert personal not in text, f"{personal} at {path}"


def test_what_is_not_valid_has_its_message_and_the_rest_stays(as_role: AsRole, orders: None) -> None:
    answer = as_role("viewer").get("/orders?from=yesterday&sku=A")
    assert answer.status_code == 422
    assert "is neither a day" in answer.text
    assert 'value="A"' in answer.text


def test_no_time_and_no_amount_of_a_sender_breaks_a_page(as_role: AsRole, shop: Shop, db: Db) -> None:
    db.stores.update_one({"_id": "default"}, {"$set": {"settings.timezone": "Europe/Stockholm"}})
    times = dict.fromkeys(("date_paid_gmt", "date_completed_gmt"), "9999-12-31T23:59:59")
    long = {"total": "12345678901.123456789012345678", "currency": ""}
    shop.outcome("order.created", order(1, line("A")) | times | long)
    client = as_role("manager")
    for path in ("/orders", "/orders/default:1", "/"):
        answer = client.get(path, headers={"Accept-Language": "en-GB"})
        assert answer.status_code == 200, path
        assert "12,345,678,901.123456789012345678" in answer.text, path


@pytest.mark.parametrize("path", ["/orders", "/payments", "/cash-sessions", "/customers", "/settings/audit"])
def test_the_filters_of_an_address_can_lead_its_links_nowhere_else(as_role: AsRole, shop: Shop, path: str) -> None:
    for number in range(60):
        shop.outcome("order.created", order(number + 1, line("A")))
    query = "endpoint=x&_method=POST&_scheme=javascript&_external=1&_anchor=y&q=%0aalert(1)&store=default"
    answer = as_role("admin").get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    addresses = re.findall(r'(?:href|data-more)="([^"]*)"', answer.text)
    assert [each for each in addresses if not each.startswith(("/", "#", "?"))] == []
    assert "javascript:" not in answer.text


def test_the_file_has_what_is_filtered_and_is_audited(as_role: AsRole, db: Db, orders: None) -> None:
    answer = as_role("manager").get("/orders.csv?q=ev")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [row["order"] for row in rows] == ["default:2"]
    [entry] = audit.find(db, audit.Filter(action="orders.exported"), limit=5)
    assert entry["details"] == {"words": "given"}


def test_an_order_shows_what_was_sold_paid_and_owed(as_role: AsRole, orders: None, shop: Shop) -> None:
    more: dict[str, Any] = {
        "shipping_lines": [{"id": 5, "method_title": "By bike", "total": "3.00", "total_tax": "0.75"}],
        "fee_lines": [{"id": 6, "name": "Gift wrap", "total": "1.00", "total_tax": "0.25"}],
        "coupon_lines": [{"id": 7, "code": "summer", "discount": "2.00", "discount_tax": "0.50"}],
        "tax_lines": [{"id": 8, "rate_id": 1, "label": "VAT", "rate_percent": 25, "tax_total": "2.50"}],
        "refunds": [{"id": 9, "reason": "damaged box", "total": "-4.00"}],
        "customer_note": "ring twice",
    }
    shop.outcome("order.updated", order(2, line("A", 2), modified=60, **more))
    text = as_role("manager").get("/orders/default:2").text
    wanted = ("By bike", "Gift wrap", "summer", "VAT 25", "damaged box", "ring twice", "SEK12.50", "SEK4.00", "SEK8.50")
    for each in wanted:
        assert each in text, each


def test_an_order_shows_the_events_behind_it_and_what_each_changed(
    as_role: AsRole, orders: None, shop: Shop, db: Db
) -> None:
    shop.outcome("order.updated", order(1, line("A", 2), modified=60, status="cancelled"))
    shop.outcome("order.updated", order(1, line("A", 2), modified=60, status="cancelled", customer_note="?"))
    text = as_role("manager").get("/orders/default:1").text
    events = text[text.index("The events behind it") :].split("<li><div")[1:]
    assert len(events) == 3
    assert "Made the order" in events[0]
    assert 'href="/inbox/' in events[0]
    assert "Completed" in events[0]
    assert "\N{MINUS SIGN}2" in events[0]
    assert "Cancelled" in events[1]
    assert "+2" in events[1]
    assert "+2" not in events[2]

    db.inbox.delete_many({})
    text = as_role("manager").get("/orders/default:1").text
    assert "its delivery is kept no longer" in text


def test_the_same_id_in_two_stores_asks_which_one(as_role: AsRole, orders: None, db: Db) -> None:
    other = db.orders.find_one({"_id": "default:1"})
    assert other
    db.orders.insert_one({**other, "_id": "north:1", "store": "north"})
    answer = as_role("viewer").get("/orders/1")
    assert answer.status_code == 409
    assert 'href="/orders/north:1"' in answer.text


def test_an_order_that_its_shop_deleted_says_so(as_role: AsRole, orders: None, shop: Shop) -> None:
    shop.outcome("order.deleted", {"id": 2})
    client = as_role("manager")
    assert "The shop deleted this order" in client.get("/orders/default:2").text
    assert shown(client.get("/orders?deleted=true").text) == ["2"]
    assert shown(client.get("/orders").text) == ["3", "1"]


def test_a_part_of_an_order_and_the_whole_lead_to_each_other(as_role: AsRole, orders: None, shop: Shop) -> None:
    shop.outcome("order.created", order(8, line("A"), parent_id=1))
    client = as_role("viewer")
    assert 'href="/orders/default:1"' in client.get("/orders/default:8").text
    assert 'href="/orders/default:8"' in client.get("/orders/default:1").text


def test_nothing_that_a_sender_wrote_is_run(as_role: AsRole, shop: Shop) -> None:
    evil = dict.fromkeys(("first_name", "last_name", "company", "address_1", "city", "phone"), EVIL)
    hostile = order(
        66,
        {**line(EVIL, 1), "name": EVIL, "meta_data": [{"key": EVIL, "value": EVIL}]},
        number=EVIL,
        status="s<b>",
        billing=evil | {"email": "e@example.se"},
        shipping=evil,
        customer_note=EVIL,
        payment_method_title=EVIL,
        payment_method="javascript:alert(1)",
        transaction_id=EVIL,
        created_via=EVIL,
        refunds=[{"id": 1, "reason": EVIL, "total": "-1.00"}],
        fee_lines=[{"id": 2, "name": EVIL, "total": "1.00", "total_tax": "0"}],
        coupon_lines=[{"id": 3, "code": EVIL, "discount": "1.00", "discount_tax": "0"}],
        shipping_lines=[{"id": 4, "method_title": EVIL, "total": "1.00", "total_tax": "0"}],
        tax_lines=[{"id": 5, "rate_id": 1, "label": EVIL, "rate_code": EVIL, "tax_total": "1.00"}],
    )
    assert shop.outcome("order.created", hostile) == "created"
    for role in ("viewer", "manager"):
        client = as_role(role)
        for path in ("/orders", "/orders/default:66", f"/orders?q={EVIL}&sku={EVIL}&status={EVIL}&from={EVIL}"):
            answer = client.get(path)
            assert answer.status_code in (200, 422), path
            assert "<script>alert" not in answer.text, path
            assert 'href="javascript' not in answer.text


def test_every_warning_is_in_words_that_say_what_to_do(app: Flask) -> None:
    with app.test_request_context():
        english = warning_advice.to_do()
    with app.test_request_context(headers={"Accept-Language": "sv"}):
        for code, sentence in SENTENCES.items():
            values = dict.fromkeys(re.findall(r"{(\w+)}", sentence), "x1")
            found = warning_advice.advice(warn(code, **values), "default")
            assert found.to_do, code
            assert found.to_do != english[code], f"{code} is not in Swedish"
            assert found.text != sentence.format(**values), f"{code} is not in Swedish"
        unknown = replace(warn("unknown_sku", sku="A"), code="of a later version")
        assert warning_advice.advice(unknown, "default").text == unknown.message


def test_what_each_cause_changed_is_put_together() -> None:
    changed = changes_by_cause(
        [{"cause": "a", "status": "processing", "at": None}, {"cause": "b", "status": "completed", "at": None}],
        [{"cause": "a", "sku": "A", "at": None}, {"cause": "staff:eva", "sku": "B", "at": None}],
        [{"changes": [{"cause": "b", "change": "completed"}]}],
    )
    assert list(changed) == ["a", "b", "staff:eva"]
    assert [each["sku"] for each in changed["a"].movements] == ["A"]
    assert changed["b"].payments[0]["change"] == "completed"


def test_whose_order_it_is_and_what_it_sold_in_a_line(app: Flask) -> None:
    with app.test_request_context():
        lines = [{"sku": sku, "quantity": 1} for sku in "ABCD"]
        assert order_words.items({"line_items": lines}) == "1 × A, 1 × B and 2 more"
        assert order_words.name_of({"billing": {"email": "a@example.se"}}) == "a@example.se"
        assert order_words.name_of({}) == ""


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark")])
def test_an_order_can_be_read_by_everybody_on_each_device(
    open_as: OpenAs, orders: None, width: int, theme: str
) -> None:
    page = open_as("manager", width=width, theme=theme)
    page.goto("/orders")
    page.get_by_role("link", name="3", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("NEW")
    assert problems(page) == []
    assert not is_too_wide(page)


def test_whoever_comes_back_to_a_list_has_the_rows_that_were_added_and_the_place(
    open_as: Callable[..., Page], shop: Shop
) -> None:
    for number in range(1, 31):
        shop.outcome("order.created", order(number, line("A")))
    page = open_as("viewer", width=390)
    page.goto("/orders?limit=10")
    rows = page.locator("#orders tr")
    for count in (20, 30):
        page.get_by_role("link", name="Show more").click()
        expect(rows).to_have_count(count)
    order_link = rows.nth(15).get_by_role("link").first
    order_link.scroll_into_view_if_needed()
    wait_until(lambda: bool(page.evaluate("history.state.top === scrollY")))
    place = page.evaluate("scrollY")
    order_link.click()
    page.wait_for_url("**/orders/default:*")
    page.go_back()
    expect(rows).to_have_count(30)
    wait_until(lambda: bool(page.evaluate("scrollY") == place))


def test_on_a_phone_the_filters_are_folded_unless_one_is_set(open_as: Callable[..., Page], shop: Shop) -> None:
    page = open_as("viewer", width=390)
    for address, is_shown in (("/orders", False), ("/orders?q=1", False), ("/orders?status=failed", True)):
        page.goto(address)
        assert page.locator("#status").is_visible() == is_shown, address
    page.goto("/orders")
    page.get_by_role("link", name="Today").last.click()
    page.wait_for_url("**/orders?*from=*")
    assert not page.locator("#status").is_visible(), "the button shows which days are asked for"
    page.goto("/orders")
    page.get_by_text("More filters").click()
    expect(page.locator("#status")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/orders")
    expect(page.locator("#status")).to_be_visible()
    expect(page.get_by_text("More filters")).to_be_hidden()
