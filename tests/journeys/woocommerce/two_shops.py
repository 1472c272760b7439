"""Two real WooCommerce shops with the plugin, a till and staff around one POS, as its users run it; each of its parts
can be killed and started again, and each way between them cut off."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient

from pos_api.staff import token_claims
from tests.journeys.test_kills import kill
from tests.journeys.woocommerce.connected_shop import CONSUMER, STORES, ConnectedShop, Relay
from tests.senders.kaynko.till import signature
from tests.service import POS_API, Service, environment, free_port, pos_api, running
from tests.waiting import wait_until

KEY = "journey-key-0123456789abcdef-0123456789"
_JWT_SECRET = "x" * 40
_SECRETS_KEY = "aG9sZCBvbiB0byB5b3VyIGtleXMsIDMyIGJ5dGVzIS4="


class Pos:
    """The service with its web workers, and a worker beside it; both can be killed."""

    def __init__(self, uri: str, home: Path) -> None:
        self.home = home
        self.relay = Relay(free_port(), free_port())
        self.url = f"http://127.0.0.1:{self.relay.port}"
        self.settings = {
            "MONGODB_URI": uri,
            "WEBHOOK_API_KEY": KEY,
            "JWT_SECRET": _JWT_SECRET,
            "SECRETS_KEYS": _SECRETS_KEY,
            "STORE_NAME": "default",
            "LOG_LEVEL": "WARNING",
            "RECONCILE_EVERY": "0",
        }
        self.service: Service
        self._running = ExitStack()
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start both."""
        env = environment(HOST="127.0.0.1", **self.settings)
        self.service = self._running.enter_context(running([*POS_API, "serve"], self.home, env))
        self.relay.target = int(self.service.url.rpartition(":")[2])
        self.start_worker()

    def start_worker(self) -> None:
        """Start the worker."""
        with (self.home / "worker.log").open("ab") as log:
            env = environment(**self.settings)
            self._worker = subprocess.Popen([*POS_API, "worker"], cwd=self.home, env=env, stdout=log, stderr=log)

    def kill_worker(self) -> None:
        """`kill -9` of the worker."""
        if self._worker:
            self._worker.kill()
            self._worker.wait()
            self._worker = None

    def kill(self) -> None:
        """`kill -9` of both."""
        kill(self.service)
        self._running.close()
        self.kill_worker()

    def stop(self) -> None:
        """End both."""
        self.kill_worker()
        self._running.close()
        self.relay.close()

    def cli(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a `pos-api` command."""
        return pos_api(*arguments, cwd=self.home, stdin=stdin, **self.settings)

    def done(self, *arguments: str, stdin: str = "") -> str:
        """What a command that has to succeed prints."""
        finished = self.cli(*arguments, stdin=stdin)
        assert finished.returncode == 0, (arguments, finished.stdout, finished.stderr)
        return finished.stdout

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request of a manager."""
        token = token_claims.token(_JWT_SECRET, "anna", "manager")[0]
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **options)


