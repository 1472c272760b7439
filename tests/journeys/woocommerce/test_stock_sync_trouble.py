"""Stock that is sent to a real WooCommerce shop, and what goes wrong there: the shop away, the plugin off or old, a
wrong key or clock, stock changed by hand, products renamed, deleted and added.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import fresh_database
from tests.journeys.woocommerce import test_sent_orders as plugin_journey
from tests.journeys.woocommerce.test_stock_sync import assert_ledgers_sum_up, assert_one_stock
from tests.journeys.woocommerce.two_shops import KEY, World, two_shops
from tests.waiting import wait_until

pytestmark = plugin_journey.pytestmark
_PLUGIN = "woocommerce-pos-sync/woocommerce-pos-sync.php"
_NO_ROUTE = """
add_filter( 'rest_endpoints', function ( $endpoints ) {
    return array_diff_key( $endpoints, array_flip( preg_grep( '#^/pos-sync/v1/stock#', array_keys( $endpoints ) ) ) );
} );
"""
"""A shop with plugin 1.0, which does not have the route."""


@pytest.fixture(scope="module")
def world(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two shops around a POS with stock sync on."""
    with two_shops(tmp_path_factory.mktemp("shops"), fresh_database(mongodb_uri), {}) as world:
        world.shops["default"].act("developer_plugin", code=_NO_ROUTE)
        refused = world.pos.cli("store", "set", "default", "--stock-sync", "on", "--from", "shop")
        assert (refused.returncode, "1.1" in refused.stderr) == (1, True), refused
        world.shops["default"].act("developer_plugin")
        world.switch_on(default="shop", shop_2="pos")
        yield world


def status(world: World, store: str = "default") -> dict[str, Any]:
    """How the sending to a store fares, as the API shows it."""
    answer = world.pos.api("GET", f"/api/stores/{store}/stock-sync")
    assert answer.ok, answer.text
    return dict(answer.json()["data"])


def sell_meanwhile(world: World, expected: str) -> None:
    """Sell while a shop can't take it: the sales wait, the status has the reason, and the other shop gets them."""
    before = world.theirs("shop-2")["OIL"]
    for _ in range(5):
        world.counter.sell(("OIL", 1))
    wait_until(lambda: status(world)["failures"] and expected in status(world)["last_error"]["message"], 40)
    shown = status(world)
    assert (shown["on"], shown["waiting"]["movements"], shown["waiting"]["products"]) == (True, 5, 1), shown
    assert shown["waiting"]["oldest_at"], shown
    wait_until(lambda: world.theirs("shop-2")["OIL"] == before - 5, 20)


def assert_arrived_in_order(world: World) -> None:
    """All have the same, and each movement of oil found what the one before had left in the shop."""
    assert_one_stock(world)
    quantities = [
        (row["quantity"], mark["quantity"])
        for row in world.db.stock_movements.find({"sku": "OIL", "reason": "order"}).sort("seq", -1).limit(5)
        for mark in row["sent"]
        if mark["store"] == "default"
    ]
    assert [units for _, units in quantities] == [quantities[0][1] + place for place in range(5)], quantities
    assert status(world)["waiting"]["movements"] == 0


def test_a_shop_that_is_away_gets_what_waited_in_order(world: World) -> None:
    shop = world.shops["default"]
    shop.kill_server()
    sell_meanwhile(world, "")
    shop.start_server()
    assert_arrived_in_order(world)


def test_a_shop_whose_plugin_is_switched_off_gets_it_when_it_is_on_again(world: World) -> None:
    shop = world.shops["default"]
    shop.act("deactivate", plugin=_PLUGIN)
    sell_meanwhile(world, "plugin")
    shop.act("activate", plugin=_PLUGIN)
    assert_arrived_in_order(world)


def test_a_shop_with_another_key_gets_it_when_the_key_is_right_again(world: World) -> None:
    shop = world.shops["default"]
    shop.act("setting", api_key="another-key-0123456789abcdef-0123456789")
    sell_meanwhile(world, "signature")
    shop.act("setting", api_key=KEY)
    assert_arrived_in_order(world)


def test_a_shop_whose_plugin_becomes_an_older_one_again_gets_it_after_the_update(world: World) -> None:
    shop = world.shops["default"]
    shop.act("developer_plugin", code=_NO_ROUTE)
    sell_meanwhile(world, "1.1")
    shop.act("developer_plugin")
    assert_arrived_in_order(world)


