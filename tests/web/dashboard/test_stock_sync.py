"""Stock sync in the dashboard: compared, switched on with a side for each product, and off; what was not taken."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from pos_api.catalogue import staff_actions
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.reconcile.run import keep
from pos_api.senders.woocommerce.rest.reader import RestReader
from pos_api.stock.store_sync import is_on
from tests.factories import stock_of
from tests.fake_shop import KEY, SECRET, FakeShop, compare, connected_shop, order, product
from tests.senders.woocommerce.test_reconcile import webhook
from tests.senders.woocommerce.test_stock_reconcile import known
from tests.web.dashboard.browsing import is_too_wide, post, problems

As = Callable[[str], FlaskClient]
PATH = "/stock/sync/default"

reader = connected_shop


@pytest.fixture
def shop(fake: FakeShop, db: Db, config: Config) -> FakeShop:
    """A connected shop with ten mugs and ten cups, of which nine each are here."""
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    for number, sku in ((1, "MUG"), (2, "CUP")):
        fake.products[number] = product(number, sku, 10)
        known(db, config, "product.created", fake.products[number])
        staff_actions.adjust(db, sku, -1, reason="sold", by="ann")
    return fake


def test_of_each_product_a_side_is_chosen(app: Flask, open_as: Callable[..., Page], shop: FakeShop, db: Db) -> None:
    page = open_as("manager", width=1280, theme="dark")
    page.goto(PATH)
    page.get_by_role("link", name="Compare, then switch on").click()
    assert problems(page) == []
    page.get_by_label("Whose stock of MUG is right").select_option("shop")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    expect(page.get_by_text("Chosen already: MUG the shop's")).to_be_visible()
    assert not is_on(db, "default")
    page.get_by_label("Whose stock of CUP is right").select_option("pos")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("status")).to_contain_text("2 products were compared")
    assert problems(page) == []
    assert not is_too_wide(page)
    assert is_on(db, "default")
    assert stock_of(db) == {"MUG": 10, "CUP": 9}
    page.get_by_text("Switch off", exact=True).click()
    page.get_by_role("button", name="Yes, switch off").click()
    expect(page.get_by_role("status").first).to_contain_text("Stock sync is off")
    assert not is_on(db, "default")


def test_a_shop_that_can_not_be_compared_is_said(as_role: As, fake: FakeShop, db: Db, config: Config) -> None:
    client = as_role("manager")
    assert client.get(f"{PATH}/differences").status_code == 404
    connection.connect(db, config, "default", fake.url, KEY, SECRET)
    fake.plugin = ""
    answer = post(client, PATH, {"all": "shop"}, form="/stock/import")
    assert (answer.status_code, "older than 1.1" in answer.text) == (502, True)
    assert client.get("/stock/sync/none").status_code == 404


def test_what_a_shop_did_not_take_is_shown_with_what_to_do(as_role: As, shop: FakeShop, db: Db) -> None:
    client = as_role("manager")
    post(client, PATH, {"all": "pos"}, form="/stock/import")
    refused = {"_id": "default:MUG", "store": "default", "product": "MUG", "outcome": "not_managed", "message": ""}
    db.stock_refusals.insert_one({**refused, "seq": 2, "at": now()})
    for path in (PATH, "/stock/product?sku=MUG"):
        assert "Let the shop manage the stock of the product" in client.get(path).text, path
    assert "On, some changes were not taken" in client.get("/stock/sync").text


def test_viewers_look_and_do_not_switch(as_role: As, shop: FakeShop, db: Db) -> None:
    client = as_role("viewer")
    assert "Compare, then switch on" not in client.get(PATH).text
    assert client.get(f"{PATH}/differences").status_code == 403
    assert post(client, PATH, {"all": "shop"}, form="/").status_code == 403
    assert not is_on(db, "default")


def test_a_comparison_that_repaired_nothing_shows_what_it_found(
    as_role: As, shop: FakeShop, reader: RestReader, db: Db, config: Config
) -> None:
    shop.products[1]["name"] = "Mug of another name"
    shop.orders[7] = order(7)
    shop.plugins = []
    shop.webhooks[3] = webhook(3, status="disabled")
    found = compare(db, config, reader)
    keep(db, config, found, now())
    everything = [*found.orders, *found.products, *found.stock, *found.webhooks]
    assert all([found.orders, found.products, found.stock, found.webhooks])
    assert not any("repair" in each for each in everything)
    answer = as_role("viewer").get(PATH)
    assert answer.status_code == 200
    for each in ("Not in sync", "default:7", *(str(each["cause"]) for each in (*found.orders, *found.stock))):
        assert each in html.unescape(answer.text), each
