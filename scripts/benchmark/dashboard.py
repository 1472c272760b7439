"""What open pages of the dashboard cost (`scripts/bench dashboard`): orders a second with no page open and with 200,
how soon a sale is on them, and what the server takes for each page.

Orders are of today and count as sales, so that each changes what all open pages show. A page is opened as a browser
does: the page first, and then its stream, which is read as it comes.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests

from pos_api.collections import COLLECTIONS
from pos_api.database import client as database
from pos_api.staff import users
from scripts.benchmark.load import Load, missing, order_body
from scripts.benchmark.processes import family, processor_seconds
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import BENCH, CONFIG, KEY, Mongod, mongod, service

PAGES = 200
VIEWERS = [f"viewer-{number}" for number in range(1, 9)]
"""One user can have a limited number of open pages."""
_SALES = 40
_PASSWORD = "of the bench, nothing else"  # noqa: S105
_READS = 40


class Pages:
    """Open pages: a thread reads all their streams, and keeps when which sale came on each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._address = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self.seen: dict[str, list[float]] = {}
        self.open = 0
        self._sold = re.compile(rb'data-sale="default:(\d+)"')

    def add(self, cookie: str) -> None:
        """Open one, in a browser that has this cookie."""
        requests.get(self._url, headers={"Cookie": cookie}, timeout=60).raise_for_status()
        connection = socket.create_connection(self._address, 30)
        connection.sendall(f"GET /live HTTP/1.1\r\nHost: pos\r\nCookie: {cookie}\r\n\r\n".encode())
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, set())
        self.open += 1

    def read(self) -> None:
        """Read what comes, until `close`."""
        while not self._stop.is_set():
            for key, _ in self._selector.select(0.2):
                connection, known = key.fileobj, key.data
                part = connection.recv(262_144)  # type: ignore[union-attr]
                if not part:
                    self._selector.unregister(connection)
                    self.open -= 1
                    continue
                moment = time.time()
                for sale in set(self._sold.findall(part)) - known:
                    known.add(sale)
                    self.seen.setdefault(sale.decode(), []).append(moment)

    def close(self) -> None:
        """Close all."""
        self._stop.set()


def cookie_of(url: str, name: str) -> str:
    """What a browser has in which this user has signed in."""
    with requests.Session() as browser:
        page = browser.get(f"{url}/sign-in", timeout=30).text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"name": name, "password": _PASSWORD, "csrf_token": token}
        browser.post(f"{url}/sign-in", data=form, timeout=30).raise_for_status()
        return "; ".join(f"{each.name}={each.value}" for each in browser.cookies)


