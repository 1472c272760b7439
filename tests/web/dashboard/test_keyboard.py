"""The main job of each room, done with the keyboard alone: where one is can be seen at every key, and what changes on
the page takes it from nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import Decimal128
from flask import Flask
from playwright.sync_api import Page, expect

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.orders.apply import apply
from pos_api.outbox.publish import publish
from tests.accounting.test_close import put
from tests.factories import API_KEY, PATH, Shop, line, order, order_update, stock_of, stock_up
from tests.outbox.delivering.outbox import allowing, event
from tests.outbox.delivering.receivers import Receiver, receiving
from tests.web.dashboard.browsing import PASSWORD
from tests.web.dashboard.keyboard import Keyboard
from tests.web.dashboard.test_cash import sessions  # noqa: F401
from tests.web.dashboard.test_figures import sell
from tests.web.dashboard.test_inbox import mend, send
from tests.web.dashboard.test_payments import paid, provider  # noqa: F401
from tests.web.dashboard.test_today import sale

Opens = Callable[..., Page]


@pytest.fixture
def config(config: Config) -> Config:
    """Settings that allow receivers on this machine."""
    return allowing(config)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of what happens."""
    with receiving() as receiver:
        yield receiver


def notice(page: Page, text: str) -> None:
    """What became of a form is said, and has the focus."""
    expect(page.locator("main .notice").first).to_contain_text(text)
    assert text in Keyboard(page).at(), "whoever goes on does so below it"


def test_signing_in_and_out(open_as: Opens) -> None:
    page = open_as(None, width=390, theme="dark", language="sv")
    page.goto("/sign-in")
    keys = Keyboard(page)
    page.keyboard.type("viewer")
    keys.press("Tab")
    page.keyboard.type("a wrong one")
    keys.press("Enter")
    expect(page.locator(".notice")).to_have_attribute("role", "alert")
    assert keys.at() == keys.text("Password")
    page.keyboard.type(PASSWORD)
    keys.press("Enter")
    expect(page.locator("h1")).to_have_text(keys.text("Today"))
    page.goto("/stock")
    keys.go("To the page")
    keys.press("Enter", "Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null"), "past the menu"
    keys.go("POS Sync", key="Shift+Tab")
    keys.press("Enter", "Tab", "Escape")
    assert keys.at() == "POS Sync", "a menu that is closed gives the focus back"
    keys.press("Enter")
    keys.enter("Sign out")
    expect(page.locator("h1")).to_have_text(keys.text("Sign in"))


def test_an_order_is_found_and_read(open_as: Opens, shop: Shop) -> None:
    eva = {"first_name": "Eva", "last_name": "Ek", "email": "eva@example.se"}
    shop.outcome("order.created", order(1, line("A"), billing=eva))
    shop.outcome("order.created", order(2, line("A")))
    page = open_as("manager", width=390, theme="dark", language="sv")
    keys = Keyboard(page)
    keys.open_menu()
    keys.enter("Orders")
    page.wait_for_url("**/orders")
    keys.press("/")
    page.keyboard.type("ev")
    expect(page.locator("#orders tr")).to_have_count(1)
    keys.enter("1")
    expect(page.locator("h1")).to_have_text(keys.text("Order %(number)s", number=1))
    keys.check()


def test_a_list_goes_on_and_is_filtered_without_losing_the_place(open_as: Opens, db: Db) -> None:
    made = datetime(2026, 11, 1, tzinfo=UTC)
    fields = [
        {"status": "processing", "created_at": made + timedelta(hours=n), "total": Decimal128("9.00")}
        for n in range(53)
    ]
    fields[2]["status"] = "completed"
    apply(db, [order_update(n, each, kind="created", cause=f"e{n}") for n, each in enumerate(fields, 1)])
    page = open_as("viewer", width=820)
    page.goto("/orders")
    keys = Keyboard(page)
    keys.go("Show more", key="Shift+Tab")
    keys.press("Enter")
    expect(page.locator("#orders tr")).to_have_count(53)
    assert keys.at() == "3", "the first of those that came"
    keys.go("Status", key="Shift+Tab")
    page.keyboard.type("Comp")
    expect(page.locator("#orders tr")).to_have_count(1)
    assert keys.at() == "Status"


def test_a_product_is_counted_and_adjusted(open_as: Opens, db: Db) -> None:
    stock_up(db, MUG=6)
    page = open_as("manager", width=390, theme="dark", language="sv")
    page.goto("/stock")
    keys = Keyboard(page)
    keys.press("/")
    page.keyboard.type("mu")
    expect(page.locator("#rows tr")).to_have_count(1)
    keys.enter("MUG")
    page.wait_for_url("**/stock/product**")
    keys.fill("I counted", "x")
    keys.press("Enter")
    page.wait_for_url("**/stock/count**")
    assert keys.at() == keys.text("I counted"), "what has to be corrected"
    keys.press("Control+A")
    page.keyboard.type("5")
    keys.press("Enter")
    expect(page.locator("strong")).to_contain_text("−1")
    assert keys.at() == keys.text("Yes, that is what is there")
    keys.check()
    keys.press("Enter")
    notice(page, "(−1)")
    keys.fill("Units, with − to take away", "+3")
    keys.fill("Reason", "found")
    keys.press("Enter")
    expect(page.locator("strong")).to_contain_text("+3")
    keys.press("Enter")
    notice(page, "(+3)")
    assert stock_of(db) == {"MUG": 8}
    keys.check()


