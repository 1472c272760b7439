"""What open pages of the dashboard cost (`scripts/bench dashboard`): orders a second with no page open and with 200,
how soon a sale is on them, and what the server takes for each page.

Orders are of today and count as sales, so that each changes what all open pages show. A page is opened as a browser
does: the page first, and then its stream, which is read as it comes.
"""

from __future__ import annotations

import argparse
import json
import os
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
from scripts import bench_run
from scripts.bench_run import CONFIG, KEY, Load, Mongod, mongod, service, table

PAGES = 200
_SALES = 40
_PASSWORD = "of the bench, nothing else"  # noqa: S105
_READS = 40


class Pages:
    """Open pages: a thread reads all their streams, and keeps when which sale came on each."""

    def __init__(self, url: str, cookie: str) -> None:
        self._url = url
        self._address = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self._cookie = cookie
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self.seen: dict[str, list[float]] = {}
        self.open = 0
        self._sold = re.compile(rb'data-sale="default:(\d+)"')

    def add(self) -> None:
        """Open one."""
        requests.get(self._url, headers={"Cookie": self._cookie}, timeout=60).raise_for_status()
        connection = socket.create_connection(self._address, 30)
        connection.sendall(f"GET /live HTTP/1.1\r\nHost: pos\r\nCookie: {self._cookie}\r\n\r\n".encode())
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
    """So many open pages."""
    pages = Pages(url, cookie_of(url, "viewer"))
    for _ in range(count):
        pages.add()
    thread = threading.Thread(target=pages.read, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        pages.close()
        thread.join(10)


@contextmanager
def load_of_sales() -> Iterator[None]:
    """The load of `bench_run.BENCH`, with orders that are of this moment and were paid."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(bench_run.BENCH, folder, dirs_exist_ok=True)
        template, script = Path(folder) / "order-template.json", Path(folder) / "orders.lua"
        template.write_text(template.read_text().replace('"status":"pending"', '"status":"processing"'))
        script.write_text(re.sub(r"EPOCH \+ id % SPAN", "os.time()", script.read_text()))
        before, bench_run.BENCH = bench_run.BENCH, Path(folder)
        try:
            yield
        finally:
            bench_run.BENCH = before


@contextmanager
def served(server: Mongod) -> Iterator[tuple[str, list[int]]]:
    """The service with two web processes and a user of each role, on an empty database: its URL, and the ids of its
    processes and of its MongoDB's."""
    uri = server.database("bench")
    db = database.connect(replace(CONFIG, mongodb_uri=uri), COLLECTIONS)
    for role in users.ROLES:
        users.add(db, role, _PASSWORD, role)
    with service(uri) as (url, pid):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        yield url, [pid, *map(int, children), server.pid]


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
        rate, _, p99, failed = load.run(url, 8, args.seconds)
        took, used = time.monotonic() - began, processor_seconds(processes) - before
        assert not failed
        return Run(rate, p99, used / took, used / (rate * args.seconds), open_pages.open)


def processor_seconds(processes: list[int]) -> float:
    """What these have used until now. On a machine that does other things too it says more than orders a second."""
    ticks = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


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
    order = json.loads(bench_run.order_body(number, "processing"))
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    order["data"] |= dict.fromkeys(("date_created", "date_created_gmt", "date_modified_gmt"), moment)
    return json.dumps(order).encode()


def page_times(url: str) -> list[list[str]]:
    """The median and p95 of each page without arguments, in milliseconds, as an admin loads it."""
    headers = {"Cookie": cookie_of(url, "admin")}
    rows = []
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
            size = len(answer.content)
            p95 = took[int(len(took) * 0.95)]
            rows.append([path, f"{statistics.median(took):.0f}", f"{p95:.0f}", f"{took[-1]:.0f}", f"{size / 1000:.0f}"])
    return rows


def bench_dashboard(args: argparse.Namespace) -> None:
    """Print the tables."""
    with mongod("dashboard") as server:
        took = latency(server, PAGES)
        row = [f"{statistics.median(took):.0f}", f"{took[int(len(took) * 0.99)]:.0f}", f"{took[-1]:.0f}", "2000"]
        table(f"From a sale's webhook to {PAGES} open pages, quiet", ["p50 ms", "p99 ms", "max ms", "aim"], [row])
        if shutil.which("wrk") and bench_run.BENCH.is_dir():
            bench_orders(server, args)
        else:
            print("\norders/s with open pages: left out, wrk or the load is not found")
        with served(server) as (url, _):
            fill(url)
            heads = ["page", "median ms", "p95 ms", "max ms", "kB"]
            table("The pages of the menu, as an admin loads them", heads, page_times(url))


def bench_orders(server: Mongod, args: argparse.Namespace) -> None:
    """Orders a second with no page and with PAGES, alternating; the median of the rounds."""
    load = Load()
    runs: dict[int, list[Run]] = {0: [], PAGES: []}
    with load_of_sales():
        for number in range(args.rounds):
            for pages in runs if number % 2 == 0 else reversed(runs):
                runs[pages].append(run_orders(server, load, args, pages))
    without = statistics.median(run.rate for run in runs[0])
    rows = []
    for pages, found in runs.items():
        rate, p99, busy, per_order = (
            statistics.median(getattr(run, name) for run in found) for name in ("rate", "p99", "busy", "per_order")
        )
        figures = f"{rate:.0f}", f"{rate / without - 1:+.1%}", f"{p99:.0f}", f"{busy:.2f}", f"{1000 * per_order:.2f}"
        all_runs = " ".join(f"{run.rate:.0f} ({1000 * run.per_order:.2f})" for run in found)
        rows.append([str(pages), *figures, all_runs, str(min(run.open for run in found))])
    heads = ["open pages", "orders/s", "aim: over -10%", "p99 ms", "processors used", "their ms/order", "runs", "open"]
    table("Orders/s at 8 connections, every order a sale of today", heads, rows)


def fill(url: str) -> None:
    """Some sales, so that pages have something to show."""
    with requests.Session() as shop:
        for number in range(1, 301):
            headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
            shop.post(f"{url}/api/webhooks/orders", data=sale_body(number), headers=headers, timeout=30)
