"""What orders named and no product has: made, or linked to the product that it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.catalogue import items, other_skus
from pos_api.catalogue.model import ItemUpdate
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Conflict
from pos_api.orders.unknown_products import grouped, unknown_skus
from tests.factories import Shop, line, order, stock_of, stock_up
from tests.senders.karma.app import add_app
from tests.web.dashboard.browsing import post, problems

As = Callable[[str], FlaskClient]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def orders(shop: Shop, db: Db) -> None:
    """Two orders named NEW, one of them OTHER too; MUG is known."""
    stock_up(db, MUG=5)
    shop.send("order.created", order(1, line("NEW", 1, name=SCRIPT)))
    shop.send("order.created", order(2, line("NEW", 1, name=SCRIPT), line("OTHER", 1), line("MUG", 1)))


def test_of_each_unknown_thing_the_orders_are_counted() -> None:
    at = now()
    found: list[dict[str, Any]] = [
        {"_id": "a:2", "store": "a", "created_at": at, "unmatched": ["X"], "line_items": [{"sku": "X", "name": ""}]},
        {
            "_id": "b:1",
            "store": "b",
            "created_at": at - timedelta(days=1),
            "unmatched": ["X", "Y"],
            "line_items": [{"sku": "X", "name": "Thing"}, {"sku": "Y"}],
        },
    ]
    first, second = grouped(found, lambda each: each["unmatched"], lambda _, each: str(each["sku"]))
    assert (first.key, first.orders, first.latest_order, first.name) == ("X", 2, "a:2", "Thing")
    assert first.stores == ["a", "b"]
    assert (second.key, second.orders, second.latest_order) == ("Y", 1, "b:1")


def test_unknown_skus_are_found_by_their_index_until_a_product_has_them(db: Db, orders: None, shop: Shop) -> None:
    assert [(each.key, each.orders) for each in unknown_skus(db)] == [("NEW", 2), ("OTHER", 1)]
    query = {"unmatched.0": {"$exists": True}}
    plan = db.orders.find(query, hint="unmatched").sort([("created_at", -1), ("_id", -1)]).limit(5).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 2
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])
    stock_up(db, NEW=1)
    other_skus.add_sku(db, "MUG", "OTHER")
    assert unknown_skus(db) == []


def test_a_sku_that_was_added_finds_the_product_and_moves_its_stock(db: Db, orders: None, shop: Shop) -> None:
    before = stock_of(db)["MUG"]
    other_skus.add_sku(db, "MUG", "NEW")
    assert other_skus.add_sku(db, "MUG", "NEW").events == ()
    shop.send("order.created", order(3, line("NEW", 1)))
    assert stock_of(db)["MUG"] == before - 1
    stock_up(db, CUP=1)
    with pytest.raises(Conflict):
        other_skus.add_sku(db, "CUP", "NEW")
    assert db.audit.count_documents({"action": "product.linked", "outcome": "done"}) == 1


def test_an_unknown_sku_is_made_with_what_the_order_calls_it(as_role: As, orders: None, db: Db) -> None:
    client = as_role("manager")
    text = client.get("/stock/unknown").text
    assert "NEW" in text
    assert SCRIPT not in text
    form = f"/stock/new?sku=NEW&name={SCRIPT}"
    assert 'value="NEW"' in client.get(form).text
    assert SCRIPT not in client.get(form).text
    post(client, "/stock/new", {"sku": "NEW", "name": "New", "stock": "4"}, form=form)
    assert stock_of(db)["NEW"] == 4
    assert "Make product NEW" not in client.get("/stock/unknown").text


def test_an_unknown_sku_is_linked_by_mouse(app: Flask, open_as: Callable[..., Page], orders: None, db: Db) -> None:
    page = open_as("manager", width=820)
    page.goto("/stock/unknown")
    page.get_by_role("link", name="Link NEW").click()
    page.locator("#q").fill("mu")
    page.get_by_text("Link to MUG").click()
    assert problems(page) == []
    page.get_by_role("button", name="Yes, link").click()
    expect(page.get_by_role("status")).to_have_text("NEW finds MUG from now on.")
    assert db.products.find_one({"skus": "NEW"}, {"sku": 1}) == {"_id": "MUG", "sku": "MUG"}


def test_what_was_searched_for_stays_where_a_link_is_refused(as_role: As, bar: None, orders: None, db: Db) -> None:
    client = as_role("manager")
    stock_up(db, CUP=1)
    other_skus.add_sku(db, "CUP", "NEW")
    tried: dict[str, dict[str, object]] = {
        "/stock/link": {"other": "NEW", "sku": "MUG", "q": "mu"},
        "/stock/items/bar/12/link": {"sku": "gone", "q": "mu"},
    }
    for path, typed in tried.items():
        answer = post(client, path, typed, form="/stock/new")
        assert answer.status_code in (404, 409), path
        assert "Link to MUG" in answer.text, path


@pytest.mark.parametrize("body", [b"", b"item,colour\n1,x\n", b"item,sku\n\xff\n"])
def test_a_file_of_items_that_can_not_be_read_is_said_above_the_list(as_role: As, bar: None, body: bytes) -> None:
    data: dict[str, object] = {"file": (io.BytesIO(body), "f.csv"), "show": "unlinked"}
    answer = post(as_role("manager"), "/stock/items/bar/import", data, form="/stock/items")
    assert answer.status_code in (400, 422)
    assert 'role="alert"' in answer.text
    assert '<option value="unlinked" selected>' in answer.text


@pytest.mark.parametrize("other", ["", " ", "x" * 2000, "two\nlines"])
def test_a_text_that_is_no_sku_becomes_none_of_a_product(as_role: As, orders: None, db: Db, other: str) -> None:
    before = db.products.find_one({"sku": "MUG"})
    answer = post(as_role("manager"), "/stock/link", {"sku": "MUG", "other": other}, form="/stock/new")
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert db.products.find_one({"sku": "MUG"}) == before


@pytest.fixture
def bar(config: Config, db: Db, app: Flask) -> None:
    """An ordering app with two items, and a product."""
    add_app(db, config, "bar")
    app.extensions["pos"].stores._read_at = float("-inf")
    stock_up(db, salad=3)
    for number, name in ((5, SCRIPT), (12, "Salad")):
        items.apply(db, ItemUpdate("bar", number, now(), name=name, available=True, exists=True))


def test_items_are_linked_and_unlinked(as_role: As, bar: None, db: Db) -> None:
    client, form = as_role("manager"), "/stock/items/bar/12/link?q=sal"
    assert SCRIPT not in client.get("/stock/items").text
    assert "Link to salad" in client.get(form).text
    assert post(client, "/stock/items/bar/12/link", {"sku": "salad"}, form=form).status_code == 303
    assert list(items.linked_to(db, ["bar:12"])) == ["bar:12"]
    unlinked = client.get("/stock/items?show=unlinked").text
    assert ("Link item 5" in unlinked, "Link item 12" in unlinked) == (True, False)
    assert "Salad" in client.get("/stock/product?sku=salad").text
    back = {"back": "https://evil.example/"}
    done = post(client, "/stock/items/bar/12/unlink", back, form="/stock/items")
    assert done.location == "/stock/items?store=bar"
    assert items.linked_to(db, ["bar:12"]) == {}
    actions = [each["action"] for each in db.audit.find({"target": "bar:12"}).sort("time", 1)]
    assert actions == ["item.linked", "item.unlinked"]


def test_a_product_is_shown_whose_item_the_app_has_not_named(as_role: As, bar: None, db: Db) -> None:
    client = as_role("manager")
    items.link(db, "bar", 77, "salad")
    assert "name" not in (db.items.find_one({"_id": "bar:77"}) or {})
    answer = client.get("/stock/product?sku=salad")
    assert (answer.status_code, "77" in answer.text) == (200, True)
    assert client.get("/stock/items?store=bar").status_code == 200


def test_a_product_made_for_an_item_is_linked_at_once(as_role: As, bar: None, db: Db) -> None:
    data: dict[str, object] = {"sku": "soup", "store": "bar", "item": "5"}
    assert post(as_role("manager"), "/stock/new", data, form="/stock/new").status_code == 303
    assert items.linked_to(db, ["bar:5"])["bar:5"]["sku"] == "soup"