def test_a_file_of_products_is_brought_in(open_as: Opens, db: Db, tmp_path: Path) -> None:
    stock_up(db, MUG=6)
    file = tmp_path / "f.csv"
    file.write_text("sku,stock\nMUG,9\nNEW,1\n")
    page = open_as("manager", width=820, theme="dark")
    page.goto("/stock/import")
    keys = Keyboard(page)
    with page.expect_file_chooser() as chosen:
        keys.enter("CSV file, at most 2 MiB")
    chosen.value.set_files(file)
    keys.enter("Look at what it changes")
    expect(page.locator("#rows")).to_contain_text("6 → 9 (+3)")
    keys.enter("Apply 2 rows")
    notice(page, "2 rows were applied.")
    assert stock_of(db) == {"MUG": 9, "NEW": 1}
    keys.check()


def test_an_unknown_sku_is_linked(open_as: Opens, shop: Shop, db: Db) -> None:
    stock_up(db, MUG=5)
    shop.outcome("order.created", order(1, line("NEW")))
    page = open_as("manager", width=390, language="sv")
    page.goto("/stock/unknown")
    keys = Keyboard(page)
    keys.enter("Link %(sku)s", sku="NEW")
    page.wait_for_url("**/stock/link**")
    keys.press("/")
    page.keyboard.type("mug")
    keys.go("Link to %(sku)s", sku="MUG")
    keys.press("Enter")
    keys.go("Yes, link")
    keys.press("Escape")
    assert keys.at() == keys.text("Link to %(sku)s", sku="MUG"), "asked, and not answered"
    keys.press("Enter")
    keys.enter("Yes, link")
    notice(page, "NEW")
    assert db.products.count_documents({"skus": "NEW"}) == 1


def test_what_is_held_about_a_person_is_taken_out_and_erased(open_as: Opens, shop: Shop) -> None:
    shop.outcome("order.created", order(1, line("A")))
    page = open_as("admin", width=390, theme="dark", language="sv")
    page.goto("/customers")
    keys = Keyboard(page)
    keys.enter("Anna Öberg")
    page.wait_for_url("**/customers/*")
    with page.expect_download():
        keys.enter("Download what is held")
    keys.enter("Erase this person")
    keys.check()
    keys.enter("Yes, erase this person")
    notice(page, "1 beställning")


def test_a_payment_is_found_and_leads_to_its_order(open_as: Opens, paid: None) -> None:  # noqa: F811
    page = open_as("viewer", width=1280, theme="dark")
    page.goto("/payments")
    keys = Keyboard(page)
    keys.press("/")
    page.keyboard.type("S-77")
    expect(page.locator("#payments tr")).to_have_count(1)
    keys.enter("p1")
    expect(page.locator("h1")).to_have_text("Payment p1")
    keys.check()
    keys.enter("Order S-77")
    expect(page.locator("h1")).to_have_text("Order S-77")


def test_a_difference_of_a_cash_session_is_read(open_as: Opens, sessions: None) -> None:  # noqa: F811
    page = open_as("viewer", width=390, language="sv")
    page.goto("/cash-sessions")
    keys = Keyboard(page)
    keys.enter("2 juni 2026 10:00:00")
    expect(page.locator("h1")).to_have_text("Kassapass 1")
    keys.check()


def test_figures_of_a_period_are_compared_read_and_taken_along(open_as: Opens, db: Db) -> None:
    sell(db, 1, "2026-11-02", "125.00", 9)
    sell(db, 2, "2026-11-03", "250.00", 14)
    page = open_as("viewer", width=820)
    page.goto("/figures")
    keys = Keyboard(page)
    keys.go("From")
    page.keyboard.type("11012026")
    keys.go("To")
    page.keyboard.type("11302026")
    keys.go("Compare with")
    page.keyboard.type("The year")
    keys.press("Enter")
    keys.enter("Show")
    page.wait_for_url("**from=2026-11-01&to=2026-11-30**")
    keys.go("By day")
    keys.press("Home", "ArrowRight")
    expect(page.locator(".chart-value").first).to_contain_text("2 Nov 2026: Net revenue")
    keys.press("ArrowRight")
    expect(page.locator(".chart-value").first).to_contain_text("3 Nov 2026: Net revenue")
    with page.expect_download():
        keys.enter("%(table)s as a CSV file", table="By day")
    keys.check()