class Counter:
    """The till and the staff: each says it again until the POS has it."""

    def __init__(self, pos: Pos, secret: str) -> None:
        self.pos, self._secret = pos, secret
        self._last = 0
        self._numbering = threading.Lock()

    def sell(self, *lines: tuple[str, int]) -> int:
        """A sale of SKUs; returns its number."""
        with self._numbering:
            self._last += 1
            number = self._last
        items = [
            {"productName": sku, "productCode": sku, "quantity": units, "unitPrice": 5.0, "lineTotal": 5.0 * units}
            for sku, units in lines
        ]
        total = sum(5.0 * units for _, units in lines)
        self._send("sale.completed", self._sale(number, total) | {"items": items, "createdAt": _now()})
        return number

    def void(self, number: int) -> None:
        """The sale was no sale."""
        self._send(
            "sale.voided", self._sale(number, 5.0) | {"voidedByCashierId": 1, "voidReason": "", "voidedAt": _now()}
        )

    def count(self, sku: str, units: int) -> None:
        """So many are there."""
        self._again(lambda: self.pos.api("POST", "/api/products/count", json={"sku": sku, "count": units}))

    def adjust(self, sku: str, change: int) -> None:
        """So many more or less."""
        once = {"Idempotency-Key": f"{time.time_ns()}-{random.random()}"}
        body = {"sku": sku, "change": change, "reason": "broken"}
        self._again(lambda: self.pos.api("POST", "/api/products/adjust", json=body, headers=once))

    @staticmethod
    def _sale(number: int, total: float) -> dict[str, Any]:
        return {
            "saleId": number,
            "receiptNumber": f"KNK-{number:04}",
            "cashierId": 1,
            "subtotal": total,
            "discountAmount": 0.0,
            "vatAmount": 0.0,
            "total": total,
            "paymentMethod": "cash",
            "currency": "SEK",
        }

    def _send(self, event: str, data: dict[str, Any]) -> None:
        body = json.dumps({"event": event, "data": data, "timestamp": _now()}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Kaynko-Event": event,
            "X-Kaynko-Signature": signature(body, self._secret),
        }
        url = f"{self.pos.url}/api/webhooks/kaynko/till-1"
        self._again(lambda: requests.post(url, data=body, headers=headers, timeout=30))

    @staticmethod
    def _again(attempt: Callable[[], requests.Response]) -> None:
        deadline = time.monotonic() + 60
        answer: requests.Response | None = None
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                answer = attempt()
                if answer.status_code in (200, 202):
                    return
                assert answer.status_code >= 500 or answer.status_code == 429, answer.text
            time.sleep(0.2)
        raise AssertionError(f"not taken in a minute: {answer is not None and answer.text}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class World:
    """All of them together, or with one shop."""

    def __init__(self, folder: Path, uri: str, stores: tuple[str, ...] = STORES) -> None:
        (folder / "pos").mkdir()
        self.pos = Pos(uri, folder / "pos")
        self.shops = {store: ConnectedShop(folder / store, store) for store in stores}
        self.client: MongoClient[dict[str, Any]] = MongoClient(uri, tz_aware=True)
        self.db = self.client.get_default_database()
        self.counter: Counter

    def set_up(self, options: dict[str, Any]) -> None:
        """Both shops send to the POS, which is connected to both; the till has its secret."""
        self.pos.start()
        keys = {"default": KEY}
        for store in self.shops.keys() - keys.keys():
            keys[store] = json.loads(self.pos.done("store", "add", store, "--json"))["api_key"]
        till = json.loads(self.pos.done("store", "add", "till-1", "--kind", "kaynko", "--currency", "SEK", "--json"))
        self.counter = Counter(self.pos, till["secret"])
        for store, shop in self.shops.items():
            shop.start(options)
            shop.switch_on(f"{self.pos.url}/api/webhooks/orders", api_key=keys[store])
            connect = ("--url", shop.url, "--consumer-key", CONSUMER[0])
            self.pos.done("store", "connect", store, *connect, stdin=f"{CONSUMER[1]}\n")
        self.wait_for_the_inbox()
        threading.Event().wait(1.1)  # WooCommerce's times are in seconds: an order of this one would count as older

    def stop(self) -> None:
        """End all."""
        for shop in self.shops.values():
            shop.stop()
        self.pos.stop()
        self.client.close()

    # --- what the parts have

    def ours(self) -> dict[str, int]:
        """The POS's stock by SKU."""
        return {each["sku"]: each["stock"] for each in self.db.products.find({"skus": {"$ne": []}})}

    def theirs(self, store: str, orders: list[int] | None = None) -> dict[str, int]:
        """A shop's stock by SKU, less what these orders hold there and the shop has not taken."""
        truth = self.shops[store].act("truth", orders=orders or [])
        stock = {sku: units for sku, units in truth["stock"].items() if not sku.startswith("#")}
        for order in dict(truth["orders"] or {}).values():
            for line in order["line_items"] if order and order["status"] == "pending" else ():
                sku = "CAP" if line["sku"].startswith("CAP-") else line["sku"]
                if sku in stock and not any(meta["key"] == "_reduced_stock" for meta in line["meta_data"]):
                    stock[sku] -= line["quantity"]
        return stock

    # --- quiet

    def wait_for_the_inbox(self) -> None:
        """Until the POS has applied all that it received."""
        wait_until(lambda: self.db.inbox.count_documents({"due_at": {"$exists": True}}) == 0, 60)

    def quiet(self) -> None:
        """All is up and connected, and all that waits anywhere has arrived."""
        for relay in (self.pos.relay, *(shop.relay for shop in self.shops.values())):
            relay.mode = "pass"
        for shop in self.shops.values():
            wait_until(shop.has_sent_all, 60)
        self.wait_for_the_inbox()
        wait_until(lambda: self.db.stock_movements.count_documents({"unsent": {"$exists": True, "$ne": []}}) == 0, 100)
        for shop in self.shops.values():
            wait_until(shop.has_done_all, 30)

    def switch_on(self, **sides: str) -> None:
        """As an owner does: `default="shop"` keeps the shop's figures there, `shop_2="pos"` the POS's here."""
        for store, side in sides.items():
            self.pos.done("store", "set", store.replace("_", "-"), "--stock-sync", "on", "--from", side)

    def history(self, sku: str) -> str:
        """The ledger of a SKU, and what the shops' plugins have of it: to read where a test fails."""
        product = self.db.products.find_one({"skus": sku}) or {"_id": sku}
        lines = [f"ledger of {sku} ({product['_id']}), stock {product.get('stock')}"]
        for row in self.db.stock_movements.find({"sku": product["_id"]}).sort("seq", 1):
            shown = {key: value for key, value in row.items() if key not in ("sku", "unpublished", "at")}
            lines.append(f"  {shown}")
        for store, shop in self.shops.items():
            lines.append(f"received by {store}:")
            lines += [f"  {row}" for row in shop.received(sku)]
        return "\n".join(lines)


@contextmanager
def two_shops(folder: Path, uri: str, options: dict[str, Any]) -> Iterator[World]:
    """Two shops around a POS, stopped afterwards; nothing of the plugin is in their debug logs."""
    world = World(folder, uri)
    try:
        world.set_up(options)
        yield world
        for shop in world.shops.values():
            log = shop.directory / "debug.log"
            lines = log.read_text().splitlines() if log.exists() else []
            assert [line for line in lines if "woocommerce-pos-sync" in line or "POS_Sync" in line] == []
    finally:
        world.stop()
