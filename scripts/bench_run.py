"""What the service costs, measured on real mongods of its own, and printed as tables.

Parts (all of them, if none is named):

  webhooks   orders per second and latency at 1, 8 and 32 connections, beside the peer of `../shared/bench`
  limit      journaled inserts by bare pymongo, the most that any durable receiver could do
  trips      round trips to MongoDB per new order, changed order, duplicate and batch of 50
  backlog    how fast `pos-api worker` catches up on a full inbox
  memory     resident memory of the service over 100,000 webhooks
  outbox     deliveries to subscribers: how many a second, how soon, and what they cost (scripts/bench_outbox.py)
  dashboard  what 200 open pages cost, how soon a sale is on them, and what each page takes (scripts/bench_dashboard.py)
  reads      list, filter and stats at 10 thousand and 1 million orders (scripts/bench_reads.py)

The load and the peer need wrk, Node and a folder with `orders.lua`, `order-template.json` and `server.js` ($BENCH_DIR,
else ../shared/bench); without them those parts are left out, and say so. Figures of one run compare; machines differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests
from pymongo import MongoClient, monitoring
from pymongo.collection import Collection

from pos_api.catalogue.creation import create, new_product
from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db, Document
from pos_api.database.collections import ensure_indexes
from pos_api.database.embedded import find_mongod
from pos_api.inbox import storing
from pos_api.processing import batches
from pos_api.processing.reading import read_delivery
from pos_api.senders.registry import SENDERS
from pos_api.stores.registry import Stores
from tests.service import environment, free_port

ROOT = Path(__file__).parent.parent
BENCH = Path(os.environ.get("BENCH_DIR", ROOT.parent / "shared" / "bench"))
KEY = "bench-key-of-more-than-thirty-two-characters"
SEALING_KEY = "aG9sZCBvbiB0byB5b3VyIGtleXMsIDMyIGJ5dGVzIS4="
CONFIG = Config(
    webhook_api_key=KEY, jwt_secret="j" * 32, webhook_secret=KEY, log_level="ERROR", secrets_keys=(SEALING_KEY,)
)
CONNECTIONS = (1, 8, 32)
PRODUCTS = 50


@dataclass(frozen=True)
class Mongod:
    """A mongod of the bench."""

    name: str
    uri: str
    pid: int = 0

    def database(self, name: str) -> str:
        """The URI of an empty database in it, and nothing of an earlier one left."""
        client: MongoClient[Document] = MongoClient(self.uri)
        client.drop_database(name)
        client.close()
        return self.uri.replace("/?", f"/{name}?")


@contextmanager
def mongod(name: str, *, replica_set: bool = False) -> Iterator[Mongod]:
    """A mongod in a temporary directory: standalone, or a replica set of one."""
    files, port = tempfile.mkdtemp(prefix="pos-bench-"), free_port()
    command = [str(find_mongod()), "--dbpath", files, "--port", str(port), "--bind_ip", "127.0.0.1", "--quiet"]
    command += ["--wiredTigerCacheSizeGB", "1", "--logpath", f"{files}/mongod.log"]
    command += ["--replSet", "bench"] if replica_set else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    try:
        client: MongoClient[Document] = MongoClient(uri)
        if replica_set:
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            client.admin.command("replSetInitiate", {"_id": "bench", "members": members})
        until(lambda: bool(client.admin.command("hello")["isWritablePrimary"]))
        client.close()
        yield Mongod(name, uri, process.pid)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(files, ignore_errors=True)


def until(ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for it, or raise TimeoutError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not get ready")
        time.sleep(0.05)


def table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    """Print rows under heads, the columns lined up."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    print(f"\n{title}\n")
    for row in [heads, ["-" * width for width in widths], *rows]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


# --- webhooks ---------------------------------------------------------------------------------------------------


