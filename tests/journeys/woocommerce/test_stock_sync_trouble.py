"""Stock that is sent to a real WooCommerce shop, and what goes wrong there: the shop away, the plugin off or old, a
wrong key, a stock changed by hand.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB.
"""

from __future__ import annotations

from collections.abc import Iterator
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
