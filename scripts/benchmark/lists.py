"""What every list, search, detail page and file costs as orders add up (`scripts/bench reads`).

Counted is processor time, of this process and of mongod, and what mongod looked at: both are the same on a busy
machine. Times are of whole requests (session or token, queries, JSON or HTML) in one process, without a network.
"""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.staff import users
from pos_api.staff.token_claims import token
from pos_api.stores import settings
from scripts.benchmark.lists_data import SUBSCRIPTION, fill_besides_orders
from scripts.benchmark.report import Cell, Column, Head, Report

REPEATS = 20
_PASSWORD = "of the bench, nothing else"  # noqa: S105 - opens nothing
_MONTH = "from=2025-05-01&to=2025-05-31"
_DAYS = "from=2025-05-05&to=2025-05-06"

API = {
    "orders": "webhooks/orders",
    "orders: status": "webhooks/orders?status=on-hold",
    "orders: status, two days": f"webhooks/orders?status=completed&{_DAYS}",
    "orders: status, month": f"webhooks/orders?status=processing&{_MONTH}",
    "orders: store, status": "webhooks/orders?store=till&status=completed",
    "orders: store, status, none": "webhooks/orders?store=till&status=on-hold",
    "orders: store, two days": f"webhooks/orders?store=till&{_DAYS}",
    "orders: SKU": "webhooks/orders?sku=SKU-290",
    "orders: SKU, status": "webhooks/orders?sku=SKU-40&status=completed",
    "orders: rare SKU, rare status": "webhooks/orders?sku=SKU-290&status=failed",
    "orders: customer": "webhooks/orders?customer=buyer7%40example.se",
    "orders: customer, status": "webhooks/orders?customer=buyer0%40example.se&status=on-hold",
    "orders: word": "webhooks/orders?q=Karlsson",
    "orders: two words": "webhooks/orders?q=Anna%20Karlsson",
    "orders: two words, none": "webhooks/orders?q=Anna%20Erik",
    "orders: word, status": "webhooks/orders?q=Karlsson&status=failed",
    "orders: word, two days": f"webhooks/orders?q=Karlsson&{_DAYS}",
    "orders: telephone": "webhooks/orders?q=070%20000%2012%2034",
    "orders: e-mail": "webhooks/orders?q=buyer1234%40example.se",
    "orders: number": "webhooks/orders?q=4711",
    "orders: deleted": "webhooks/orders?deleted=true",
    "orders: one": "webhooks/orders/5000",
    "products": "products",
    "products: words": "products?q=product%20number%2012",
    "products: low": "products?low_stock=true",
    "product: ledger": "products/movements?sku=SKU-0",
    "customers": "customers",
    "customers: word": "customers?q=Karlsson",
    "customers: two words": "customers?q=Anna%20Karlsson",
    "customers: two words, none": "customers?q=Anna%20Erik",
    "customers: telephone": "customers?q=070%20000%2012%2034",
    "customers: one": "customers/buyer7%40example.se",
    "customers: one by the shop's id": "customers/1",
    "customers: one with very many orders": "customers/buyer0%40example.se",
    "payments": "payments",
    "payments: status": "payments?status=failed",
    "payments: status, two days": f"payments?status=completed&{_DAYS}",
    "payments: method, status": "payments?method=swish&status=refunded",
    "payments: method, status, none": "payments?method=cash&status=refunded",
    "payments: of no order": "payments?order=none",
    "payments: of no order, status": "payments?order=none&status=refunded",
    "payments: of an order": "payments?order=5001",
    "payments: word": "payments?q=4711",
    "payments: one": "payments/pay:pi_1388",
    "payments: discrepancies": "payments/discrepancies",
    "cash sessions": "cash-sessions",
    "cash sessions: store, two days": f"cash-sessions?store=till&{_DAYS}",
    "cash sessions: one": "cash-sessions/till:20250505",
    "customers' subscriptions": "customer-subscriptions",
    "customers' subscriptions: status": "customer-subscriptions?status=past_due",
    "inbox": "inbox",
    "inbox: done": "inbox?state=done",
    "inbox: done, topic": "inbox?state=done&topic=customer.updated",
    "inbox: done, store, two days": "inbox?state=done&store=default&since=2025-05-05&until=2025-05-06",
    "inbox: done, no such topic": "inbox?state=done&topic=order.deleted",
    "inbox: parked": "inbox?state=parked",
    "inbox: parked, two days": "inbox?state=parked&since=2025-05-05&until=2025-05-06",
    "inbox: stale": "inbox?outcome=stale",
    "inbox: stale, two days": "inbox?outcome=stale&since=2025-05-05&until=2025-05-06",
    "inbox: ignored, topic": "inbox?outcome=ignored&topic=order.updated",
    "events": "v1/events",
    "events: type, store": "v1/events?type=order.*&store=till",
    "events: two days": "v1/events?since=2025-05-05&until=2025-05-06",
    "deliveries": f"v1/webhooks/subscriptions/{SUBSCRIPTION}/deliveries",
    "deliveries: state, type": f"v1/webhooks/subscriptions/{SUBSCRIPTION}/deliveries?state=failed&type=order.created",
    "audit": "audit",
    "audit: who, action": "audit?who=user-3&action=product.price",
    "audit: noun": "audit?action=product",
    "audit: target": "audit?target=SKU-290",
}
PAGES = {
    "today": "",
    "figures: month": "figures?period=own&from=2026-10-01&to=2026-10-31",
    "figures: two years": "figures?period=own&from=2024-11-22&to=2026-11-22",
    "books: entries": "books/entries",
    "books: accounts": "books/accounts",
    "books: check": "books/check",
    "books: exports": "books/exports",
    "books: Z-reports": "books/z-reports",
    "orders": "orders",
    "orders: status": "orders?status=on-hold",
    "orders: beginning of a word": "orders?q=kar",
    "orders: beginning of a rare word": "orders?q=buyer1234",
    "orders: word and a beginning": "orders?q=anna%20kar",
    "orders: word and a rare beginning": "orders?q=anna%20buyer12",
    "orders: beginning of a telephone number": "orders?q=0700001",
    "orders: beginning of a telephone number, longer": "orders?q=070000012",
    "orders: beginning of a number": "orders?q=471",
    "orders: one letter": "orders?q=a",
    "orders: beginning that is none": "orders?q=xyzzy",
    "orders: one": "orders/default:5001",
    "stock": "stock",
    "stock: low": "stock?show=low",
    "stock: below zero": "stock?show=negative",
    "stock: words": "stock?q=number%2012",
    "stock: product": "stock/product?sku=SKU-0",
    "stock: unknown": "stock/unknown",
    "stock: items": "stock/items",
    "stock: sync": "stock/sync",
    "customers": "customers",
    "customers: beginning of a word": "customers?q=kar",
    "customers: beginning of a rare word": "customers?q=buyer1234",
    "customers: word and a beginning": "customers?q=anna%20kar",
    "customers: beginning of a telephone number": "customers?q=0700001",
    "customers: one": "customers/buyer7@example.se",
    "customers: one with very many orders": "customers/buyer0@example.se",
    "payments": "payments",
    "payments: of no order": "payments?order=none",
    "payments: discrepancies": "payments/discrepancies",
    "payments: one": "payments/pay:pi_1388",
    "cash sessions": "cash-sessions",
    "cash sessions: one": "cash-sessions/till:20250505",
    "inbox": "inbox",
    "inbox: done": "inbox?state=done",
    "inbox: stale": "inbox?state=stale",
    "inbox: ignored, topic, store": "inbox?state=ignored&topic=order.updated&store=default",
    "inbox: done, two days": f"inbox?state=done&{_DAYS}",
    "inbox: one": f"inbox/{5001:064x}",
    "deliveries": "deliveries",
    "deliveries: a subscription": f"deliveries/subscriptions/{SUBSCRIPTION}",
    "deliveries: failed": f"deliveries/subscriptions/{SUBSCRIPTION}?state=failed",
    "deliveries: events": "deliveries/events",
    "settings": "settings",
    "settings: stores": "settings/stores",
    "settings: store": "settings/store/default",
    "settings: audit": "settings/audit",
    "settings: retention": "settings/retention",
    "settings: users": "settings/users",
    "settings: tokens": "settings/tokens",
    "account": "account",
}
FILES = {
    "orders": "orders.csv",
    "orders: status": "orders.csv?status=processing",
    "payments": "payments.csv",
    "products": "stock/products.csv",
    "ledger": "stock/ledger.csv?sku=SKU-0",
    "audit": "settings/audit.csv",
    "cash sessions": "cash-sessions.csv",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a read costs: milliseconds of processor time of the service and of mongod, the 95th percentile of the time
    that it took, and the index keys and documents that mongod looked at."""

    service: float
    mongod: float
    p95: float
    keys: float
    documents: float

    @property
    def processor(self) -> float:
        """Milliseconds of processor time."""
        return self.service + self.mongod


@dataclass(frozen=True, slots=True)
class File:
    """A file: its rows, how many for a second of processor time of the service and of mongod, and the megabytes by
    which the process grew meanwhile."""

    name: str
    rows: int
    of_service: float
    of_mongod: float
    memory: float


class Meter:
    """Counts what reads cost."""

    def __init__(self, uri: str) -> None:
        self._server: MongoClient[Any] = MongoClient(uri)
        self._mongod = self._server.admin.command("serverStatus")["pid"]

    def close(self) -> None:
        """End the connection."""
        self._server.close()

    def mongod_seconds(self) -> float:
        """Processor time of mongod until now."""
        threads = Path(f"/proc/{self._mongod}/task").iterdir()
        return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9

    def examined(self) -> tuple[int, int]:
        """Index keys and documents that mongod has looked at until now."""
        found = self._server.admin.command("serverStatus")["metrics"]["queryExecutor"]
        return found["scanned"], found["scannedObjects"]

    def cost(self, act: Callable[[], None]) -> Cost:
        """What an act costs, the mean of REPEATS; after three for caches and plans."""
        for _ in range(3):
            act()
        keys, documents = self.examined()
        service, mongod, took = time.process_time(), self.mongod_seconds(), []
        for _ in range(REPEATS):
            began = time.perf_counter()
            act()
            took.append(1000 * (time.perf_counter() - began))
        service, mongod = time.process_time() - service, self.mongod_seconds() - mongod
        keys, documents = (after - before for after, before in zip(self.examined(), (keys, documents), strict=True))
        took.sort()
        each = 1000 / REPEATS
        p95 = took[math.ceil(len(took) * 0.95) - 1]
        return Cost(service * each, mongod * each, p95, keys / REPEATS, documents / REPEATS)


def fill(db: Db, config: Config) -> None:
    """Put what lists show besides orders and customers into a database that has these."""
    settings.add_store(db, config, "till", kind="kaynko", has_secret=False, currency="SEK")
    settings.add_store(db, config, "pay", kind="stripe", has_secret=False, of_kind={"orders_of": "default"})
    fill_besides_orders(db)


def signed_in(app: Flask, db: Db) -> FlaskClient:
    """A browser in which an admin has signed in."""
    name = f"bench-{os.getpid()}"
    if not users.version(db, name):
        users.add(db, name, _PASSWORD, "admin")
    browser = app.test_client()
    csrf = browser.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = browser.post("/sign-in", data={"name": name, "password": _PASSWORD, "csrf_token": csrf})
    assert answer.status_code == 303, answer.text
    return browser


def measure(app: Flask, db: Db, secret: str, uri: str, wanted: str = "") -> dict[str, Cost]:
    """What each read costs, by its name; only those with `wanted` in it."""
    gc.freeze()  # as a web process does once it is ready
    meter, found = Meter(uri), {}
    try:
        for name, act in reads(app, db, secret):
            if wanted in name:
                found[name] = meter.cost(act)
        return found
    finally:
        meter.close()


def reads(app: Flask, db: Db, secret: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """All reads with their names."""
    client, browser = app.test_client(), signed_in(app, db)
    headers = {"Authorization": f"Bearer {token(secret, 'bench', 'admin')[0]}"}
    for name, path in API.items():
        yield f"API, {name}", lambda path=path: _read(client, f"/api/{path}", headers)  # type: ignore[misc]
    for name, path in PAGES.items():
        yield f"page, {name}", lambda path=path: _read(browser, f"/{path}", {})  # type: ignore[misc]


def _read(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, f"{path}: {answer.status} {answer.text[:300]}"


def files(app: Flask, db: Db, uri: str, wanted: str = "") -> Iterator[File]:
    """All files, or those with `wanted` in their name."""
    browser, meter = signed_in(app, db), Meter(uri)
    for name, path in FILES.items():
        if wanted not in name:
            continue
        service, mongod, memory, rows = time.process_time(), meter.mongod_seconds(), resident(), 0
        with browser.get(f"/{path}", buffered=False) as answer:
            assert answer.status_code == 200, answer.get_data(as_text=True)
            for part in answer.iter_encoded():
                rows += part.count(b"\n")
        service, mongod = time.process_time() - service, meter.mongod_seconds() - mongod
        yield File(name, rows, rows / service, rows / max(mongod, 1e-9), resident() - memory)
    meter.close()


def resident() -> float:
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def print_costs(report: Report, results: dict[int, dict[str, Cost]]) -> None:
    """What the reads cost at each number of orders, and how many times the first one's the last one's are."""
    numbers = list(results)
    heads: list[Head] = ["read", *(Column(f"ms at {number:,}", "ms", "less", 1) for number in numbers), "ratio"]
    heads.append(Column("p95 ms at most orders", "ms", "less"))
    heads += [Column(f"{kind} at {number:,}", kind, "less") for kind in ("keys", "documents") for number in numbers]
    rows: list[list[Cell]] = []
    for name in results[numbers[0]]:
        costs = [results[number][name] for number in numbers]
        ratio = f"{costs[-1].processor / costs[0].processor:.2f}"
        looked_at = [*(each.keys for each in costs), *(each.documents for each in costs)]
        rows.append([name, *(each.processor for each in costs), ratio, costs[-1].p95, *looked_at])
    report.table("Processor time of reads, of the service and its MongoDB, and what that looks at", heads, rows)


def print_files(report: Report, results: dict[int, list[File]]) -> None:
    """How fast files are at each number of orders."""
    heads: list[Head] = ["file", "orders", "rows", Column("rows/s of the service", "rows/s", "more")]
    heads += [Column("rows/s of MongoDB", "rows/s", "more"), Column("MB more", "MB", "less")]
    rows: list[list[Cell]] = [
        [file.name, f"{number:,}", f"{file.rows:,}", file.of_service, file.of_mongod, file.memory]
        for number, found in results.items()
        for file in found
    ]
    report.table("Files, rows for a second of processor time", heads, rows)
