"""Stock in a real WooCommerce: what plugins for marketplaces, quotes and languages do to orders and products, and what
an owner changes in how stock is managed. After each step the POS has the shop's stock."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pos_api.orders import verify_stock as verify
from tests.conftest import fresh_database
from tests.journeys.woocommerce.test_sent_orders import World, _world, pytestmark, start_service
from tests.service import Service

__all__ = ["pytestmark", "start_service"]


@pytest.fixture(scope="module")
def world(
    mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory, start_service: Callable[..., Service]
) -> Iterator[World]:
    """A shop that is live."""
    world = _world(tmp_path_factory.mktemp("shop"), fresh_database(mongodb_uri), start_service, {})
    try:
        world.shop.act("register_plugins_of_others")
        world.shop.switch_on(world.proxy.url)
        threading.Event().wait(1.1)  # WooCommerce's times are in seconds: an order of this one would count as older.
        yield world
        assert world.parked() == 0
    finally:
        world.proxy.close()
        world.shop.stop()
        world.database.client.close()


def shops(world: World, name: str) -> int:
    """The shop's stock of a product, after all is sent."""
    queue = world.shop.act("run_jobs")
    assert set(queue["states"]) <= {"sent"}, queue["rows"]
    return int(world.shop.act("stock_of", id=world.shop.products[name])["stock"])


def ours(world: World, name: str) -> Any:
    """The POS's stock of it."""
    return _product(world, name)["stock"]


def _product(world: World, name: str) -> dict[str, Any]:
    found = world.database.products.find_one({"external_ids": f"default:{world.shop.products[name]}"})
    assert found, name
    return dict(found)


def order(world: World, *lines: tuple[str, int], to: str | None = None, **options: Any) -> int:
    """An order, brought to a status."""
    number = world.shop.order(*lines, **options)
    if to:
        world.shop.act("status", id=number, to=to)
    return number


def make(world: World, name: str, **props: Any) -> None:
    """A new product."""
    data = {"regular_price": "10", **props}
    world.shop.products |= world.shop.act("make_products", products={name: data})


def same(world: World, name: str, stock: int) -> None:
    """Shop and POS both have this stock."""
    assert (shops(world, name), ours(world, name)) == (stock, stock)


def test_a_quote_takes_stock_when_the_shop_does(world: World) -> None:
    number = order(world, ("Salad", 4), to="quote")
    same(world, "Salad", 50)
    for status, stock in (("processing", 46), ("shipped", 46), ("completed", 46), ("cancelled", 50)):
        world.shop.act("status", id=number, to=status)
        same(world, "Salad", stock)


@pytest.mark.parametrize("takes", ["parent", "children"])
def test_of_a_marketplaces_order_and_its_sub_orders_each_unit_is_taken_once(world: World, takes: str) -> None:
    world.shop.act("options", test_stock_is_taken_by=takes)
    before = shops(world, "Oil")
    parent = order(world, ("Oil", 3))
    children = [order(world, ("Oil", units), parent=parent) for units in (2, 1)]
    for number in (parent, *children):
        world.shop.act("status", id=number, to="processing")
    same(world, "Oil", before - 3)
    for number in (*children, parent):
        world.shop.act("status", id=number, to="cancelled")
    same(world, "Oil", before)
    world.shop.act("options", test_stock_is_taken_by="all")


def test_translations_renamed_in_turn_stay_one_product(world: World) -> None:
    make(world, "Lamp", sku="LAMP", manage_stock=True, stock_quantity=20)
    make(world, "Lampa", sku="LAMP", manage_stock=True, stock_quantity=20)
    world.shop.act("run_jobs")
    threading.Event().wait(1.1)
    for name, sku in (("Lamp", "LAMP-2"), ("Lampa", "LAMP-2"), ("Lampa", "LAMP-3"), ("Lamp", "LAMP-3")):
        world.shop.act("rename_sku", id=world.shop.products[name], sku=sku)
        world.shop.act("run_jobs")
        order(world, ("Lamp", 1), to="processing")
        order(world, ("Lampa", 1), to="processing")
        world.shop.act("run_jobs")
    assert ours(world, "Lamp") == ours(world, "Lampa") == 20 - 8
    assert _product(world, "Lamp")["_id"] == _product(world, "Lampa")["_id"] == "LAMP"
    assert world.database.products.count_documents({"skus": {"$in": ["LAMP", "LAMP-2", "LAMP-3"]}}) == 1