@contextmanager
def opened(url: str, count: int) -> Iterator[Pages]:
    """So many open pages, of several users."""
    pages = Pages(url)
    cookies = [cookie_of(url, name) for name in VIEWERS] if count else [""]
    for number in range(count):
        pages.add(cookies[number % len(cookies)])
    thread = threading.Thread(target=pages.read, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        pages.close()
        thread.join(10)


@contextmanager
def load_of_sales() -> Iterator[Load]:
    """The load with orders that are of this moment and were paid."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(BENCH, folder, dirs_exist_ok=True)
        template, script = Path(folder) / "order-template.json", Path(folder) / "orders.lua"
        template.write_text(template.read_text().replace('"status":"pending"', '"status":"processing"'))
        script.write_text(re.sub(r"EPOCH \+ id % SPAN", "os.time()", script.read_text()))
        yield Load(Path(folder))


@contextmanager
def served(server: Mongod) -> Iterator[tuple[str, list[int]]]:
    """The service with two web processes, a user of each role and the viewers, on an empty database: its URL, and the
    ids of its processes and of its MongoDB's."""
    uri = server.database("bench")
    db = database.connect(replace(CONFIG, mongodb_uri=uri), COLLECTIONS)
    for role in users.ROLES:
        users.add(db, role, _PASSWORD, role)
    for name in VIEWERS:
        users.add(db, name, _PASSWORD, "viewer")
    with service(uri) as (url, pid):
        yield url, [*family(pid), *server.pids]


@dataclass(frozen=True)
class Run:
    """What one run came to: orders a second, p99 in milliseconds, seconds of processor time that the service and its
    MongoDB took in a second and for an order, and how many pages stayed open."""

    rate: float
    p99: float
    busy: float
    per_order: float
    open: int


def run_orders(server: Mongod, load: Load, args: argparse.Namespace, pages: int) -> Run:
    """Orders at 8 connections, with so many open pages."""
    with served(server) as (url, processes), opened(url, pages) as open_pages:
        load.run(url, 8, args.warm_up)
        began, before = time.monotonic(), processor_seconds(processes)
        run = load.run(url, 8, args.seconds)
        took, used = time.monotonic() - began, processor_seconds(processes) - before
        assert not run.failed
        return Run(run.rate, run.p99, used / took, used / run.orders, open_pages.open)


def latency(server: Mongod, pages: int) -> list[float]:
    """Milliseconds from the begin of a sale's webhook to its arrival on each of so many open pages, one after the
    other."""
    sent: dict[str, float] = {}
    with served(server) as (url, _), opened(url, pages) as open_pages, requests.Session() as shop:
        time.sleep(3)
        for number in range(1, _SALES + 1):
            body = sale_body(number)
            sent[str(number)] = time.time()
            headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
            shop.post(f"{url}/api/webhooks/orders", data=body, headers=headers, timeout=30).raise_for_status()
            time.sleep(1.3 + number % 7 * 0.1)
        time.sleep(3)
        assert all(len(open_pages.seen.get(number, ())) == pages for number in sent)
        return sorted(1000 * (at - sent[number]) for number in sent for at in open_pages.seen[number])


def sale_body(number: int) -> bytes:
    """A sale of this moment."""
    order = json.loads(order_body(number, "processing"))
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    order["data"] |= dict.fromkeys(("date_created", "date_created_gmt", "date_modified_gmt"), moment)
    return json.dumps(order).encode()


def page_times(url: str) -> list[list[Cell]]:
    """The median and p95 of each page without arguments, in milliseconds, as an admin loads it."""
    headers = {"Cookie": cookie_of(url, "admin")}
    rows: list[list[Cell]] = []
    with requests.Session() as browser:
        menu = browser.get(url, headers=headers, timeout=60).text
        paths = re.findall(r'<li><a href="([^"]+)"', menu.split("</nav>")[0])
        for path in paths:
            took = []
            for _ in range(_READS):
                began = time.perf_counter()
                answer = browser.get(url + path, headers=headers, timeout=60)
                took.append(1000 * (time.perf_counter() - began))
                answer.raise_for_status()
            took.sort()
            p95 = took[int(len(took) * 0.95)]
            rows.append([path, statistics.median(took), p95, took[-1], len(answer.content) / 1000])
    return rows


def bench_dashboard(args: argparse.Namespace, report: Report) -> None:
    """Print the tables."""
    with mongod("dashboard") as server:
        took = latency(server, PAGES)
        row: list[Cell] = [str(PAGES), statistics.median(took), took[int(len(took) * 0.99)], took[-1], "2000"]
        heads: list[Head] = ["pages", *(Column(head, "ms", "less") for head in ("p50 ms", "p99 ms", "max ms")), "aim"]
        report.table("From a sale's webhook to open pages, quiet", heads, [row])
        if lacks := missing():
            report.note(f"orders/s with open pages: left out, {lacks}")
        else:
            bench_orders(server, args, report)
        with served(server) as (url, _):
            fill(url)
            times = Column("median ms", "ms", "less"), Column("p95 ms", "ms", "less"), Column("max ms", "ms", "neither")
            heads = ["page", *times, Column("kB", "kB", "less")]
            report.table("The pages of the menu, as an admin loads them", heads, page_times(url))


def bench_orders(server: Mongod, args: argparse.Namespace, report: Report) -> None:
    """Orders a second with no page and with PAGES, alternating; the median of the rounds."""
    runs: dict[int, list[Run]] = {0: [], PAGES: []}
    with load_of_sales() as load:
        for number in range(args.rounds):
            for pages in runs if number % 2 == 0 else reversed(runs):
                runs[pages].append(run_orders(server, load, args, pages))
    without = statistics.median(run.rate for run in runs[0])
    rows: list[list[Cell]] = []
    for pages, found in runs.items():
        change = f"{statistics.median(run.rate for run in found) / without - 1:+.1%}"
        busy, per_order = [run.busy for run in found], [1000 * run.per_order for run in found]
        figures = [run.rate for run in found], change, [run.p99 for run in found], busy, per_order
        rows.append([str(pages), *figures, str(min(run.open for run in found))])
    heads: list[Head] = [
        "open pages",
        Column("orders/s", "orders/s", "more"),
        "aim: over -10%",
        Column("p99 ms", "ms", "less"),
        Column("processors used", "processors", "neither", 2),
        Column("their ms/order", "ms/order", "less", 2),
        "open",
    ]
    report.table("Orders/s at 8 connections, every order a sale of today", heads, rows)


def fill(url: str) -> None:
    """Some sales, so that pages have something to show."""
    with requests.Session() as shop:
        for number in range(1, 301):
            headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
            shop.post(f"{url}/api/webhooks/orders", data=sale_body(number), headers=headers, timeout=30)