@contextmanager
def service(
    uri: str, *, processing: str = "inline", processes: int = 2, more: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """The real service on `uri`, its products made, with `more` settings; yields its URL and process id."""
    make_products(database.connect(replace(CONFIG, mongodb_uri=uri), COLLECTIONS))
    port = free_port()
    settings = {
        "WEBHOOK_API_KEY": KEY,
        "JWT_SECRET": "j" * 32,
        "MONGODB_URI": uri,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEBHOOK_PROCESSING": processing,
        "WEB_PROCESSES": str(processes),
        **(more or {}),
    }
    with running([sys.executable, "-m", "pos_api", "serve"], environment(**settings)) as pid:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/readyz"))
        yield url, pid


@contextmanager
def peer(uri: str, folder: Path) -> Iterator[tuple[str, int]]:
    """The peer with two workers on `uri`."""
    port = free_port()
    settings = {"MONGODB_URI": uri, "PORT": str(port), "WEBHOOK_API_KEY": KEY, "NODE_ENV": "production", "WORKERS": "2"}
    with running(["node", str(folder / "server.js")], environment(**settings)) as pid:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/api/webhooks/health"))
        make_products(database.open_database(uri, COLLECTIONS), for_peer=True)
        yield url, pid


@contextmanager
def running(command: list[str], settings: dict[str, str]) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command, env=settings, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def answers(url: str) -> bool:
    """Whether it says 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def make_products(db: Db, *, for_peer: bool = False) -> None:
    """The products that the load orders."""
    for number in range(1, PRODUCTS + 1):
        sku = f"SKU-{number:04d}"
        if for_peer:
            db.products.insert_one({"sku": sku, "name": sku, "stock": 0})
        else:
            create(db, new_product(sku, name=sku, price=None, stock=0), cause="bench")


class Load:
    """wrk with `orders.lua`; every run has order ids of its own."""

    def __init__(self) -> None:
        self._offset = 0

    def run(self, url: str, connections: int, seconds: int, *, hot: bool = False) -> tuple[float, float, float, int]:
        """Orders per second, p50 and p99 in milliseconds, and how many failed."""
        self._offset += 10_000_000
        settings = environment(OFFSET=str(self._offset), WEBHOOK_API_KEY=KEY, HOT="1" if hot else "0")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(BENCH / "orders.lua"), url]
        output = subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout
        result = next(line for line in output.splitlines() if line.startswith("RESULT"))
        count, took, p50, p99, refused, broken = map(int, result.split()[1:])
        return count / took * 1e6, p50 / 1000, p99 / 1000, refused + broken


def bench_webhooks(args: argparse.Namespace) -> None:
    """Ours and the peer's, alternating; the median of the rounds."""
    if missing := [tool for tool in ("wrk",) if not shutil.which(tool)] + ([] if BENCH.is_dir() else [str(BENCH)]):
        print(f"\nwebhooks: left out, {' and '.join(missing)} not found")
        return
    with ExitStack() as stack:
        folder = stack.enter_context(peer_folder())
        if folder is None:
            print("\nwebhooks: without the peer, Node or npm is not found")
        load = Load()
        for replica_set in (False, True):
            name = "one-node replica set" if replica_set else "standalone mongod"
            with mongod(name, replica_set=replica_set) as server:
                for hot in (False, True):
                    measure_webhooks(args, server, folder, load, hot=hot)


def measure_webhooks(args: argparse.Namespace, server: Mongod, folder: Path | None, load: Load, *, hot: bool) -> None:
    """One table: what runs side by side on this mongod."""
    contenders: dict[str, Callable[[str], object]] = {"inline": service}
    contenders["queued"] = lambda uri: service(uri, processing="queued")
    if folder is not None:
        contenders["peer, 2 workers"] = lambda uri: peer(uri, folder)
    rows = []
    for connections in CONNECTIONS:
        results: dict[str, list[tuple[float, float, float, int]]] = {name: [] for name in contenders}
        for _ in range(args.rounds):
            for name, start in contenders.items():
                with start(server.database("bench")) as (url, _pid):  # type: ignore[attr-defined]
                    load.run(url, connections, args.warm_up, hot=hot)
                    results[name].append(load.run(url, connections, args.seconds, hot=hot))
        for name, runs in results.items():
            median = sorted(runs)[len(runs) // 2]
            times = f"{median[1]:.1f}", f"{median[2]:.1f}"
            rows.append([str(connections), name, f"{median[0]:.0f}", *times, str(sum(run[3] for run in runs))])
    heads = ["connections", "server", "orders/s", "p50 ms", "p99 ms", "failed"]
    table(f"Webhooks on a {server.name}{', one SKU on every order' if hot else ''}", heads, rows)


@contextmanager
def peer_folder() -> Iterator[Path | None]:
    """A copy of the peer with its packages installed; None where Node is not there."""
    if not (shutil.which("node") and shutil.which("npm")):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pos-bench-peer-") as folder:
        shutil.copytree(BENCH, folder, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--silent"], cwd=folder, check=True)
        yield Path(folder)


# --- the database's limit, round trips, backlog, memory ------------------------------------------------------------


def bench_limit(args: argparse.Namespace) -> None:
    """Bare journaled inserts of the order as it is received."""
    rows = []
    for replica_set in (False, True):
        with mongod("limit", replica_set=replica_set) as server:
            for threads in CONNECTIONS:
                db = database.open_database(server.database("limit"), COLLECTIONS)
                rate = insert_rate(db.inbox.with_options(write_concern=database.DURABLE), threads, args.seconds)
                rows.append(["one-node replica set" if replica_set else "standalone", str(threads), f"{rate:.0f}"])
    table("Journaled inserts of one order, bare pymongo in one process", ["mongod", "threads", "inserts/s"], rows)


def insert_rate(collection: Collection[Document], threads: int, seconds: float) -> float:
    """Orders a second that these threads can insert."""
    body = order_body(1)
    counts = [0] * threads
    stop = threading.Event()

    def work(index: int) -> None:
        while not stop.is_set():
            collection.insert_one({"body": body})
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for each in workers:
        each.start()
    time.sleep(seconds)
    stop.set()
    for each in workers:
        each.join()
    return sum(counts) / seconds


def order_body(order_id: int, status: str = "pending") -> bytes:
    """An envelope of three lines, as the load's."""
    lines = ",".join(
        f'{{"id":{order_id}{n},"name":"Line {n}","product_id":{100 + n},"quantity":{n},"sku":"SKU-{n:04d}",'
        f'"total":"10.00","total_tax":"2.50","subtotal":"10.00","subtotal_tax":"2.50","price":10}}'
        for n in (1, 2, 3)
    )
    moment = "2026-01-01T00:00:00" if status == "pending" else "2026-01-01T00:00:01"
    return (
        f'{{"event":"order.{"created" if status == "pending" else "updated"}","data":{{"id":{order_id},'
        f'"number":"{order_id}","status":"{status}","currency":"SEK","total":"75.00","date_created":"{moment}",'
        f'"date_created_gmt":"2026-01-01T00:00:00","date_modified_gmt":"{moment}",'
        f'"billing":{{"first_name":"A","last_name":"B","email":"buyer{order_id}@example.com"}},"line_items":[{lines}]}}}}'
    ).encode()


class RoundTrips(monitoring.CommandListener):
    """Counts commands sent to MongoDB."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """One more."""
        self.count += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Counted when it started."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Counted when it started."""


def bench_trips(_args: argparse.Namespace) -> None:
    """Commands per delivery, from the inbox to its outcome."""
    with mongod("trips") as server:
        uri = server.database("trips")
        make_ready = database.open_database(uri, COLLECTIONS)
        ensure_indexes(make_ready, COLLECTIONS)
        make_products(make_ready)
        trips = RoundTrips()
        client: MongoClient[Document] = MongoClient(uri, tz_aware=True, event_listeners=[trips])
        db = client.get_default_database()
        stores = Stores(db, CONFIG)
        deliver(db, stores, [order_body(1)])  # the products learn the shop's ids

        def cost(bodies: list[bytes]) -> str:
            before = trips.count
            deliver(db, stores, bodies)
            return str(trips.count - before)

        rows = [
            ["new order", cost([order_body(2)]), "8"],
            ["changed order", cost([order_body(2, "cancelled")]), "9"],
            ["duplicate", cost([order_body(2)]), "1"],
            ["batch of 50 new orders", cost([order_body(100 + n) for n in range(50)]), "10"],
        ]
    table("Round trips to MongoDB", ["delivery", "commands", "aim"], rows)


def deliver(db: Db, stores: Stores, bodies: list[bytes]) -> None:
    """What the worker does with a batch."""
    works = [read_delivery(SENDERS["woocommerce"], stores.get("default"), {}, body, now()) for body in bodies]
    new = storing.store(db, [work.entry for work in works], "bench")
    batches.process(db, "bench", [work for work in works if work.entry.key in new])


def bench_backlog(args: argparse.Namespace) -> None:
    """A full inbox, and one worker process."""
    with mongod("backlog") as server:
        uri = server.database("backlog")
        db = database.open_database(uri, COLLECTIONS)
        ensure_indexes(db, COLLECTIONS)
        make_products(db)
        store = Stores(db, CONFIG).get("default")
        for start in range(0, args.backlog, 1000):
            bodies = [order_body(start + n + 1) for n in range(1000)]
            works = [read_delivery(SENDERS["woocommerce"], store, {}, body, now()) for body in bodies]
            storing.store(db, [work.entry for work in works], None)
        settings = environment(WEBHOOK_API_KEY=KEY, JWT_SECRET="j" * 32, MONGODB_URI=uri, LOG_LEVEL="ERROR")
        with running([sys.executable, "-m", "pos_api", "worker"], settings):
            until(lambda: storing.waiting(db) < args.backlog)
            started, before = time.monotonic(), storing.waiting(db)
            until(lambda: storing.waiting(db) == 0, 600)
            rate = before / (time.monotonic() - started)
    rows = [[f"{args.backlog:,}", f"{rate:.0f}", "1500"]]
    table("A worker catching up", ["events in the inbox", "orders/s", "aim"], rows)


def bench_memory(args: argparse.Namespace) -> None:
    """Resident memory of the web processes as webhooks go by."""
    if not shutil.which("wrk") or not BENCH.is_dir():
        print("\nmemory: left out, wrk or the load is not found")
        return
    rows, load, sent = [], Load(), 0.0
    with mongod("memory") as server, service(server.database("memory")) as (url, pid):
        while sent < args.webhooks:
            rate, *_ = load.run(url, 32, 10)
            sent += rate * 10
            rows.append([f"{sent:,.0f}", f"{resident(pid):.0f}"])
    table("Memory of the service, all processes", ["webhooks", "MB resident"], rows)


def resident(pid: int) -> float:
    """Megabytes of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in (str(pid), *children)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def bench_reads(args: argparse.Namespace) -> None:
    """Pages and figures, as scripts/bench_reads.py measures them."""
    orders = [argument for count in args.orders for argument in ("--orders", str(count))]
    subprocess.run([sys.executable, str(ROOT / "scripts" / "bench_reads.py"), *orders], check=True)


def bench_outbox(args: argparse.Namespace) -> None:
    """Deliveries, as scripts/bench_outbox.py measures them."""
    from scripts import bench_outbox as outbox

    outbox.bench_outbox(args)


def bench_dashboard(args: argparse.Namespace) -> None:
    """Open pages, as scripts/bench_dashboard.py measures them."""
    from scripts import bench_dashboard as dashboard

    dashboard.bench_dashboard(args)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "webhooks": bench_webhooks,
    "limit": bench_limit,
    "trips": bench_trips,
    "backlog": bench_backlog,
    "memory": bench_memory,
    "outbox": bench_outbox,
    "dashboard": bench_dashboard,
    "reads": bench_reads,
}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per figure, of which the median counts")
    parser.add_argument("--seconds", type=int, default=10, help="length of a measurement")
    parser.add_argument("--warm-up", type=int, default=5, help="seconds before it")
    parser.add_argument("--backlog", type=int, default=20_000, help="events in the full inbox")
    parser.add_argument("--webhooks", type=int, default=100_000, help="webhooks to watch the memory over")
    parser.add_argument("--orders", type=int, nargs="+", default=[10_000, 1_000_000], help="orders to read among")
    args = parser.parse_args()
    for part in args.parts or PARTS:
        PARTS[part](args)


if __name__ == "__main__":
    main()