def test_stock_changed_by_hand_in_a_shop_is_drift_with_its_cause_and_aligned_both_ways(world: World) -> None:
    shop = world.shops["default"]
    for align in ("--align", "--align-shop"):
        world.quiet()
        before = world.ours()["SALAD"]
        by_hand = int(world.theirs("default")["SALAD"]) + 5
        shop.act("set_product", id=shop.products["Salad"], stock_quantity=by_hand)
        world.quiet()
        assert (world.ours()["SALAD"], world.theirs("shop-2")["SALAD"]) == (before, before), "nobody takes it over"
        found = world.pos.cli("reconcile", "default").stdout
        [line] = [each for each in found.splitlines() if each.startswith("SALAD")]
        assert "by a change of stock in the shop that was no order" in line
        world.pos.cli("reconcile", "default", align, "SALAD")
        assert_one_stock(world)
        assert world.ours()["SALAD"] == before + (5 if align == "--align" else 0)
    assert_ledgers_sum_up(world)


def test_a_shop_whose_clock_is_off_gets_it_when_the_clock_is_right(world: World) -> None:
    shop = world.shops["default"]
    shop.act("developer_plugin", code="namespace POS_Sync\\Stock;\nfunction time(): int { return \\time() + 600; }")
    sell_meanwhile(world, "one of the clocks is wrong")
    shop.act("developer_plugin")
    assert_arrived_in_order(world)


def test_a_sku_that_is_renamed_in_one_shop_stays_one_product_for_all(world: World) -> None:
    world.quiet()
    before = world.ours()["HOOD-M"]
    world.shops["default"].act("rename_sku", id=world.shops["default"].products["Hoodie M"], sku="HOOD-M2")
    world.quiet()
    for sku in ("HOOD-M", "HOOD-M2"):
        world.counter.sell((sku, 1))
    world.shops["shop-2"].act("status", id=world.shops["shop-2"].order(("Hoodie M", 2)), to="processing")
    world.quiet()
    stocks = (world.ours()["HOOD-M2"], world.theirs("default")["HOOD-M2"], world.theirs("shop-2")["HOOD-M"])
    assert stocks == (before - 4,) * 3
    world.shops["default"].act("rename_sku", id=world.shops["default"].products["Hoodie M"], sku="HOOD-M")
    assert_one_stock(world)


def test_a_product_that_one_shop_deletes_goes_on_in_the_others_and_is_named(world: World) -> None:
    world.quiet()
    shop, before = world.shops["default"], world.ours()["LAST"]
    shop.act("change_product", id=shop.products["Last"], delete="for good")
    world.counter.sell(("LAST", 1), ("OIL", 1))
    world.quiet()
    [refused] = [each for each in status(world)["refused"] if each["sku"] == "LAST"]
    assert (refused["outcome"], refused["message"]) == ("unknown", "The shop has no product with this id.")
    assert_one_stock(world)
    assert (world.ours()["LAST"], world.theirs("shop-2")["LAST"]) == (before - 1, before - 1)
    assert status(world)["refused"] == [], "where it is gone, the two have nothing to be equal in any more"


def test_a_product_that_a_second_shop_adds_with_its_own_figure_is_drift_until_it_is_aligned(world: World) -> None:
    shop, before = world.shops["shop-2"], world.ours()["BOOK"]
    book = {"sku": "BOOK", "regular_price": "120", "manage_stock": True, "stock_quantity": before - 13}
    shop.products |= shop.act("make_products", products={"Book": book})
    world.quiet()
    world.counter.sell(("BOOK", 1))
    world.quiet()
    assert (world.ours()["BOOK"], world.theirs("shop-2")["BOOK"]) == (before - 1, before - 14)
    assert "BOOK" in world.pos.cli("reconcile", "shop-2").stdout
    world.pos.done("reconcile", "shop-2", "--align-shop", "BOOK")
    assert_one_stock(world)


def test_a_variation_that_gets_its_own_stock_in_both_shops_goes_on_by_itself(world: World) -> None:
    world.quiet()
    cap = world.ours()["CAP"]
    for shop in world.shops.values():
        shop.act("set_product", id=shop.products["Cap Small"], manage_stock=True, stock_quantity=10)
        world.quiet()
    world.counter.sell(("CAP-S", 1))
    world.counter.sell(("CAP-L", 2))
    assert_one_stock(world)
    assert (world.ours()["CAP-S"], world.ours()["CAP"]) == (9, cap - 2)


def test_stock_sync_switched_on_twice_at_once_aligns_once(world: World) -> None:
    world.quiet()
    world.pos.done("store", "set", "shop-2", "--stock-sync", "off")
    for _ in range(3):
        world.counter.sell(("OIL", 1))
    command = ("store", "set", "shop-2", "--stock-sync", "on", "--from", "pos")
    with ThreadPoolExecutor(2) as threads:
        for switched in [threads.submit(world.pos.cli, *command) for _ in range(2)]:
            assert switched.result().returncode == 0, switched.result()
    assert_one_stock(world)