def test_goods_without_managed_stock_are_no_trouble(world: World) -> None:
    make(world, "Wrapping", sku="WRAP", manage_stock=False)
    number = order(world, ("Wrapping", 1), ("Salad", 1), to="processing")
    world.shop.act("run_jobs")
    stored = world.database.orders.find_one({"order_id": number})
    assert stored
    assert (stored["warnings"], stored["without_stock"]) == ([], ["WRAP"])
    make_managed(world, "Wrapping", 7)
    threading.Event().wait(1.1)
    order(world, ("Wrapping", 2), to="processing")
    same(world, "Wrapping", 5)
    world.shop.act("status", id=number, to="completed")
    same(world, "Wrapping", 5)


def make_managed(world: World, name: str, stock: int | None) -> None:
    """Switch the management of a product's stock on, with this stock, or off."""
    world.shop.act("set_product", id=world.shop.products[name], manage_stock=stock is not None, stock_quantity=stock)


def test_an_order_made_now_and_dated_back_takes_its_units(world: World) -> None:
    order(world, ("Salad", 1), to="processing")
    before = shops(world, "Salad")
    order(world, ("Salad", 2), to="processing", created="2020-05-05 12:00:00")
    same(world, "Salad", before - 2)


def test_a_draft_order_begun_before_going_live_or_before_a_product_and_placed_after_takes_its_units_once(
    mongodb_uri: str, tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    """As the block checkout makes them: the order keeps its draft's number and date."""
    world = _world(tmp_path, fresh_database(mongodb_uri), start_service, {})
    try:
        draft, last = order(world, ("Oil", 3), to="checkout-draft"), order(world, ("Oil", 2), to="processing")
        assert draft < last
        world.shop.switch_on(world.proxy.url)
        stock = shops(world, "Oil")
        same(world, "Oil", stock)
        world.shop.act("status", id=draft, to="processing")
        same(world, "Oil", stock - 3)

        make(world, "Bench", sku="BENCH", manage_stock=True, stock_quantity=10)  # The POS gets it when jobs run.
        draft, last = order(world, ("Bench", 2), to="checkout-draft"), order(world, ("Bench", 4), to="processing")
        same(world, "Bench", 6)
        world.shop.act("status", id=draft, to="on-hold")
        same(world, "Bench", 4)
        assert {"stock_taken_at", "sequence"} <= json.loads(_body(world, draft)).keys()
    finally:
        world.proxy.close()
        world.shop.stop()
        world.database.client.close()


def _body(world: World, number: int) -> bytes:
    """What arrived last of an order."""
    events = world.database.inbox.find({"resource_id": str(number)}).sort("received_at", -1)
    return bytes(events[0]["body"])


def test_a_draft_starts_with_the_stock_it_is_published_with(world: World) -> None:
    make(world, "Chair", sku="CHAIR", manage_stock=True, stock_quantity=5, status="draft")
    world.shop.act("run_jobs")
    assert world.database.products.find_one({"skus": "CHAIR"}) is None
    world.shop.act("set_product", id=world.shop.products["Chair"], stock_quantity=20)
    world.shop.act("set_product", id=world.shop.products["Chair"], status="publish")
    same(world, "Chair", 20)


def test_stock_management_switched_off_and_on(world: World) -> None:
    make(world, "Tea", sku="TEA", manage_stock=True, stock_quantity=10)
    world.shop.act("run_jobs")
    before = order(world, ("Tea", 2), to="processing")
    same(world, "Tea", 8)
    make_managed(world, "Tea", None)
    world.shop.act("run_jobs")
    meanwhile = order(world, ("Tea", 3), to="processing")
    world.shop.act("status", id=before, to="cancelled")
    world.shop.act("run_jobs")
    assert ours(world, "Tea") == 8
    make_managed(world, "Tea", 30)
    same(world, "Tea", 30)
    world.shop.act("status", id=meanwhile, to="completed")
    same(world, "Tea", 30)
    after = order(world, ("Tea", 1), to="processing")
    same(world, "Tea", 29)
    for number in (meanwhile, after):
        world.shop.act("status", id=number, to="cancelled")
    same(world, "Tea", 30)


def test_a_variation_whose_stock_becomes_its_parents_and_its_own_again(world: World) -> None:
    make_managed(world, "Cap Small", 10)
    world.shop.act("run_jobs")
    orders = [order(world, ("Cap Small", 2), to="processing") for _ in range(3)]
    same(world, "Cap Small", 4)
    make_managed(world, "Cap Small", None)
    world.shop.act("run_jobs")
    world.shop.act("status", id=orders[0], to="cancelled")
    world.shop.act("status", id=orders[1], to="completed")
    same(world, "Cap", 27)
    make_managed(world, "Cap Small", 30)
    same(world, "Cap Small", 30)
    same(world, "Cap", 27)
    for number in orders[1:]:
        world.shop.act("status", id=number, to="cancelled")
    same(world, "Cap Small", 34)
    same(world, "Cap", 27)
    assert list(verify.run(world.database)) == []
