"""Stock in the dashboard: which products are listed first, why a product has the stock that it has, and what managers
change of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from bson import Decimal128
from flask.testing import FlaskClient

from pos_api.catalogue import product_list, staff_actions
from pos_api.database.client import Db
from tests.factories import Shop, line, order, stock_of, stock_up
from tests.web.dashboard.browsing import post

As = Callable[[str], FlaskClient]
ODD = 'A/1 "<script>alert(1)</script>" ä&b=c%2F..//'


@pytest.fixture
def shelf(db: Db) -> None:
    """Of 120 products one is below zero, one is low, one is archived."""
    for number in range(120):
        staff_actions.add(db, {"sku": f"P-{number:03}", "name": f"Mug {number}", "stock": 9}, by="ann")
    staff_actions.adjust(db, "P-117", -11, reason="broken", by="ann")
    staff_actions.change(db, "P-118", {"low_stock_threshold": 9})
    staff_actions.change(db, "P-119", {"archived": True})


def places(db: Db, shown: product_list.Shown, words: str = "") -> list[str]:
    return [found["sku"] for _place, found in product_list.find(db, shown, words)]


def test_what_is_below_zero_and_then_what_is_low_comes_first(db: Db, shelf: None) -> None:
    everything = places(db, "all")
    assert everything[:3] == ["P-117", "P-118", "P-000"]
    assert (len(everything), len(set(everything))) == (119, 119)
    assert places(db, "low") == ["P-118"]
    assert places(db, "negative") == ["P-117"]
    assert places(db, "archived") == ["P-119"]
    assert places(db, "all", "mug 11") == ["P-117", "P-118", "P-011", *(f"P-11{each}" for each in range(7))]
    assert product_list.counts(db) == {"low": 1, "negative": 1}


def test_pages_of_the_list_have_every_product_once(as_role: As, db: Db, shelf: None) -> None:
    client, url, seen = as_role("viewer"), "/stock", ""
    for _ in range(3):
        text = client.get(url).text
        seen += text.partition('<tbody id="rows"')[2].partition("</tbody>")[0]
        more = text.partition('<a class="button more" href="')[2].partition('"')[0]
        url = more.replace("&amp;", "&")
    assert url == ""
    assert [seen.count(f">P-{number:03}<") for number in range(120)] == [1] * 119 + [0]


def test_links_of_other_pages_find_what_is_oversold(as_role: As, shelf: None) -> None:
    text = as_role("viewer").get("/stock?show=oversold").text
    assert "P-117" in text
    assert "P-118" not in text


def test_the_list_is_a_csv_file_too_and_that_is_recorded(as_role: As, db: Db, shelf: None) -> None:
    file = as_role("viewer").get("/stock/products.csv?show=low")
    assert [row.partition(",")[0] for row in file.text.splitlines()] == ["sku", "P-118"]
    assert db.audit.count_documents({"action": "products.exported"}) == 1


def test_the_ledger_says_why(as_role: As, db: Db, shop: Shop) -> None:
    stock_up(db, MUG=2)
    shop.send("order.created", order(7, line("MUG", 3), status="processing"))
    staff_actions.count(db, "MUG", 7, by="ann", note="shelf 4")
    text = as_role("viewer").get("/stock/product?sku=MUG").text
    for said in ("Why is this 7?", "Counted", "shelf 4", "ann", "+8", "Sold", "default:7", "−3", "Oversold", "First"):
        assert said in text, said
    rows = as_role("viewer").get("/stock/ledger.csv?sku=MUG").text.splitlines()
    assert len(rows) == 4


def test_a_sku_may_hold_anything(as_role: As, db: Db) -> None:
    client = as_role("manager")
    made = post(client, "/stock/new", {"sku": ODD, "name": "<b>x</b>", "stock": "1,5"}, form="/stock/new")
    assert made.status_code == 303, made.text
    page = client.get(made.location)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<b>x" not in page.text
    assert stock_of(db) == {ODD: 1.5}
    assert client.get("/stock").text.count("<script>alert") == 0


def test_a_count_is_asked_first_and_not_made_where_the_stock_moved_meanwhile(as_role: As, db: Db) -> None:
    staff_actions.add(db, {"sku": "MUG", "stock": 7}, by="ann")
    client, form = as_role("manager"), "/stock/count?sku=MUG&count=5"
    assert "From 7 to 5, −2" in client.get(form).text
    assert stock_of(db) == {"MUG": 7}
    staff_actions.adjust(db, "MUG", -1, reason="sold", by="ann")
    late = post(client, "/stock/count", {"sku": "MUG", "count": "5", "seen": "1"}, form=form)
    assert late.status_code == 409
    assert "From 6 to 5, −1" in late.text
    done = post(client, "/stock/count", {"sku": "MUG", "count": "5", "seen": "2"}, form=form)
    assert done.status_code == 303
    assert stock_of(db) == {"MUG": 5}
    (movement,) = db.stock_movements.find({"reason": "count"})
    assert movement["cause"] == "staff:manager"


def test_an_adjustment_sent_twice_counts_once(as_role: As, db: Db) -> None:
    staff_actions.add(db, {"sku": "MUG", "stock": 7}, by="ann")
    client, form = as_role("manager"), "/stock/adjust?sku=MUG&change=-2&reason=broken"
    assert "From 7 to 5, −2" in client.get(form).text
    for _ in range(2):
        data: dict[str, object] = {"sku": "MUG", "change": "−2", "reason": "broken", "once": "abc"}
        assert post(client, "/stock/adjust", data, form=form).status_code == 303
    assert stock_of(db) == {"MUG": 5}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/stock/count?sku=MUG&count=-1", "must not be negative"),
        ("/stock/count?sku=MUG&count=x", "This is not a number."),
        ("/stock/count?sku=MUG&count=1,000", "This can be read in two ways."),
        ("/stock/adjust?sku=MUG&change=-1,000&reason=x", "This can be read in two ways."),
        ("/stock/adjust?sku=MUG&change=0&reason=x", "must not be 0"),
        ("/stock/adjust?sku=MUG&change=1&reason=order", "has a meaning of its own here"),
        ("/stock/adjust?sku=MUG&change=1e400&reason=x", "This is not a number."),
    ],
)
def test_what_can_not_be_is_said_beside_what_was_typed(as_role: As, db: Db, path: str, said: str) -> None:
    staff_actions.add(db, {"sku": "MUG", "stock": 7}, by="ann")
    answer = as_role("manager").get(path)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert stock_of(db) == {"MUG": 7}


def test_a_sku_that_is_taken_is_refused_with_what_was_typed(as_role: As, db: Db) -> None:
    staff_actions.add(db, {"sku": "MUG"}, by="ann")
    answer = post(as_role("manager"), "/stock/new", {"sku": "MUG", "name": "Another"}, form="/stock/new")
    assert (answer.status_code, 'value="Another"' in answer.text) == (409, True)


def test_a_price_that_can_be_read_in_two_ways_is_not_saved(as_role: As, db: Db) -> None:
    stock_up(db, MUG=1)
    client, form = as_role("manager"), "/stock/change?sku=MUG"
    for price, saved in {"1,000": None, "1,000.50": None, "1 000,50": "1000.50", "1,5": "1.5", "1000": "1000"}.items():
        answer = post(client, "/stock/change", {"sku": "MUG", "name": "Mug", "price": price}, form=form)
        assert answer.status_code == (303 if saved else 422), price
        stored = (db.products.find_one({"_id": "MUG"}) or {}).get("price")
        assert (Decimal(str(stored)) if stored else None) == (Decimal(saved) if saved else None), price
    new = {"sku": "POT", "stock": "1,000"}
    assert "This can be read in two ways" in post(client, "/stock/new", new, form="/stock/new").text
    assert db.products.find_one({"_id": "POT"}) is None


def test_what_changed_while_the_form_was_open_stays(as_role: As, db: Db) -> None:
    staff_actions.add(db, {"sku": "MUG", "name": "Mug", "price": Decimal128("10")}, by="ann")
    client, form = as_role("manager"), "/stock/change?sku=MUG"
    opened = {
        name: value
        for name, value in re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', client.get(form).text)
        if name != "csrf_token"
    }
    staff_actions.change(db, "MUG", {"price": Decimal128("12")})
    refused = post(client, "/stock/change", {**opened, "name": "x" * 501}, form=form)
    assert (refused.status_code, 'name="seen-price" value="10"' in refused.text) == (422, True)
    assert post(client, "/stock/change", {**opened, "name": "Big mug"}, form=form).status_code == 303
    product = db.products.find_one({"_id": "MUG"}) or {}
    assert (product["name"], product["price"]) == ("Big mug", Decimal128("12"))
    post(client, "/stock/change", {**opened, "name": "Big mug", "price": "11"}, form=form)
    assert (db.products.find_one({"_id": "MUG"}) or {})["price"] == Decimal128("11")


def test_details_are_changed_and_recorded_and_a_product_is_archived_and_back(as_role: As, db: Db) -> None:
    staff_actions.add(db, {"sku": "MUG", "stock": 7}, by="ann")
    client, form = as_role("manager"), "/stock/change?sku=MUG"
    data: dict[str, object] = {"sku": "MUG", "name": "Big mug", "price": "12,5", "low_stock_threshold": "3"}
    assert post(client, "/stock/change", data, form=form).status_code == 303
    assert "12.50" in client.get("/stock/product?sku=MUG").text
    (stored,) = db.products.find()
    assert (stored["name"], str(stored["price"]), stored["low_stock_threshold"]) == ("Big mug", "12.5", 3)
    post(client, "/stock/change", {**data, "price": "", "low_stock_threshold": ""}, form=form)
    (stored,) = db.products.find()
    assert (stored["price"], "low_stock_threshold" in stored) == (None, False)
    for said, is_archived in (("yes", True), ("no", False)):
        post(client, "/stock/archive", {"sku": "MUG", "archived": said}, form=form)
        assert client.get("/stock?show=archived").text.count("MUG") == (1 + is_archived) * is_archived
    actions = {each["action"] for each in db.audit.find({"who.name": "manager"})}
    assert actions >= {"product.price", "product.changed", "product.archived", "product.unarchived"}
