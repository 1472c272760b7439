"""The books in the dashboard: days are closed, entries read down to orders, files made, and whether it all agrees."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from bson import Decimal128
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.accounting import queries, set_accounts
from pos_api.accounting.accounts import DEFAULT
from pos_api.accounting.waiting import open_days_of, waiting_corrections
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import audit
from pos_api.stores.registry import Stores
from pos_api.web import z_page
from pos_api.web.dashboard.books import accounts_form, days
from tests.accounting.test_close import DAY, NEXT, put
from tests.web.dashboard.browsing import post, problems

AsRole = Callable[[str], FlaskClient]
OpenAs = Callable[..., Page]
UNBOOKABLE: dict[str, Any] = {"total": Decimal128("99.00")}


@pytest.fixture
def config(config: Config) -> Config:
    object.__setattr__(config, "accounting_company", "Åäö AB")
    object.__setattr__(config, "accounting_orgnr", "556677-8899")
    return config


def close(client: FlaskClient, **data: str) -> Any:
    return post(client, "/books/close", {"store": "default", **data}, form="/books")


# --- days to close ----------------------------------------------------------------------------------------------------


def test_a_day_is_closed_after_it_was_asked_and_the_audit_has_it(as_role: AsRole, db: Db) -> None:
    put(db)
    client = as_role("manager")
    text = client.get("/books").text
    assert "Close 2 Nov 2026 of default? It is never opened again." in text
    answer = close(client, day=DAY)
    assert (answer.status_code, answer.location) == (303, "/books")
    text = client.get("/books").text
    assert "2 Nov 2026 is closed." in text
    assert "All days are closed." in text
    [entry] = audit.find(db, audit.Filter(action="books.closed"))
    assert (entry["who"]["name"], entry["target"], entry["details"]) == ("manager", "default", {"day": DAY})
    put(db, 2, day=NEXT)
    close(client, day=DAY)
    assert "The day was closed before." in client.get("/books").text
    close(client, day="2020-01-01")
    assert "There is nothing to close." in client.get("/books").text


def test_all_days_up_to_one_are_closed(as_role: AsRole, db: Db) -> None:
    for number, day in enumerate(("2026-11-01", DAY, NEXT), 1):
        put(db, number, day=day)
    client = as_role("manager")
    assert close(client, until=DAY).status_code == 303
    text = client.get("/books").text
    assert "2 days are closed, from 1 Nov 2026 to 2 Nov 2026." in text
    assert "3 Nov 2026" in text


def test_what_takes_long_is_closed_in_parts_that_say_how_much_is_left(
    as_role: AsRole, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, day in enumerate(("2026-11-01", DAY, NEXT), 1):
        put(db, number, day=day)
    client = as_role("manager")
    monkeypatch.setattr(days, "_SECONDS", -1.0)
    answer = close(client, until=NEXT)
    assert answer.location == f"/books?store=default&until={NEXT}"
    text = client.get(answer.location).text
    assert "0 days were closed so far. 3 are left" in text
    assert "Go on closing" in text
    monkeypatch.setattr(days, "_SECONDS", 60.0)
    close(client, until=NEXT)
    assert "3 days are closed" in client.get("/books").text


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        ({"day": "2099-01-01"}, 422, "has not come yet"),
        ({"day": ""}, 422, "Give day or until"),
        ({"day": DAY, "store": "nowhere"}, 404, "no store"),
    ],
)
def test_what_is_refused_says_why(as_role: AsRole, db: Db, data: Mapping[str, str], status: int, message: str) -> None:
    put(db)
    answer = close(as_role("manager"), **data)
    assert answer.status_code == status
    assert message in answer.text


def test_a_viewer_looks_and_changes_nothing(as_role: AsRole, db: Db) -> None:
    put(db)
    manager, viewer = as_role("manager"), as_role("viewer")
    text = viewer.get("/books").text
    assert "2 Nov 2026" in text
    assert "/books/close" not in text
    token = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert token
    for path in ("/books/close", "/books/accounts/change", "/books/exports"):
        assert viewer.post(path, data={"csrf_token": token[1]}).status_code == 403
    close(manager, day=DAY)
    post(manager, "/books/exports", {"format": "csv"}, form="/books/exports")
    assert "Download" not in viewer.get("/books/exports").text
    assert viewer.get("/books/exports/1").status_code == 403


def test_what_cant_be_booked_is_counted_up_to_a_number(
    as_role: AsRole, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "_MOST_REFUSED", 1)
    for number in range(1, 4):
        put(db, number, **UNBOOKABLE)
    assert "more than 1 orders, payments or cash sessions can't be booked." in as_role("viewer").get("/books").text
    assert (queries.refused_count(db, 1), queries.refused_count(db, 9)) == (2, 3)


def test_what_cant_be_booked_is_listed_with_the_reason_and_what_to_do(as_role: AsRole, db: Db) -> None:
    client = as_role("viewer")
    assert "Everything can be booked" in client.get("/books/refused").text
    put(db, 1, **UNBOOKABLE)
    text = client.get("/books").text
    assert "1 order, payment or cash session can't be booked." in text
    text = client.get("/books/refused").text
    assert "WOOCOMMERCE-1" in text
    assert "99.00" in text
    assert "Correct it in the shop" in text


def test_corrections_that_wait_say_of_which_day_and_for_which(as_role: AsRole, db: Db, config: Config) -> None:
    put(db)
    put(db, 2, day=NEXT)
    client = as_role("manager")
    close(client, day=DAY)
    assert "Corrections that wait" not in client.get("/books").text
    put(db, 1, "80.00")
    text = client.get("/books").text
    assert "Corrections that wait" in text
    assert "WOOCOMMERCE-1</a>: known since" in text
    assert "of 2 Nov 2026" in text
    assert [each["source"] for each in waiting_corrections(db, "default")] == ["order:default:1"], "not of the open day"
    store = Stores(db, config).get("default")
    close(client, until=store.local_day(now()))
    assert waiting_corrections(db, "default") == []


def test_of_very_many_open_days_the_latest_are_shown(
    as_role: AsRole, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos_api.accounting.waiting.MOST_SOURCES", 2)
    store = Stores(db, config).get("default")
    today = date.fromisoformat(store.local_day(now()))
    for number, back in enumerate((0, 3, 200, 400), 1):
        put(db, number, day=(today - timedelta(days=back)).isoformat())
    text = as_role("viewer").get("/books").text
    assert "There are more open days before these." in text
    found = open_days_of(db, store)
    assert [each.day for each in found.days] == [(today - timedelta(days=back)).isoformat() for back in (3, 0)]
    assert found.has_earlier


# --- entries ----------------------------------------------------------------------------------------------------------


def test_an_entry_leads_down_to_its_orders(as_role: AsRole, db: Db) -> None:
    put(db, 1, number="A/1")
    put(db, 2, "40.00")
    client = as_role("manager")
    draft = client.get(f"/books/drafts?store=default&from={DAY}&to={DAY}").text
    assert "SEK175.00" in draft
    close(client, day=DAY)
    assert 'href="/books/entries/1"' in client.get("/books/entries").text
    text = client.get("/books/entries/1").text
    for shown in (
        "3001",
        "Sales 25 % VAT",
        "SEK140.00",
        "SEK35.00",
        "SEK175.00",
        "WOOCOMMERCE-A/1",
        f"day:default:SEK:{DAY}",
    ):
        assert shown in text, shown
    assert text.count("<tfoot>") == 1
    assert client.get("/books/entries/9").status_code == 404
    assert "Nothing would be entered" in client.get(f"/books/drafts?store=default&from={DAY}&to={DAY}").text
    assert client.get("/books/drafts").location == "/books"


def test_entries_are_filtered_and_a_correction_leads_to_what_it_corrects(
    as_role: AsRole, db: Db, config: Config
) -> None:
    put(db)
    client = as_role("manager")
    close(client, day=DAY)
    put(db, 1, "80.00")
    today = Stores(db, config).get("default").local_day(now())
    close(client, day=today)
    text = client.get("/books/entries/2").text
    assert 'href="/books/entries/1"' in text
    assert "It corrects entry 1." in text
    for query, expected in {
        f"to={DAY}": ["1"],
        f"from={today}": ["2"],
        "currency=EUR": [],
        "store=default&currency=SEK&from=": ["2", "1"],
        f"reference=Z-default-{DAY}": ["1"],
    }.items():
        found = re.findall(r'href="/books/entries/(\d+)"', client.get(f"/books/entries?{query}").text)
        assert found == expected, query
    assert client.get("/books/entries?from=x").status_code == 422


# --- Z-reports --------------------------------------------------------------------------------------------------------


def test_z_reports_are_listed_by_day_and_open_as_a_page_to_print(as_role: AsRole, db: Db) -> None:
    put(db)
    put(db, 2, day=NEXT)
    client = as_role("viewer")
    assert "No day is closed yet" in client.get("/books/z-reports").text
    close(as_role("manager"), until=NEXT)
    text = client.get("/books/z-reports?store=default").text
    assert text.index("3 Nov 2026") < text.index("2 Nov 2026")
    assert f'href="/books/z-report?store=default&amp;day={DAY}"' in text
    page = client.get(f"/books/z-report?store=default&day={DAY}")
    assert page.headers["Content-Security-Policy"] == z_page.POLICY
    assert "Åäö AB, 556677-8899" in page.text
    assert "125.00" in page.text
    file = client.get(f"/books/z-reports/default/{DAY}.csv")
    assert (file.mimetype, "sales_total" in file.text) == ("text/csv", True)
    wrong = client.get("/books/z-report?store=default&day=")
    assert wrong.status_code == 422
    assert "Missing data" in wrong.text
    assert client.get(f"/books/z-report?store=nowhere&day={DAY}").status_code == 404


def test_pages_lead_through_all_closed_days_once(as_role: AsRole, db: Db) -> None:
    for number in range(1, 5):
        put(db, number, day=f"2026-11-0{number}")
    close(as_role("manager"), until="2026-11-04")
    client, address, seen = as_role("viewer"), "/books/z-reports?limit=2", list[str]()
    while address:
        text = client.get(address).text
        seen += re.findall(r'z-report\?store=default&amp;day=([\d-]+)"', text)
        more = re.search(r'class="button more" href="([^"]+)"', text)
        address = more[1].replace("&amp;", "&") if more else ""
    assert seen == [f"2026-11-0{number}" for number in range(4, 0, -1)]


# --- accounts ---------------------------------------------------------------------------------------------------------


def typed(**changes: str) -> dict[str, object]:
    """The form of the default accounts with these fields otherwise."""
    form = accounts_form.of_document({**DEFAULT.document(), "groups": []})
    data = {
        f"{name}-{number}": row.values.get(name, "")
        for number, row in enumerate(form.rows)
        for name in (*accounts_form.FIELDS, "name")
    }
    return {**data, "groups": form.groups, "version": form.version, **changes}


def change(client: FlaskClient, **changes: str) -> Any:
    return post(client, "/books/accounts/change", typed(**changes), form="/books/accounts/change")


def test_a_rate_may_have_a_decimal_comma_and_a_percent_sign(as_role: AsRole, db: Db) -> None:
    assert change(as_role("manager"), **{"rate-0": "25,5 %"}).status_code == 303
    assert set_accounts.shown(db)["rows"][0]["rate"] == "25.5"


def test_enter_in_a_field_sets_no_accounts_before_it_was_asked(open_as: OpenAs, db: Db) -> None:
    before, page = set_accounts.shown(db), open_as("manager")
    page.goto("/books/accounts/change")
    page.locator("input[name=account-0]").fill("3999")
    page.keyboard.press("Enter")
    page.get_by_text("Save", exact=True).click()
    assert set_accounts.shown(db) == before
    page.get_by_role("button", name="Yes, set the accounts").click()
    page.wait_for_url("**/books/accounts")
    assert set_accounts.shown(db)["rows"][0]["account"] == "3999"


def test_accounts_are_changed_by_rate_group_and_day(as_role: AsRole, db: Db) -> None:
    client = as_role("manager")
    new = len(DEFAULT.rows)
    row = {"role": "revenue", "account": "3005", "rate": "6", "group": "books", "since": "2026-04-01", "name": "Books"}
    answer = change(client, **{f"{name}-{new}": value for name, value in row.items()}, groups="books; category; Böcker")
    assert (answer.status_code, answer.location) == (303, "/books/accounts")
    set_now = set_accounts.shown(db)
    assert {name: value for name, value in row.items() if name != "name"} in set_now["rows"]
    assert (set_now["names"]["3005"], set_now["groups"]) == ("Books", [{"group": "books", "category": "Böcker"}])
    assert len(set_now["rows"]) == new + 1
    text = client.get("/books/accounts").text
    for shown in ("3005", "1 Apr 2026", "Böcker", "What is entered stays as it is"):
        assert shown in text, shown
    [entry] = audit.find(db, audit.Filter(action="books.accounts"))
    assert entry["who"]["name"] == "manager"


def test_what_is_not_valid_is_marked_at_its_row_and_nothing_is_changed(as_role: AsRole, db: Db) -> None:
    client, before, new = as_role("manager"), set_accounts.shown(db), len(DEFAULT.rows)
    wrong = {f"role-{new + 1}": "revenue", f"account-{new + 1}": "30x", f"rate-{new + 1}": "13"}
    answer = change(client, **wrong)
    assert answer.status_code == 422
    assert f'id="row-{new + 1}"' in answer.text, "a blank row before it does not move it"
    assert "not a number of 3 to 10 digits" in answer.text
    assert 'value="30x"' in answer.text, "what was typed is there"
    other_name = change(client, **{f"role-{new}": "tip", f"account-{new}": "3001", f"name-{new}": "Otherwise"})
    assert "has another name than the same account above" in other_name.text
    assert "must be a group" in change(client, groups="books").text
    missing = change(client, **{f"remove-{new - 1}": "1"})
    assert "need one for everything else" in missing.text
    assert set_accounts.shown(db) == before
    assert change(client, version="old").status_code == 409


# --- exports ----------------------------------------------------------------------------------------------------------


def test_a_file_is_made_listed_and_downloaded_again_and_the_audit_has_each(as_role: AsRole, db: Db) -> None:
    put(db)
    client = as_role("manager")
    close(client, day=DAY)
    form: dict[str, object] = {"format": "sie", "from": "2026-11-01", "to": "", "currency": "SEK", "new": "true"}
    assert post(client, "/books/exports", form, form="/books/exports").status_code == 303
    text = client.get("/books/exports").text
    assert "Export 1 is made" in text
    assert "SIE 4" in text
    first, again = (client.get("/books/exports/1") for _ in range(2))
    assert first.headers["Content-Disposition"] == 'attachment; filename="books-sie-1.si"'
    assert "Åäö AB".encode("cp437") in first.data
    assert first.data == again.data
    nothing = post(client, "/books/exports", form, form="/books/exports")
    assert nothing.status_code == 404
    assert "There are no entries that are new." in nothing.text
    assert 'value="2026-11-01"' in nothing.text, "what was typed is there"
    wrong = post(client, "/books/exports", {**form, "from": "x"}, form="/books/exports")
    assert (wrong.status_code, "Not a valid date" in wrong.text) == (422, True)
    done = [each["details"].get("number") for each in audit.find(db, audit.Filter(action="books.exported"))]
    assert [each for each in done if each] == [1, 1, 1]
    assert client.get("/books/exports/9").status_code == 404


# --- do the books agree? ----------------------------------------------------------------------------------------------


def test_the_check_says_whether_the_books_agree_and_where_not(as_role: AsRole, db: Db) -> None:
    put(db)
    client = as_role("viewer")
    assert "proof" not in client.get("/books/check").text
    period = f"/books/check?from={DAY}&to={DAY}"
    close(as_role("manager"), day=DAY)
    assert "The books agree with the figures and the payments" in client.get(period).text
    put(db, 2, **UNBOOKABLE)
    text = client.get(period).text
    assert "The books do not agree: 1 order, payment or cash session is unexplained." in text
    assert "WOOCOMMERCE-2" in text
    assert "There is nothing in this period" in client.get("/books/check?from=2020-01-01&to=2020-01-02").text
    assert client.get("/books/check?from=x&to=").status_code == 422


# --- in the browser ---------------------------------------------------------------------------------------------------


def test_accounts_are_changed_by_mouse(open_as: OpenAs, db: Db) -> None:
    page = open_as("manager", width=820)
    page.goto("/books/accounts")
    page.get_by_role("link", name="Change accounts").click()
    assert problems(page) == []
    number = len(DEFAULT.rows) + 1
    page.get_by_label(f"Account {number}", exact=True).fill("3009")
    page.get_by_label(f"VAT rate {number}", exact=True).fill("8.875")
    page.get_by_text("Save", exact=True).click()
    page.get_by_role("button", name="Yes, set the accounts").click()
    expect(page.get_by_text("The accounts are set.")).to_be_visible()
    expect(page.get_by_role("cell", name="8.875 %")).to_be_visible()
