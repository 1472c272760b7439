"""A real shop that takes stock from the POS, without a service: the test signs the requests itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.journeys.woocommerce.test_sent_orders import KEY, ORDER_STORAGE, Shop
from tests.waiting import wait_until

WATCH = """
foreach ( array(
	'woocommerce_product_before_set_stock', 'woocommerce_variation_before_set_stock',
	'woocommerce_updated_product_stock',
	'woocommerce_product_set_stock', 'woocommerce_variation_set_stock', 'woocommerce_product_set_stock_status',
	'woocommerce_variation_set_stock_status', 'woocommerce_no_stock', 'woocommerce_low_stock',
) as $hook ) {
	add_action( $hook, function ( $about ) use ( $hook ) {
		$id = is_object( $about ) ? $about->get_id() : $about;
		file_put_contents( WP_CONTENT_DIR . '/watched', "$hook $id\\n", FILE_APPEND );
	} );
}
add_filter( 'pre_wp_mail', function ( $sent, $mail ) {
	file_put_contents( WP_CONTENT_DIR . '/watched', 'mail ' . $mail['subject'] . "\\n", FILE_APPEND );
	return true;
}, 10, 2 );
"""
"""A plugin of the shop that notes the hooks of stock, and mails."""


class StockShop:
    """A shop with requests of the POS."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._names = itertools.count()

    def make(self, stock: Any = 10, **props: Any) -> int:
        """A new product; its id."""
        name = f"Product {next(self._names)}"
        data = {"regular_price": "10", "sku": f"SKU-{uuid.uuid4().hex[:8]}", "manage_stock": True} | props
        made = self.shop.act("make_products", products={name: data | {"stock_quantity": stock}})
        return int(made[name])

    def post(self, body: Any, path: str = "/stock", **headers: str | None) -> requests.Response:
        """A signed request; headers are replaced by those given."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(
            f"{self.shop.url}/wp-json/pos-sync/v1{path}", data=data, headers=signed(data, **headers), timeout=60
        )

    def send(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        """What the shop answers for movements."""
        reply = self.post({"store": "default", "items": items})
        assert reply.status_code == 200, reply.text
        answers: list[dict[str, Any]] = reply.json()["items"]
        assert [each["movement"] for each in answers] == [each["movement"] for each in items]
        return answers

    def until_done(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        """The same, sent again until nothing is to be tried again."""
        left = list(items)
        answers: dict[str, dict[str, Any]] = {}
        while left:
            answers |= {each["movement"]: each for each in self.send(*left)}
            left = [each for each in left if answers[each["movement"]]["outcome"] == "retry"]
        return [answers[each["movement"]] for each in items]

    def state(self, product: int) -> dict[str, Any]:
        """What the shop's database has of a product."""
        states: dict[str, dict[str, Any]] = self.shop.act("stock_states", ids=[product])
        return states[str(product)]

    def is_now(self, product: int, stock: float, status: str) -> None:
        """A product has this stock and status, everywhere."""
        state = self.state(product)
        assert [float(each) for each in state["stock"]] == [stock], state
        assert (state["status"], state["lookup"]["status"]) == (status, status), state
        assert float(state["lookup"]["stock"]) == stock, state

    def sql(self, sql: str, *values: int) -> None:
        """Run a statement in the shop's database."""
        self.shop.act("sql", sql=sql, values=values)

    def row(self, movement: str) -> dict[str, Any]:
        """What the plugin keeps of a movement."""
        rows: dict[str, dict[str, Any]] = self.shop.act("stock_rows")
        return rows[movement]

    def watch(self, code: str = "") -> None:
        """Note hooks and mails from now on; with another plugin of the shop."""
        self.shop.act("developer_plugin", code=WATCH + code)
        self.watched()

    def watched(self) -> list[str]:
        """What was noted since the last time."""
        file = self.shop.directory / "site" / "wp-content" / "watched"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


def item(product: int, delta: Any, **more: Any) -> dict[str, Any]:
    """A new movement."""
    return {
        "movement": uuid.uuid4().hex[:24],
        "product_id": product,
        "sku": "X",
        "delta": delta,
        "reason": "order",
    } | more


def signed(data: bytes, **replaced: str | None) -> dict[str, str]:
    """Headers as the service makes them; some replaced, or left out."""
    number, sent_at = f"stock_{uuid.uuid4().hex}", replaced.get("timestamp") or str(int(time.time()))
    key = hmac.new((replaced.pop("key", None) or KEY).encode(), b"pos-sync stock", hashlib.sha256).digest()
    mac = hmac.new(key, f"{number}.{sent_at}.".encode() + data, hashlib.sha256).digest()
    headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "webhook-id": number,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    headers |= {f"webhook-{name}": value for name, value in replaced.items()}
    return {name: value for name, value in headers.items() if value is not None}


@contextmanager
def stock_shop(folder: Path, storage: str) -> Iterator[StockShop]:
    """A running shop that has the POS's key. Its own deliveries go nowhere."""
    shop = Shop(folder)
    try:
        shop.start(ORDER_STORAGE[storage])
        shop.act(
            "options",
            pos_sync_settings={
                "enabled": True,
                "url": "http://127.0.0.1:9/api/webhooks/orders",
                "api_key": KEY,
                "send_first": False,
            },
        )
        wait_until(lambda: requests.get(f"{shop.url}/wp-json/", timeout=60).ok)
        yield StockShop(shop)
        lines = (folder / "debug.log").read_text().splitlines() if (folder / "debug.log").exists() else []
        assert [each for each in lines if "pos-sync" in each or "POS_Sync" in each or "pos_sync" in each] == []
    finally:
        shop.stop()
