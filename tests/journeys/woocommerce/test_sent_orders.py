"""A real WooCommerce, the plugin and the service: whatever happens in the shop and on the way, the POS says the same.

Needs WORDPRESS_DIR (WordPress 7.1 or so) and WOOCOMMERCE_DIR (a built WooCommerce), PHP and MariaDB. Every step is
done in the shop in a PHP process of its own, as requests are; then the scheduler runs, and the POS is compared.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import Decimal128
from pymongo import MongoClient

from tests.conftest import fresh_database
from tests.paths import ROOT
from tests.service import POS_API, Service, environment, free_port, running
from tests.waiting import wait_until

_NEEDED = ("WORDPRESS_DIR", "WOOCOMMERCE_DIR")
pytestmark = [
    pytest.mark.skipif(
        not all(os.environ.get(name) for name in _NEEDED),
        reason=f"a real shop is needed: set {' and '.join(_NEEDED)}",
    ),
    pytest.mark.skipif(not shutil.which("php") or not shutil.which("mariadbd"), reason="PHP and MariaDB are needed"),
]

SHOP = ROOT / "wp-plugin" / "tests" / "shop"
KEY = "journey-key-0123456789abcdef"
HOLDS_NOTHING = {"cancelled", "refunded", "failed", "trash"}
CATALOGUE: dict[str, Any] = {
    "products": {
        "Oil": {"sku": "OIL-2L", "regular_price": "89.90", "stock_quantity": 100},
        "Salad": {"sku": "SALAD-01", "regular_price": "45", "stock_quantity": 50},
        "T-Shirt Blå 👕": {"sku": "TS-BLU", "regular_price": "199.90", "stock_quantity": 40},
        "Book": {"sku": "BOOK-1", "regular_price": "120", "stock_quantity": 20},
        "Mug": {"sku": "MUG-1", "regular_price": "50", "stock_quantity": 2, "backorders": "yes"},
        "No SKU": {"regular_price": "10", "stock_quantity": 30},
        "Odd": {"sku": "Sku 42/ä", "regular_price": "15", "stock_quantity": 30},
    },
    "variable": {
        "Hoodie": {
            "sku": "HOOD",
            "sizes": {
                "S": {"sku": "HOOD-S", "regular_price": "300", "stock_quantity": 10},
                "M": {"sku": "HOOD-M", "regular_price": "300", "stock_quantity": 11},
                "XL": {"regular_price": "320", "stock_quantity": 7},
            },
        },
        "Cap": {
            "sku": "CAP",
            "stock_quantity": 25,
            "sizes": {
                "Small": {"sku": "CAP-S", "regular_price": "90", "manage_stock": False},
                "Large": {"sku": "CAP-L", "regular_price": "90", "manage_stock": False},
            },
        },
    },
}


class Proxy:
    """Stands between shop and POS, and fails on demand: `pass`, `500`, `422`, `hang`, `swallow` (the POS gets it, the
    shop no answer), `refuse` (nobody listens) or `slow` (it takes two seconds). Connections are kept, as by the POS."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.mode = "pass"
        self.received = 0
        self.connections = 0
        self.passed_on: list[bytes] = []
        self.open = 0
        self.most_open = 0
        self._counting = threading.Lock()
        self._port = free_port()
        self._server: ThreadingHTTPServer | None = None
        self.set("pass")

    @property
    def url(self) -> str:
        """The webhook URL for the shop."""
        return f"http://127.0.0.1:{self._port}/api/webhooks/orders"

    def set(self, mode: str) -> None:
        """From now on, fail like this."""
        self.mode = mode
        if mode == "refuse":
            self.close()
        elif self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
            self._server.daemon_threads = True
            threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                with proxy._counting:
                    proxy.connections += 1

            def do_POST(self) -> None:
                with proxy._counting:
                    proxy.received += 1
                    proxy.open += 1
                    proxy.most_open = max(proxy.most_open, proxy.open)
                try:
                    self._forward(self.rfile.read(int(self.headers["Content-Length"])))
                finally:
                    with proxy._counting:
                        proxy.open -= 1

            def _forward(self, body: bytes) -> None:
                if proxy.mode == "hang":
                    threading.Event().wait(20)
                    return
                if proxy.mode == "slow":
                    threading.Event().wait(2)
                if proxy.mode == "500":
                    self._answer(500, b"<html>Internal Server Error</html>", "text/html")
                    return
                if proxy.mode == "422":
                    self._answer(422, b'{"success":false,"error":{"message":"No."}}', "application/json")
                    return
                proxy.passed_on.append(body)
                try:
                    reply = requests.post(
                        f"{proxy.target}/api/webhooks/orders", data=body, headers=dict(self.headers), timeout=30
                    )
                except requests.ConnectionError:
                    self._answer(502, b"", "text/plain")
                    return
                if proxy.mode == "swallow":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self._answer(reply.status_code, reply.content, reply.headers["Content-Type"])

            def do_GET(self) -> None:
                reply = requests.get(proxy.target + self.path, headers=dict(self.headers), timeout=30)
                self._answer(reply.status_code, reply.content, reply.headers["Content-Type"])

            def _answer(self, status: int, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler


class Shop:
    """A running WordPress with WooCommerce and the plugin."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.products: dict[str, int] = {}

    def start(self, options: dict[str, Any]) -> None:
        """Install everything and stock up."""
        subprocess.run([SHOP, "up", self.directory, str(self.port)], check=True, stdout=subprocess.DEVNULL)
        for plugin in ("woocommerce/woocommerce.php", "woocommerce-pos-sync/woocommerce-pos-sync.php"):
            assert self.act("activate", plugin=plugin) == {"error": ""}
        self.act("options", **options)
        self.products = self.act("stock_up", **CATALOGUE)
        self.act("run_jobs")

    def stop(self) -> None:
        """End it."""
        subprocess.run([SHOP, "down", self.directory], check=False, stdout=subprocess.DEVNULL)

    def act(self, what: str, **options: Any) -> Any:
        """Do one thing in a PHP process of its own."""
        done = self.start_act(what, **options)
        out, _ = done.communicate(timeout=120)
        assert done.returncode == 0, f"{what} {options}: {out[-2000:]}"
        return json.loads(out.strip().splitlines()[-1])

    def start_act(self, what: str, **options: Any) -> subprocess.Popen[str]:
        """Begin one thing, to be killed perhaps."""
        return subprocess.Popen(
            [SHOP, "act", self.directory, what, json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def cli(self, command: str, *arguments: str) -> str:
        """What a command of `wp pos-sync` prints."""
        options = json.dumps({"command": command, "arguments": arguments})
        done = subprocess.run(
            [SHOP, "act", self.directory, "cli", options], capture_output=True, text=True, check=False
        )
        return done.stdout

    def switch_on(self, url: str, **settings: Any) -> None:
        """As saving the settings does."""
        self.act(
            "options",
            pos_sync_settings={
                "enabled": True,
                "url": url,
                "api_key": KEY,
                "max_retries": 3,
                "statuses": [],
                "log_level": "error",
                "send_first": True,
                **settings,
            },
        )
        self.act("run_jobs")

    def order(self, *lines: tuple[str, int], **options: Any) -> int:
        """A new order of products by name."""
        made = self.act("create_order", lines=[[self.products[name], quantity] for name, quantity in lines], **options)
        return int(made["id"])

    def settle(self) -> dict[str, Any]:
        """Run the scheduler; returns what the queue looks like."""
        queue: dict[str, Any] = self.act("run_jobs")
        return queue


class Journey:
    """Shop, way and POS together."""

    def __init__(self, shop: Shop, proxy: Proxy, database: Any) -> None:
        self.shop = shop
        self.proxy = proxy
        self.database = database
        self.orders: list[int] = []

    def order(self, *lines: tuple[str, int], **options: Any) -> int:
        """A new order that is compared from now on."""
        self.orders.append(self.shop.order(*lines, **options))
        return self.orders[-1]

    def check(self) -> None:
        """Everything is delivered, and the POS says what the shop says."""
        truth = self.shop.act("truth", orders=self.orders, settle=True)
        assert set(truth["queue"]["states"]) <= {"sent"}, truth["queue"]["rows"]
        self.compare(truth)

    def compare(self, truth: dict[str, Any]) -> None:
        """The POS says what the shop says: of these orders, and of the stock of every SKU."""
        pending: dict[str, int] = {}
        # The shop names a line's SKU as it is now, the POS as it was then: both name the same product.
        known = {sku: product["_id"] for product in self.database.products.find() for sku in product["skus"]}
        for number, order in dict(truth["orders"]).items():  # PHP writes an empty one as a list.
            order_id = int(number)
            ours = self.database.orders.find_one({"_id": f"default:{order_id}"})
            assert ours, f"order {order_id} is missing in the POS"
            if order is None or order["status"] == "trash":
                assert ours.get("deleted_at"), f"order {order_id} is gone in the shop"
                continue
            assert not ours.get("deleted_at")
            assert _ours(ours, known) == _theirs(order, known)
            for line in order["line_items"]:
                if order["status"] == "pending" and line["sku"] and not _reduced(line):
                    product = known.get(line["sku"], line["sku"])
                    pending[product] = pending.get(product, 0) + line["quantity"]
        stock = {sku: units for sku, units in truth["stock"].items() if not sku.startswith("#")}
        expected = {sku: units - pending.get(known.get(sku, sku), 0) for sku, units in stock.items()}
        assert self.stock() == expected

    def stock(self) -> dict[str, int]:
        """The POS's stock by SKU."""
        return {product["sku"]: product["stock"] for product in self.database.products.find()}

    def said_opening(self, order: int) -> set[bool]:
        """What the plugin's deliveries of an order said about its being from before."""
        return {
            json.loads(event["body"]).get("opening", False)
            for event in self.database.inbox.find({"resource_id": str(order), "topic": {"$regex": "^order"}})
        }

    def parked(self) -> int:
        """How many deliveries the POS could not use."""
        count: int = self.database.inbox.count_documents({"outcome": "parked"})
        return count


def _reduced(line: dict[str, Any]) -> bool:
    return any(meta["key"] == "_reduced_stock" for meta in line["meta_data"])


def _money(value: Any) -> Decimal:
    return Decimal(str(value.to_decimal() if isinstance(value, Decimal128) else value or 0))


_TEXTS = ("number", "status", "currency", "payment_method", "customer_note", "created_via")
_SUMS = ("total", "total_tax", "discount_total", "shipping_total", "cart_tax")
_ADDRESS = ("first_name", "last_name", "address_1", "city", "postcode", "country", "email")


def _sku(line: dict[str, Any], known: dict[str, str]) -> str:
    return known.get(line["sku"], line["sku"] or "")


def _line(line: dict[str, Any], sku: str) -> tuple[Any, ...]:
    return (line["id"], line["name"], sku, line["quantity"], _money(line["total"]), _money(line["total_tax"]))


def _same(order: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """What the shop's order and the POS's have under the same names."""
    return {
        **{name: order[name] for name in _TEXTS},
        **{name: _money(order[name]) for name in _SUMS},
        "billing": {name: order["billing"].get(name, "") for name in _ADDRESS},
        "lines": [_line(line, _sku(line, known)) for line in order["line_items"]],
        "fees": [(each["id"], each["name"], _money(each["total"])) for each in order["fee_lines"]],
        "shipping": [(each["id"], _money(each["total"])) for each in order["shipping_lines"]],
        "coupons": [(each["code"], _money(each["discount"])) for each in order["coupon_lines"]],
    }


def _theirs(order: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """The shop's REST order, as far as the POS keeps it."""
    return {
        **_same(order, known),
        "refunds": sorted(
            (
                refund["id"],
                _money(refund["amount"]),
                [
                    (line["id"], _sku(line, known), -line["quantity"], -_money(line["total"]))
                    for line in refund["line_items"]
                ],
            )
            for refund in order["refund_details"]
        ),
        "created": order["date_created_gmt"],
    }


def _ours(order: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """The POS's order, in the same shape."""
    return {
        **_same(order, known),
        "refunds": sorted(
            (
                refund["id"],
                _money(refund["amount"]),
                [
                    (line["id"], _sku(line, known), line["quantity"], _money(line["total"]))
                    for line in refund.get("line_items", [])
                ],
            )
            for refund in order["refunds"]
        ),
        "created": order["created_at"].strftime("%Y-%m-%dT%H:%M:%S"),
    }


@pytest.fixture(scope="module")
def start_service(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Start the service on a database of its own, or the same one again."""
    with ExitStack() as stack:

        def start(uri: str, **settings: str) -> Service:
            home = tmp_path_factory.mktemp("pos")
            env = environment(
                MONGODB_URI=uri,
                WEBHOOK_API_KEY=KEY,
                JWT_SECRET="x" * 40,
                HOST="127.0.0.1",
                STORE_NAME="default",
                **settings,
            )
            return stack.enter_context(running([*POS_API, "serve"], home, env))

        yield start


class World(Journey):
    """A shop that went live."""

    service: Service
    uri: str


def _world(tmp_path: Path, uri: str, start: Callable[..., Service], options: dict[str, Any]) -> World:
    shop = Shop(tmp_path)
    service = start(uri)
    client: MongoClient[dict[str, Any]] = MongoClient(uri, tz_aware=True)
    world = World(shop, Proxy(service.url), client.get_default_database())
    world.service, world.uri = service, uri
    shop.start(options)
    return world


_STORAGE_OPTIONS = ("woocommerce_custom_orders_table_enabled", "woocommerce_feature_custom_order_tables_enabled")
ORDER_STORAGE = {"order tables": dict.fromkeys(_STORAGE_OPTIONS, "yes"), "posts": dict.fromkeys(_STORAGE_OPTIONS, "no")}
"""WooCommerce's options by where it keeps orders: in order tables (HPOS) or in posts."""


@pytest.fixture(scope="module", params=ORDER_STORAGE)
def live(
    request: pytest.FixtureRequest,
    mongodb_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    start_service: Callable[..., Service],
) -> Iterator[World]:
    """A shop that is live, with its orders in order tables (HPOS) or in posts."""
    folder, uri = tmp_path_factory.mktemp("shop"), fresh_database(mongodb_uri)
    with shop_that_is_live(folder, uri, start_service, ORDER_STORAGE[request.param]) as world:
        yield world
        assert world.parked() == 0


@contextmanager
def shop_that_is_live(
    folder: Path, uri: str, start: Callable[..., Service], options: dict[str, Any]
) -> Iterator[World]:
    """A shop that went live, stopped afterwards; nothing of the plugin is in its debug log."""
    world = _world(folder, uri, start, options)
    try:
        world.shop.switch_on(world.proxy.url)
        threading.Event().wait(1.1)  # WooCommerce's times are in seconds: an order of this one would count as older.
        yield world
        quiet = [line for line in _debug_log(world) if "woocommerce-pos-sync" in line or "POS_Sync" in line]
        assert quiet == []
    finally:
        world.proxy.close()
        world.shop.stop()
        world.database.client.close()


def _debug_log(world: World) -> list[str]:
    file = world.shop.directory / "debug.log"
    return file.read_text().splitlines() if file.exists() else []


Step = Callable[[World, int], Any]


def _to(status: str) -> Step:
    return lambda world, order: world.shop.act("status", id=order, to=status)


def _refund(**options: Any) -> Step:
    return lambda world, order: world.shop.act("refund", id=order, **options)


def _trash(how: str) -> Step:
    return lambda world, order: world.shop.act("trash", id=order, how=how)


def _pay(world: World, order: int) -> None:
    world.shop.act("pay", id=order)


def _edit(**options: Any) -> Step:
    return lambda world, order: world.shop.act("edit", id=order, **options)


def _add(name: str, quantity: int, **options: Any) -> Step:
    return lambda world, order: world.shop.act("edit", id=order, add=[[world.shop.products[name], quantity]], **options)


def _all(*steps: Step) -> Step:
    return lambda world, order: [step(world, order) for step in steps]


def _delete_refunds(world: World, order: int) -> None:
    for refund in world.shop.act("truth", orders=[order])["orders"][str(order)]["refunds"]:
        world.shop.act("delete_refund", id=refund["id"])


Lines = list[tuple[str, int]]
HISTORIES: dict[str, tuple[Lines, dict[str, Any], list[Step]]] = {
    # The recorded ones.
    "guest-cod-completed": ([("Oil", 2), ("Salad", 1)], {}, [_to("processing"), _to("completed")]),
    "registered-bacs": (
        [("T-Shirt Blå 👕", 3)],
        {"customer": 1, "payment": "bacs"},
        [_to("on-hold"), _to("processing"), _to("completed")],
    ),
    "cancelled-after-processing": ([("Book", 4)], {}, [_to("processing"), _to("cancelled")]),
    "failed-then-paid": ([("Mug", 1)], {}, [_to("failed"), _pay]),
    "full-refund-no-restock": ([("Salad", 2)], {}, [_to("completed"), _refund(quantities="all", restock=False)]),
    "full-refund-restock": (
        [("Oil", 5), ("Book", 1)],
        {},
        [_to("processing"), _refund(quantities="all", restock=True)],
    ),
    "partial-refund-restock": (
        [("T-Shirt Blå 👕", 3)],
        {},
        [_to("processing"), _refund(quantities=[1], restock=True), _refund(amount="20")],
    ),
    "variable-product": ([("Hoodie S", 1), ("Hoodie M", 2)], {}, [_to("processing"), _to("completed")]),
    "coupon-fee-shipping": (
        [("Book", 2), ("Oil", 3), ("T-Shirt Blå 👕", 1)],
        {"coupon": "ten", "fee": "25", "shipping": "49"},
        [_to("processing")],
    ),
    "same-sku-twice": ([("Oil", 2), ("Oil", 3)], {}, [_to("processing"), _to("cancelled")]),
    "no-sku-and-custom-line": (
        [("No SKU", 2), ("T-Shirt Blå 👕", 1)],
        {"custom": {"name": "Gift wrap", "quantity": 1, "total": "19"}},
        [_to("processing")],
    ),
    "backorder": ([("Mug", 5)], {}, [_to("processing"), _to("cancelled")]),
    "admin-edit": (
        [("Book", 2), ("Oil", 2)],
        {},
        [_to("processing"), _edit(quantities={"1": 5}), _add("T-Shirt Blå 👕", 1), _edit(remove=[0])],
    ),
    "reactivated": (
        [("Hoodie M", 2)],
        {},
        [_to("processing"), _to("cancelled"), _to("processing"), _to("completed")],
    ),
    "unicode-and-meta": (
        [("Odd", 2)],
        {
            "note": "Hej 😀 <b>fet</b> שלום",
            "meta": {"gift": {"for": "Mormor", "list": [1, 2.5, None]}},
            "address": {"first_name": "Zoë 🦄", "last_name": "O'Neil <script>"},
        },
        [_to("processing")],
    ),
    "zero-total": ([("T-Shirt Blå 👕", 1)], {"coupon": "all", "percent": 100}, [_pay]),
    "foreign-currency": ([("T-Shirt Blå 👕", 1)], {"currency": "EUR"}, [_to("processing"), _to("completed")]),
    "trash-and-delete": (
        [("Salad", 1)],
        {},
        [_to("processing"), _trash("trash"), _trash("restore"), _trash("for good")],
    ),
    # And more.
    "variation without SKU": (
        [("Hoodie XL", 2)],
        {},
        [_to("processing"), _refund(quantities=[1], restock=True), _to("cancelled")],
    ),
    "refund deleted": (
        [("Oil", 4)],
        {},
        [_to("processing"), _refund(quantities=[2], restock=True), _delete_refunds, _to("completed")],
    ),
    "deleted for good at once": ([("Book", 1)], {}, [_to("processing"), _trash("for good")]),
    "restocked, then set down": (
        [("Oil", 3), ("Salad", 1)],
        {},
        [_to("processing"), _refund(quantities=[2], restock=True), _edit(quantities={"0": 1}), _edit(remove=[0])],
    ),
    "cancelled and trashed before it was told": (
        [("Oil", 3)],
        {},
        [_to("processing"), _all(_to("cancelled"), _trash("trash")), _all(_trash("restore"), _to("processing"))],
    ),
    "a refund is refused": ([("Oil", 1)], {}, [_to("processing"), _refund(amount="9999")]),
    "a line is added, one removed, and the order not saved": (
        [("Oil", 1), ("Book", 1)],
        {},
        [_add("Salad", 2, saved=False), _edit(remove=[0], saved=False)],
    ),
    "goes on from the trash": ([("Oil", 1)], {}, [_to("processing"), _trash("trash"), _to("completed")]),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_after_every_step_the_pos_says_what_the_shop_says(live: World, name: str) -> None:
    lines, options, steps = HISTORIES[name]
    order = live.order(*lines, **options)
    live.check()
    for step in steps:
        step(live, order)
        live.check()


def test_an_order_trashed_before_it_was_ever_told_is_told_whole(live: World) -> None:
    order = live.order(("Oil", 2))
    live.shop.act("status", id=order, to="processing")
    live.shop.act("trash", id=order, how="trash")
    live.check()
    live.shop.act("trash", id=order, how="restore")
    live.check()


def test_what_happened_to_an_order_that_is_gone_for_good_is_told_all_the_same(live: World) -> None:
    cancelled = live.order(("Oil", 3))
    live.shop.act("status", id=cancelled, to="processing")
    live.check()
    live.proxy.set("refuse")
    never_told = live.order(("Salad", 2))
    for order, status in ((cancelled, "cancelled"), (never_told, "processing")):
        live.shop.act("status", id=order, to=status)
        live.shop.act("trash", id=order, how="for good")
    live.shop.act("run_jobs", runs=1)
    live.proxy.set("pass")
    live.shop.act("hasten")
    live.check()


def test_changes_of_several_requests_are_one_delivery_of_the_last_state(live: World) -> None:
    before = live.proxy.received
    order = live.order(("Oil", 1))
    live.shop.act("status", id=order, to="processing")
    live.shop.act("status", id=order, to="completed")
    live.check()
    assert live.proxy.received == before + 1


def test_a_block_checkout_arrives_and_its_draft_does_not(live: World) -> None:
    drafts = live.database.inbox.count_documents({})
    session = requests.Session()
    api = f"{live.shop.url}/wp-json/wc/store/v1"
    cart = session.get(f"{api}/cart", timeout=60)
    headers = {"Nonce": cart.headers["Nonce"], "Cart-Token": cart.headers["Cart-Token"]}
    oil = live.shop.products["Oil"]
    assert session.post(f"{api}/cart/add-item", json={"id": oil, "quantity": 2}, headers=headers, timeout=60).ok
    address = {
        "first_name": "Block",
        "last_name": "Köpare",
        "address_1": "Gatan 1",
        "city": "Lund",
        "postcode": "22222",
        "country": "SE",
        "email": "block@example.se",
        "phone": "",
        "company": "",
        "address_2": "",
        "state": "",
    }
    assert session.get(f"{api}/checkout", headers=headers, timeout=60).json()["status"] == "checkout-draft"
    live.shop.settle()
    assert live.database.inbox.count_documents({}) == drafts
    done = session.post(
        f"{api}/checkout",
        json={"billing_address": address, "shipping_address": address, "payment_method": "cod"},
        headers=headers,
        timeout=60,
    )
    assert done.ok, done.text
    live.orders.append(done.json()["order_id"])
    live.check()


def test_a_classic_checkout_arrives(live: World) -> None:
    live.orders.append(live.shop.act("classic_checkout", product=live.shop.products["Oil"], quantity=2)["id"])
    live.check()


def test_what_the_rest_api_does_arrives(live: World) -> None:
    def rest(method: str, path: str, **body: Any) -> Any:
        answer = live.shop.act("rest", method=method, path=path, body=body)
        assert answer["status"] < 300, answer
        live.check()
        return answer["data"]

    oil = live.shop.products["Oil"]
    made = live.shop.act(
        "rest",
        method="POST",
        path="/orders",
        body={"set_paid": True, "line_items": [{"product_id": oil, "quantity": 3}], "billing": {"email": "a@b.se"}},
    )["data"]
    live.orders.append(made["id"])
    live.check()
    order = f"/orders/{made['id']}"
    rest("PUT", order, line_items=[{"id": made["line_items"][0]["id"], "quantity": 4}])
    line = {"id": made["line_items"][0]["id"], "quantity": 1, "refund_total": 89.9}
    refund = rest("POST", f"{order}/refunds", amount="89.90", api_refund=False, line_items=[line])
    rest("DELETE", f"{order}/refunds/{refund['id']}", force=True)
    rest("POST", "/orders/batch", update=[{"id": made["id"], "status": "completed"}])
    rest("DELETE", order, force=True)


def test_the_owner_is_told_when_nothing_got_through_for_an_hour(live: World) -> None:
    live.proxy.set("refuse")
    order = live.order(("Salad", 1))
    live.shop.act("run_jobs")
    assert "Nothing could be delivered" not in live.shop.cli("status")
    live.shop.act("age_log")
    told = live.shop.cli("status")
    assert "Nothing could be delivered to the POS for 2 hours" in told
    live.proxy.set("pass")
    live.shop.act("hasten")
    assert "Nothing could be delivered" not in live.shop.cli("status")
    live.shop.act("status", id=order, to="processing")
    live.check()


def test_a_renamed_sku_goes_on_under_its_new_name(live: World) -> None:
    book = live.shop.products["Book"]
    live.shop.act("rename_sku", id=book, sku="BOOK-2")
    live.check()
    order = live.order(("Book", 1))
    live.shop.act("status", id=order, to="processing")
    live.check()
    live.shop.act("rename_sku", id=book, sku="BOOK-1")
    live.check()


@pytest.mark.parametrize("trouble", ["refuse", "500", "swallow", "hang"])
def test_trouble_on_the_way_loses_nothing_and_counts_nothing_twice(live: World, trouble: str) -> None:
    first = live.order(("Oil", 1))
    live.check()
    live.proxy.set(trouble)
    live.shop.act("status", id=first, to="processing")
    second = live.order(("Oil", 2), ("Salad", 1))
    live.shop.act("status", id=second, to="processing")
    waiting = live.shop.act("run_jobs", runs=1)
    assert waiting["states"]["waiting"]["n"] == "2", waiting
    live.shop.act("refund", id=second, quantities=[1], restock=True)
    live.shop.act("status", id=first, to="cancelled")
    if trouble != "hang":
        live.shop.act("hasten", runs=1)
    live.proxy.set("pass")
    live.shop.act("hasten")
    live.check()


def test_a_php_process_killed_while_sending_delivers_once_more_never_once_less(live: World) -> None:
    live.proxy.set("hang")
    order = live.order(("Oil", 1))
    received = live.proxy.received
    process = live.shop.start_act("run_jobs")
    wait_until(lambda: live.proxy.received > received, 30)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    live.proxy.set("pass")
    assert live.shop.act("run_jobs")["states"]["waiting"]["n"] == "1", "until its lease has run out nobody sends it"
    live.shop.act("hasten")
    live.shop.act("status", id=order, to="processing")
    live.check()


def test_a_change_during_a_delivery_is_delivered_after_it(live: World) -> None:
    live.proxy.set("slow")
    order = live.order(("Oil", 1))
    received = live.proxy.received
    process = live.shop.start_act("run_jobs", runs=0)
    wait_until(lambda: live.proxy.received > received, 30)
    live.shop.act("status", id=order, to="processing")
    process.communicate(timeout=60)
    live.proxy.set("pass")
    live.check()
    assert live.proxy.received == received + 2


def test_two_runners_at_once_send_each_order_once(live: World) -> None:
    live.proxy.set("slow")
    received = live.proxy.received
    for _ in range(4):
        live.shop.act("status", id=live.order(("Salad", 1)), to="processing")
    runners = [live.shop.start_act("send_now") for _ in range(2)]
    for runner in runners:
        runner.communicate(timeout=60)
    live.proxy.set("pass")
    live.check()
    assert live.proxy.received == received + 4


def test_what_a_process_read_earlier_is_not_sent_as_new(live: World) -> None:
    order = live.order(("Oil", 1))
    live.check()
    live.shop.act("send_with_stale_caches", id=order, to="processing")
    live.check()


def test_an_import_in_one_process_is_sent_whole_over_one_connection(live: World) -> None:
    received, connections = live.proxy.received, live.proxy.connections
    live.orders += live.shop.act("import", product=live.shop.products["Salad"], count=25)["ids"]
    live.check()
    assert live.proxy.received == received + 25
    assert live.proxy.connections == connections + 1


def test_the_command_line_sends_and_shows_the_status(live: World) -> None:
    order = live.order(("Oil", 1))
    assert "Success: Connected" in live.shop.cli("test")
    assert f"{order}: sent" in live.shop.cli("send", str(order))
    assert "Waiting:       0" in live.shop.cli("status")
    live.shop.act("status", id=order, to="processing")
    assert "Waiting:       0" in live.shop.cli("send")
    live.check()
    assert "no such order" in live.shop.cli("send", "999999")
    live.shop.act("setting", api_key="wrong")
    assert "Error: The POS does not know this API key" in live.shop.cli("test")
    live.shop.act("setting", api_key=KEY)


def test_a_service_killed_in_between_misses_nothing(live: World, start_service: Callable[..., Service]) -> None:
    orders = [live.order(("Oil", 1), ("Salad", 1)) for _ in range(3)]
    process = live.shop.start_act("run_jobs")
    live.service.process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    for order in orders:
        live.shop.act("status", id=order, to="processing")
    live.service = start_service(live.uri)
    live.proxy.target = live.service.url
    live.shop.act("hasten")
    live.check()


def test_a_change_that_no_hook_saw_is_found_by_maintenance(live: World) -> None:
    live.shop.act("maintain")
    live.shop.act("setting", enabled=False)
    order = live.order(("Oil", 1))
    live.shop.act("setting", enabled=True)
    assert live.database.orders.find_one({"_id": f"default:{order}"}) is None
    live.shop.act("maintain")
    live.check()


def test_orders_are_not_sent_before_they_reach_a_chosen_status_and_always_after(live: World) -> None:
    live.shop.act("setting", statuses=["processing"])
    order = live.order(("Oil", 3))
    live.shop.settle()
    assert live.database.orders.find_one({"_id": f"default:{order}"}) is None
    for status in ("processing", "cancelled"):
        live.shop.act("status", id=order, to=status)
        live.shop.settle()
        stored = live.database.orders.find_one({"_id": f"default:{order}"})
        assert stored
        assert stored["status"] == status
    live.shop.act("setting", statuses=[])
    live.check()


def test_a_key_that_is_corrected_later_sends_what_waited(live: World) -> None:
    live.shop.act("setting", api_key="wrong")
    order = live.order(("Salad", 1))
    queue = live.shop.act("run_jobs")
    assert queue["states"]["waiting"]["n"] == "1"
    assert "key" in queue["rows"][0]["error"].lower()
    live.shop.act("setting", api_key=KEY)
    live.check()
    live.shop.act("setting", api_key="wrong")
    live.shop.act("status", id=order, to="processing")
    live.shop.act("run_jobs")
    live.shop.act("fail_all_waiting")
    live.shop.act("setting", api_key=KEY, url=f"{live.proxy.url}/")
    live.check()
    live.shop.act("setting", url=live.proxy.url)


def test_an_order_that_was_refused_is_marked_and_resent_by_one_button(live: World) -> None:
    live.proxy.set("422")
    live.order(("Salad", 1))
    queue = live.shop.act("run_jobs")
    assert queue["states"]["failed"]["n"] == "1"
    live.proxy.set("pass")
    live.shop.act("resend_failed")
    live.check()


def test_variations_that_share_their_parents_stock_take_it_and_give_it_back(live: World) -> None:
    order = live.order(("Cap Small", 2), ("Cap Large", 1))
    live.check()
    assert live.stock()["CAP"] == 22
    live.shop.act("status", id=order, to="cancelled")
    live.check()
    assert live.stock()["CAP"] == 25


def test_sending_all_again_changes_nothing(live: World) -> None:
    live.order(("Oil", 2), ("Salad", 1))
    live.check()
    movements = live.database.stock_movements.count_documents({})
    live.shop.act("backfill_since", days=2)
    live.check()
    assert live.database.stock_movements.count_documents({}) == movements


def test_a_shop_that_goes_live_with_open_orders_takes_nothing_twice(
    mongodb_uri: str, tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    world = _world(tmp_path, fresh_database(mongodb_uri), start_service, {})
    try:
        states = ("processing", "processing", "processing", "on-hold", "completed", "cancelled", "pending", "failed")
        orders = []
        for status in states:
            orders.append(world.order(("Oil", 2), ("T-Shirt Blå 👕", 1)))
            if status != "pending":
                world.shop.act("status", id=orders[-1], to=status)
        threading.Event().wait(1.1)  # Orders of the same second would count as new.
        world.shop.switch_on(world.proxy.url)
        pending = world.orders.pop(6)  # Its units were never taken: the shop's stock has them, the POS's opening too.
        world.check()
        edited, cancelled, refunded, held, completed, reopened, _, failed = orders
        changes: list[tuple[int, Step]] = [
            (edited, _edit(quantities={"0": 5})),
            (cancelled, _to("cancelled")),
            (refunded, _refund(quantities=[1], restock=True)),
            (held, _to("processing")),
            (completed, _refund(quantities="all", restock=True)),
            (reopened, _to("processing")),
            (failed, _pay),
            (pending, _to("processing")),
        ]
        for order, step in changes:
            step(world, order)
            world.check()
        world.orders.append(pending)
        new = world.order(("Oil", 1))
        world.shop.act("status", id=new, to="processing")
        world.check()
        taken_since = {reopened, failed, pending}  # The plugin has seen when.
        assert {order: world.said_opening(order) for order in world.orders} == {
            order: {False} if order == new else {True, False} if order in taken_since else {True}
            for order in world.orders
        }
        world.shop.act("uninstall", plugin="woocommerce-pos-sync/woocommerce-pos-sync.php")
        assert world.shop.act("leftovers") == []
    finally:
        world.proxy.close()
        world.shop.stop()
        world.database.client.close()


def _events(world: World, kind: str, number: int) -> list[str]:
    """What was sent of an order or product, the latest first."""
    log = world.shop.act("queue")["log"]
    return [row["event"] for row in log if row["type"] == kind and int(row["object_id"]) == number]


def _bodies(world: World, number: int) -> list[dict[str, Any]]:
    """What the POS received of an order or product, in the order of sending."""
    bodies = [json.loads(event["body"]) for event in world.database.inbox.find({"resource_id": str(number)})]
    return sorted(bodies, key=lambda body: int(body["sequence"]))


WAYS = ["edit screen", "quick edit", "bulk edit", "REST", "wp_publish_post", "scheduled"]


@pytest.mark.parametrize("way", WAYS)
def test_a_draft_is_sent_when_it_is_published_with_the_stock_it_has_then(live: World, way: str) -> None:
    sku = f"DRAFT-{WAYS.index(way)}"
    made = live.shop.act("new_product", name=way, sku=sku, regular_price="5", stock_quantity=5, status="draft")
    live.shop.settle()
    assert sku not in live.stock()
    live.shop.act("change_product", id=made["id"], props={"stock_quantity": 8})
    live.shop.act("set_status", id=made["id"], how=way)
    live.check()
    assert live.stock()[sku] == 8


def test_a_product_that_can_not_be_bought_any_more_is_sent_as_deleted_and_as_restored_when_it_can(live: World) -> None:
    product = live.shop.products["Hoodie"]
    small = live.shop.products["Hoodie S"]
    for how in ("draft", "trash"):
        live.shop.act("set_status", id=product, how="quick edit", status=how)
        live.shop.settle()
        assert _events(live, "product", product)[0] == "product.deleted"
        assert _events(live, "product", small)[0] == "product.deleted", "its variations can't be bought either"
        live.shop.act("set_status", id=product, how="quick edit")
        live.shop.settle()
        assert _events(live, "product", product)[0] == "product.restored"
        assert _events(live, "product", small)[0] == "product.restored"
    live.shop.act("change_product", id=product, props={"regular_price": "310"})
    live.check()


@pytest.mark.parametrize("off", ["switched off", "deactivated"])
def test_what_happens_while_the_plugin_is_off_is_found_when_it_is_on_again(live: World, off: str) -> None:
    shop, plugin = live.shop, "woocommerce-pos-sync/woocommerce-pos-sync.php"
    shop.act("maintain")
    names = ("price", "name", "SKU", "trashed", "deleted")
    ids = {
        name: int(shop.act("new_product", name=name, sku=f"{off} {name}", regular_price="5")["id"]) for name in names
    }
    refunded, deleted, changed = (live.order(("Oil", 3)) for _ in range(3))
    for order in (refunded, deleted, changed):
        shop.act("status", id=order, to="processing")
    refund = shop.act("refund", id=refunded, quantities=[1], restock=True)
    live.check()
    shop.act("maintain")
    threading.Event().wait(1.1)
    off_at = shop.act("setting", enabled=False) if off == "switched off" else shop.act("deactivate", plugin=plugin)
    assert off_at == []
    shop.act("change_product", id=ids["price"], props={"regular_price": "6"})
    shop.act("change_product", id=ids["name"], props={"name": "New name"})
    shop.act("change_product", id=ids["SKU"], props={"sku": f"{off} new"})
    shop.act("change_product", id=ids["trashed"], delete="trash")
    shop.act("change_product", id=ids["deleted"], delete="for good")
    new = int(shop.act("new_product", name="New", sku=f"{off} made", regular_price="5", stock_quantity=4)["id"])
    shop.act("delete_refund", id=refund["id"])
    shop.act("trash", id=deleted, how="for good")
    shop.act("status", id=changed, to="completed")
    later = shop.act("refund", id=changed, amount="10")
    shop.act("setting", enabled=True) if off == "switched off" else shop.act("activate", plugin=plugin)
    shop.act("maintain")
    live.check()
    assert _events(live, "product", ids["price"])[0] == "product.updated"
    assert _events(live, "product", ids["name"])[0] == "product.updated"
    assert _events(live, "product", ids["SKU"])[0] == "product.updated"
    assert _events(live, "product", ids["trashed"])[0] == "product.deleted"
    assert _events(live, "product", ids["deleted"])[0] == "product.deleted"
    assert _events(live, "product", new)[0] == "product.created"
    assert live.database.orders.find_one({"_id": f"default:{changed}", "refunds.id": later["id"]})
    before = live.proxy.received
    shop.act("maintain")
    assert live.proxy.received == before, "what was found once is not sent again"


def test_a_price_written_straight_into_the_database_is_found(live: World) -> None:
    book = live.shop.products["Book"]
    live.shop.act("maintain")
    live.shop.act("change_product", id=book, sql={"_price": "125", "_regular_price": "125"}, without_time=True)
    live.shop.act("maintain")
    live.check()
    assert _money(live.database.products.find_one({"sku": "BOOK-1"})["price"]) == 125


def test_a_product_that_another_plugin_fails_at_does_not_end_the_search(live: World) -> None:
    skus = {live.shop.products["Book"]: "BOOK-1", live.shop.products["Oil"]: "OIL-2L"}
    broken, changed = sorted(skus)
    live.shop.act("maintain")
    live.shop.act("change_product", id=changed, sql={"_price": "44", "_regular_price": "44"})
    live.shop.act("maintain_beside_a_broken_plugin", id=broken)
    assert _money(live.database.products.find_one({"sku": skus[changed]})["price"]) == 44
    live.shop.act("hasten")
    live.check()


def test_an_order_that_no_process_survives_does_not_hold_up_the_others(live: World) -> None:
    deadly, other = live.order(("Oil", 1)), live.order(("Oil", 1))
    for _ in range(2):
        live.shop.start_act("send_and_die_at", id=deadly).communicate(timeout=120)
        live.shop.act("let_pass", seconds=130)
    assert live.database.orders.find_one({"_id": f"default:{other}"})
    live.shop.start_act("send_and_die_at", id=deadly).communicate(timeout=120)

    def row() -> dict[str, str]:
        (found,) = [row for row in live.shop.act("queue")["rows"] if int(row["object_id"]) == deadly]
        return dict(found)

    assert row()["error"] == "The process that was sending it ended before it was done."
    live.shop.act("let_pass", seconds=1000, attempts=100)
    live.shop.start_act("send_and_die_at", id=deadly).communicate(timeout=120)
    assert row()["state"] == "failed", "after three days the owner is asked"
    live.shop.act("resend_failed")
    live.check()


def test_a_queue_that_can_not_be_written_does_not_keep_a_process_busy(live: World) -> None:
    live.order(("Oil", 1))
    assert live.shop.act("send_while_read_only")["seconds"] < 5, "it would run for twenty"
    live.shop.act("hasten")
    live.check()


def test_odd_and_far_too_large_meta_data_costs_no_order(live: World) -> None:
    order = live.order(("Oil", 1))
    live.shop.act("add_odd_meta", id=order)
    live.check()
    body = _bodies(live, order)[-1]
    left_out = {part["key"] for part in body["left_out"]}
    meta = {each["key"]: each["value"] for each in body["data"]["meta_data"]}
    assert meta["_private"]["␀Plugin␀secret"] == "x"
    assert meta["_endless"] == "INF"
    assert left_out | {key for key in meta if key.startswith("_log")} == {f"_log_{number}" for number in range(1, 61)}
    assert 1_900_000 < len(json.dumps(body, separators=(",", ":"), ensure_ascii=False)) < 2 * 1024 * 1024
    log = live.shop.act("queue")["log"]
    assert any("_log_" in row["message"] for row in log if int(row["object_id"]) == order)


def test_the_owner_gets_an_e_mail_once_a_day_for_each_cause(live: World) -> None:
    def mails() -> list[dict[str, Any]]:
        return list(live.shop.act("mails")["mails"])

    live.shop.act("maintain")
    sent = len(mails())
    live.proxy.set("422")
    live.order(("Salad", 1))
    live.shop.act("run_jobs")
    live.shop.act("maintain")
    assert len(mails()) == sent + 1
    mail = mails()[-1]
    assert mail["to"] == "admin@example.com"
    assert "could not be delivered" in mail["subject"]
    assert f"{live.shop.url}/wp-admin/admin.php?page=pos-sync" in mail["message"]
    live.order(("Salad", 1))
    live.shop.act("run_jobs")
    live.shop.act("maintain")
    assert len(mails()) == sent + 1, "not twice a day"
    live.shop.act("age_log")
    live.shop.act("maintain")
    assert len(mails()) == sent + 1, "a POS that refuses an order is not away"
    live.proxy.set("refuse")
    live.order(("Salad", 1))
    live.shop.act("setting", alert_email="owner@example.se")
    live.shop.act("run_jobs")
    live.shop.act("age_log")
    live.shop.act("maintain")
    assert len(mails()) == sent + 2
    assert mails()[-1]["to"] == "owner@example.se"
    assert "for 2 hours" in mails()[-1]["message"]
    live.shop.act("setting", alerts=False)
    live.shop.act("clear_mails")
    live.shop.act("maintain")
    assert len(mails()) == sent + 2, "it can be switched off"
    live.shop.act("setting", alerts=True, alert_email="")
    live.proxy.set("pass")
    live.shop.act("resend_failed")
    live.shop.act("hasten")
    live.check()


def test_an_order_that_is_dated_back_is_new_all_the_same(live: World) -> None:
    order = live.order(("Oil", 1), created="2020-01-01 10:00:00")
    live.shop.settle()
    assert live.said_opening(order) == {False}
    live.orders.remove(order)
    live.shop.act("trash", id=order, how="for good")


def test_a_product_is_sent_with_what_the_counter_needs(live: World) -> None:
    oil = live.shop.products["Oil"]
    live.shop.act("change_product", id=oil, props={"global_unique_id": "4006381333931", "tax_class": "reduced-rate"})
    live.shop.act("categorize", id=oil, category="Kitchen", image="oil.jpg")
    live.shop.settle()
    body = _bodies(live, oil)[-1]
    assert body["last_order_id"] > 0
    assert body["data"]["global_unique_id"] == "4006381333931"
    assert body["data"]["tax_class"] == "reduced-rate"
    assert [category["name"] for category in body["data"]["categories"]] == ["Kitchen"]
    assert body["data"]["image"].endswith("/oil.jpg")


class Visitor:
    """Somebody at the shop's web server, without the scheduler ever running."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.session = requests.Session()

    def checkout(self, product: int, quantity: int = 1) -> int:
        """Buy something in a block checkout; returns the order."""
        api = f"{self.world.shop.url}/wp-json/wc/store/v1"
        cart = self.session.get(f"{api}/cart", timeout=60)
        headers = {"Nonce": cart.headers["Nonce"], "Cart-Token": cart.headers["Cart-Token"]}
        line = {"id": product, "quantity": quantity}
        self.session.post(f"{api}/cart/add-item", json=line, headers=headers, timeout=60).raise_for_status()
        address = dict.fromkeys(("company", "address_2", "state", "phone"), "") | {
            "first_name": "Anna",
            "last_name": "Öberg",
            "address_1": "Gatan 1",
            "city": "Lund",
            "postcode": "22222",
            "country": "SE",
            "email": "now@example.se",
        }
        order = {"billing_address": address, "shipping_address": address, "payment_method": "cod"}
        done = self.session.post(f"{api}/checkout", json=order, headers=headers, timeout=60)
        done.raise_for_status()
        return int(done.json()["order_id"])

    def rest(self, method: str, path: str, **body: Any) -> Any:
        """A request to the REST API with the manager's application password."""
        done = requests.request(
            method,
            f"{self.world.shop.url}/wp-json/wc/v3{path}",
            json=body,
            auth=("admin", self.world.shop.act("application_password")["password"]),
            timeout=60,
        )
        assert done.ok, done.text
        return done.json()


AT_ONCE = 3.0


def _within(seconds: float, arrived: Callable[[], Any]) -> None:
    wait_until(arrived, seconds)


@pytest.fixture
def at_once(live: World) -> Iterator[World]:
    """A live shop that sends at once, whose scheduler never runs."""
    live.shop.settle()
    live.shop.act("options", test_at_once=1)
    yield live
    live.proxy.set("pass")
    live.shop.act("options", test_at_once=0)
    live.shop.act("hasten")


def test_what_happens_at_the_web_server_is_at_the_pos_within_three_seconds(at_once: World) -> None:
    visitor, database = Visitor(at_once), at_once.database
    order = visitor.checkout(at_once.shop.products["Oil"], 2)
    at_once.orders.append(order)
    key = {"_id": f"default:{order}"}
    _within(AT_ONCE, lambda: database.orders.find_one(key))
    visitor.rest("PUT", f"/orders/{order}", status="completed")
    _within(AT_ONCE, lambda: database.orders.find_one({**key, "status": "completed"}))
    visitor.rest("PUT", f"/orders/{order}", customer_note="Ring the bell")
    _within(AT_ONCE, lambda: database.orders.find_one({**key, "customer_note": "Ring the bell"}))
    refund = visitor.rest("POST", f"/orders/{order}/refunds", amount="10", api_refund=False)
    _within(AT_ONCE, lambda: database.orders.find_one({**key, "refunds.id": refund["id"]}))
    unpaid = visitor.rest("POST", "/orders", line_items=[{"product_id": at_once.shop.products["Salad"], "quantity": 1}])
    at_once.orders.append(unpaid["id"])
    paid = {"_id": f"default:{unpaid['id']}", "status": "processing"}
    visitor.rest("PUT", f"/orders/{unpaid['id']}", set_paid=True)
    _within(AT_ONCE, lambda: database.orders.find_one(paid))
    visitor.rest(
        "POST", "/products", name="Spoon", sku=f"SPOON-{order}", regular_price="5", manage_stock=True, stock_quantity=3
    )
    _within(AT_ONCE, lambda: database.products.find_one({"sku": f"SPOON-{order}"}))
    at_once.check()


def test_what_happens_on_the_command_line_is_at_the_pos_within_three_seconds(at_once: World) -> None:
    order = at_once.order(("Oil", 2))
    for status in ("processing", "completed"):
        at_once.shop.act("status", id=order, to=status)
        wanted = {"_id": f"default:{order}", "status": status}
        _within(AT_ONCE, partial(at_once.database.orders.find_one, wanted))
    at_once.check()


def test_a_change_costs_one_statement_until_the_answer_has_gone_out(at_once: World) -> None:
    order = at_once.order(("Oil", 1), ("Hoodie S", 1))
    statements = at_once.shop.act("statements_of_a_change", id=order, to="processing")
    assert ["pos_sync_queue" in each for each in statements] == [True], statements
    at_once.check()


def test_requests_book_jobs_again_when_what_they_wake_does_not_arrive(at_once: World) -> None:
    def arrives() -> bool:
        names = ["pos_sync_loopback_arrives"]
        return bool(int(at_once.shop.act("options_of", names=names)[names[0]]))

    at_once.orders.append(Visitor(at_once).checkout(at_once.shop.products["Oil"]))
    wait_until(arrives, 10)
    at_once.shop.act("options", test_at_once=0)
    at_once.order(("Oil", 1))
    at_once.shop.act("let_pass", seconds=600)
    at_once.shop.act("maintain")
    assert not arrives()
    at_once.check()


def test_an_order_never_overtakes_the_product_it_names(at_once: World) -> None:
    at_once.shop.act("options", test_at_once=0)
    made = at_once.shop.act("new_product", name="Fork", sku="FORK", regular_price="5", stock_quantity=9)
    at_once.shop.products["Fork"] = made["id"]
    at_once.shop.act("options", test_at_once=1)
    order = at_once.order(("Fork", 2))
    _within(AT_ONCE, lambda: at_once.database.orders.find_one({"_id": f"default:{order}"}))
    at_once.check()
    assert at_once.stock()["FORK"] == 7


def test_a_pos_that_hangs_or_is_away_delays_no_checkout_and_keeps_one_process_busy(at_once: World) -> None:
    visitor = Visitor(at_once)
    first = visitor.checkout(at_once.shop.products["Oil"])
    at_once.orders.append(first)
    wait_until(lambda: at_once.database.orders.find_one({"_id": f"default:{first}"}), 30)  # None is on its way.
    for trouble in ("hang", "refuse"):
        at_once.proxy.set(trouble)
        at_once.shop.act("age_log")  # The last trouble is long ago.
        received = at_once.proxy.received
        for _ in range(3):
            started = time.monotonic()
            at_once.orders.append(visitor.checkout(at_once.shop.products["Oil"]))
            assert time.monotonic() - started < 5, "three seconds would be the POS's"
            wait_until(lambda: at_once.shop.act("queue")["log"][0]["result"] == "retry", 10)
        assert at_once.proxy.received == received + (trouble == "hang"), "who found it away is not followed by others"
        at_once.proxy.set("pass")
        at_once.shop.act("hasten")
    at_once.check()


def test_corrected_settings_send_what_waited_at_once(at_once: World) -> None:
    at_once.shop.act("setting", api_key="wrong")
    order = Visitor(at_once).checkout(at_once.shop.products["Oil"])
    at_once.orders.append(order)
    wait_until(lambda: at_once.shop.act("queue")["log"][0]["status"] == "401", 10)
    at_once.shop.act("setting", api_key=KEY)
    _within(AT_ONCE, lambda: at_once.database.orders.find_one({"_id": f"default:{order}"}))
    at_once.check()


def test_many_at_once_are_sent_once_each_by_a_few_processes(at_once: World) -> None:
    at_once.shop.act("options", test_at_once=0)
    orders = [at_once.order(("Oil", 1)) for _ in range(8)]
    at_once.shop.settle()
    at_once.shop.act("options", test_at_once=1)
    at_once.proxy.set("slow")
    at_once.proxy.most_open = 0
    received = at_once.proxy.received
    acts = [at_once.shop.start_act("status", id=order, to="processing") for order in orders]
    for act in acts:
        act.communicate(timeout=120)
    at_once.proxy.set("pass")
    at_once.check()
    assert at_once.proxy.received == received + len(orders)
    assert at_once.proxy.most_open <= 4, "about three at a time"


def test_a_wake_up_that_this_site_did_not_sign_sends_nothing(at_once: World) -> None:
    at_once.shop.act("options", test_at_once=0)
    at_once.order(("Oil", 1))
    at_once.shop.act("options", test_at_once=1)
    received = at_once.proxy.received
    address = f"{at_once.shop.url}/?wc-api=pos_sync_send"
    for body in ({}, {"expires": "99999999999", "signature": "0" * 64}, {"expires[]": "1", "signature[]": ""}):
        assert requests.post(address, data=body, timeout=60).status_code == 403
    assert at_once.proxy.received == received
    at_once.check()


def test_sending_that_is_switched_off_meanwhile_ends(at_once: World) -> None:
    at_once.shop.act("options", test_at_once=0)
    at_once.order(("Oil", 1))
    at_once.shop.act("options", test_at_once=1)
    at_once.shop.act("setting", enabled=False)
    started = time.monotonic()
    address = f"{at_once.shop.url}/?wc-api=pos_sync_send"
    assert requests.post(address, data=at_once.shop.act("wake_up"), timeout=60).status_code == 200
    assert time.monotonic() - started < 15, "it would go on for twenty seconds, and start the next process"
    at_once.shop.act("setting", enabled=True)
    at_once.check()


def test_a_shop_goes_live_and_sends_orders_at_once_though_its_scheduler_never_runs(
    mongodb_uri: str, tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    world = _world(tmp_path, fresh_database(mongodb_uri), start_service, {})
    try:
        before = world.shop.order(("Oil", 2))
        world.shop.act("status", id=before, to="processing")
        world.shop.act("options", test_at_once=1)
        world.shop.act("setting", enabled=True, url=world.proxy.url, api_key=KEY, send_first=True)
        wait_until(lambda: world.stock().get("CAP") == 25, 30)
        order = Visitor(world).checkout(world.shop.products["Oil"], 3)
        _within(AT_ONCE, lambda: world.database.orders.find_one({"_id": f"default:{order}"}))
        _within(AT_ONCE, lambda: world.stock()["OIL-2L"] == 95)
        world.orders = [before, order]
        world.check()
    finally:
        world.proxy.close()
        world.shop.stop()
        world.database.client.close()


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is needed for the browser")
@pytest.mark.parametrize("tables", ["yes", "no"], ids=["order tables", "posts"])
def test_the_admin_screens_do_what_they_say(
    tables: str, mongodb_uri: str, start_service: Callable[..., Service]
) -> None:
    service = start_service(fresh_database(mongodb_uri))
    env = {
        **os.environ,
        "POS_URL": f"{service.url}/api/webhooks/orders",
        "POS_API_KEY": KEY,
        "SHOP_OPTIONS": json.dumps({"woocommerce_custom_orders_table_enabled": tables}),
    }
    done = subprocess.run([SHOP.parent / "screens"], env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