def test_what_could_not_be_used_is_tried_again(open_as: Opens, app: Flask, db: Db) -> None:
    first, second = (send(app, number, currency="SEK", status="processing") for number in (7, 8))
    mend(db, first)
    mend(db, second)
    page = open_as("manager", width=390, theme="dark", language="sv")
    page.goto("/inbox")
    keys = Keyboard(page)
    keys.enter("order.updated 7")
    page.wait_for_url("**/inbox/*")
    keys.check()
    keys.enter("Try again")
    expect(page.locator("#outcome .badge")).to_have_text(keys.text("New"))
    assert keys.at(), "what is shown anew takes the focus from nobody"
    page.goto("/inbox")
    keys.enter("Try all of these again")
    keys.enter("Yes, try again")
    expect(page.locator("#progress")).to_contain_text("1 av 1")
    keys.check()


def test_a_subscription_is_added_tested_and_sent_again(open_as: Opens, receiver: Receiver, db: Db) -> None:
    page = open_as("manager", width=390, theme="dark", language="sv")
    page.goto("/deliveries/new")
    keys = Keyboard(page)
    keys.fill("Address", receiver.url("a"))
    keys.enter("Orders")
    keys.go("All of these, also later ones")
    keys.press("Space")
    keys.enter("Add")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    keys.enter("Send a test")
    expect(page.locator("section[role=status] .badge")).to_have_text("200")
    keys.check()
    publish(db, [event(1)])
    page.goto(f"/deliveries/subscriptions/{db.webhook_subscriptions.find_one({})['_id']}")  # type: ignore[index]
    keys.enter("order.created")
    page.wait_for_url("**/deliveries/sub_*")
    keys.enter("Send again")
    expect(page.locator("main .notice").first).to_be_visible()
    keys.check()


def test_a_day_is_closed_and_its_report_opened(open_as: Opens, db: Db) -> None:
    put(db)
    page = open_as("manager", width=390, theme="dark", language="sv")
    page.goto("/books")
    keys = Keyboard(page)
    keys.go("Stäng 2 nov. 2026")
    keys.press("Enter", "Tab")
    keys.check()
    keys.press("Enter")
    notice(page, "2 nov. 2026 är stängd.")
    page.goto("/books/entries/1")
    keys.check()
    page.goto("/books/z-reports")
    keys.enter("2 nov. 2026 default SEK")
    expect(page.locator("h1")).to_contain_text("Z-rapport default")


def test_a_till_is_added_and_its_secret_copied(open_as: Opens) -> None:
    page = open_as("admin", width=390, theme="dark", language="sv")
    page.goto("/settings")
    keys = Keyboard(page)
    keys.enter("Stores")
    page.wait_for_url("**/settings/stores")
    keys.enter("Add a store")
    page.wait_for_url("**/settings/stores/add")
    keys.enter("Add %(kind)s", kind="Kaynko")
    page.wait_for_url("**/add/kaynko")
    keys.fill("Name", "till-1")
    keys.press("Enter")
    expect(page.locator("code[id$=-secret]")).to_be_visible()
    notice(page, "till-1")
    keys.go("Copy")
    keys.press("Enter")
    expect(page.locator("button[data-copy]", has_text="Kopierad").first).to_be_focused()
    keys.check()


def test_a_user_is_added_given_another_role_and_found_in_the_audit_log(open_as: Opens, db: Db) -> None:
    page = open_as("admin", width=820)
    page.goto("/settings/users")
    keys = Keyboard(page)
    keys.fill("Name", "bo")
    keys.go("Role")
    page.keyboard.type("v")
    keys.go("Password")
    page.keyboard.type(PASSWORD)
    keys.press("Enter")
    notice(page, "bo was added.")
    keys.enter("Manage bo")
    keys.go("Role of bo")
    page.keyboard.type("m")
    keys.enter("Give this role")
    notice(page, "bo has another role now")
    assert db.users.find_one({"_id": "bo"}, {"role": 1, "_id": 0}) == {"role": "manager"}
    keys.enter("Manage bo")
    keys.check()
    keys.enter("Remove")
    keys.enter("Yes, remove")
    notice(page, "bo was removed")
    page.goto("/settings/audit")
    keys.fill("To what", "bo")
    expect(page.locator("#entries tr")).to_have_count(3)
    assert keys.at() == "To what"
    keys.check()


def test_what_arrives_takes_the_focus_from_nothing_on_the_page(open_as: Opens, served: str, shop: Shop) -> None:
    shop.outcome("order.created", sale(1, now()))
    page = open_as("manager", width=390)
    keys = Keyboard(page)
    places = ("Order 1", "Sales by hour", "The same as a table")
    for number, place in enumerate(places, 2):
        keys.go(place)
        if place == places[-1]:
            keys.press("Enter")
        body = json.dumps({"event": "order.created", "data": sale(number, now())})
        headers = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
        page.request.post(f"{served}{PATH}", data=body, headers=headers)
        expect(page.locator("#sales li")).to_have_count(number, timeout=5000)
        assert keys.at() == place
    keys.press("Tab")
    assert keys.at().startswith("Sales by hour") or page.locator("details[open] table").is_visible()
    keys.check()
