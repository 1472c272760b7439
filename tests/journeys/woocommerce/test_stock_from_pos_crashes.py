"""Stock that the POS changes in a real WooCommerce, where PHP is killed, several requests come at once, and orders take
stock at the same time: each movement changes the stock once, and what follows is done."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.journeys.woocommerce.stock_shop import StockShop, item, signed, stock_shop
from tests.journeys.woocommerce.test_sent_orders import pytestmark

__all__ = ["pytestmark"]

HOOKS = [
    "woocommerce_product_before_set_stock",
    "woocommerce_update_product_stock_query",
    "woocommerce_updated_product_stock",
    "woocommerce_before_product_object_save",
    "woocommerce_update_product",
    "woocommerce_product_set_stock",
    "woocommerce_no_stock",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockShop]:
    """A shop with the POS's key, its orders in posts."""
    with stock_shop(tmp_path_factory.mktemp("shop"), "posts") as shop:
        yield shop


def in_process(shop: StockShop, *items: dict[str, Any], **options: Any) -> subprocess.Popen[str]:
    """A request in a PHP process of its own, which can be killed."""
    body = json.dumps({"items": items}).encode()
    return shop.shop.start_act("stock_request", headers=signed(body), body=body.decode(), **options)


def killed(shop: StockShop, *items: dict[str, Any], **options: Any) -> None:
    """A request whose process is killed."""
    with in_process(shop, *items, **options) as process:
        out, _ = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, out[-2000:]


@pytest.mark.parametrize("hook", HOOKS)
def test_killed_at_a_hook_a_movement_is_done_once(shop: StockShop, hook: str) -> None:
    product = shop.make(3)
    movement = item(product, -3)
    killed(shop, movement, kill_at=hook)
    assert shop.send(movement)[0]["outcome"] in {"applied", "already"}
    shop.is_now(product, 0, "outofstock")
    row = shop.row(movement["movement"])
    assert (row["state"], row["outcome"], row["quantity"], row["message"]) == ("done", "applied", "0.000000", "")
    assert [each["outcome"] for each in shop.send(movement, item(product, 1))] == ["already", "applied"]
    shop.is_now(product, 1, "instock")


def test_killed_before_any_statement_that_is_about_stock_a_movement_is_done_once(shop: StockShop) -> None:
    product = shop.make(1)
    with in_process(shop, item(product, 1)) as process:
        out, _ = process.communicate(timeout=120)
    statements = json.loads(out.splitlines()[-1])["statements"]
    assert statements > 10
    stock = 2
    for number in range(1, statements + 1):
        movement = item(product, 1 if number % 2 else -2)
        killed(shop, movement, kill_before=number)
        assert shop.send(movement)[0]["outcome"] in {"applied", "already"}
        stock += movement["delta"]
        shop.is_now(product, stock, "instock" if stock > 0 else "outofstock")


def test_killed_at_any_moment_a_batch_is_done_once(shop: StockShop) -> None:
    products = [shop.make(50) for _ in range(3)]
    stock = dict.fromkeys(products, 50)
    chance = random.Random(7)
    for _ in range(8):
        batch = [item(chance.choice(products), chance.choice([-2, -1, 1])) for _ in range(12)]
        with in_process(shop, *batch) as process:
            timer = threading.Timer(chance.uniform(0.3, 1.2), process.kill)
            timer.start()
            process.communicate(timeout=120)
            timer.join()
        answers = shop.until_done(*batch)
        assert {each["outcome"] for each in answers} <= {"applied", "already"}
        for each in batch:
            stock[each["product_id"]] += each["delta"]
    for product in products:
        shop.is_now(product, stock[product], "instock")


@pytest.mark.parametrize("hook", ["woocommerce_product_before_set_stock", "woocommerce_product_set_stock"])
def test_a_plugin_that_ends_php_each_time_does_not_hold_up_the_rest(shop: StockShop, hook: str) -> None:
    broken, fine = shop.make(5), shop.make(5)
    shop.watch(f"""
        add_action( '{hook}', function ( $product ) {{
            if ( {broken} === $product->get_id() ) {{
                exit;
            }}
        }} );""")
    batch = [item(broken, -2), item(fine, -1)]
    for _ in range(3):
        reply = shop.post({"items": batch})
        assert "items" not in reply.text
    bad, good = shop.send(*batch)
    shop.shop.act("developer_plugin")
    assert (bad["outcome"] in {"applied", "already"}, bad["quantity"]) == (True, 3)
    assert "left out" in bad["message"]
    assert (good["outcome"], good["quantity"]) == ("applied", 4)
    assert [each["outcome"] for each in shop.send(*batch)] == ["already", "already"]


def test_the_same_batch_in_two_requests_at_once_is_done_once(shop: StockShop) -> None:
    product = shop.make(100, low_stock_amount=200)
    batch = [item(product, -1) for _ in range(20)]
    shop.watch()
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: shop.send(*batch), range(3)))
    noted = shop.watched()
    shop.shop.act("developer_plugin")
    outcomes = [each["outcome"] for answer in answers for each in answer]
    assert outcomes.count("applied") == 20
    assert set(outcomes) <= {"applied", "already", "retry"}
    assert noted.count(f"woocommerce_low_stock {product}") == 20
    shop.is_now(product, 80, "instock")


def test_fifty_orders_and_fifty_movements_at_once_leave_the_stock_exact(shop: StockShop) -> None:
    product = shop.make(100)
    movements = [item(product, -1) for _ in range(50)]
    selling = [shop.shop.start_act("sell", id=product, orders=10) for _ in range(5)]
    with ThreadPoolExecutor(4) as threads:
        answers = [each[0] for each in threads.map(shop.until_done, movements)]
    for process in selling:
        with process:
            out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out[-2000:]
    assert [each["outcome"] for each in answers] == ["applied"] * 50
    assert shop.state(product)["stock"] == ["0"]
    rows = shop.post({"movements": [each["movement"] for each in movements]}, "/stock/movements").json()["items"]
    assert [each["outcome"] for each in rows] == ["applied"] * 50
    assert shop.send(item(product, 1), item(product, -1))[1]["quantity"] == 0
    shop.is_now(product, 0, "outofstock")


def test_a_killed_server_process_leaves_no_lock(shop: StockShop) -> None:
    product = shop.make(5)
    killed(shop, item(product, -1), kill_at="woocommerce_product_set_stock")
    reply: requests.Response = shop.post({"items": [item(product, -1)]})
    assert reply.json()["items"][0]["outcome"] == "applied"
    shop.is_now(product, 3, "instock")
