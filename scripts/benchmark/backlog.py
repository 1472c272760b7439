"""How fast `pos-api worker` catches up on a full inbox."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.inbox import storing
from pos_api.processing.reading import read_delivery
from pos_api.senders.registry import SENDERS
from pos_api.stores.registry import Stores
from scripts.benchmark.load import order_body
from scripts.benchmark.processes import family, processor_seconds
from scripts.benchmark.report import Column, Head, Report
from scripts.benchmark.servers import CONFIG, make_products, mongod, until, worker


def bench_backlog(args: argparse.Namespace, report: Report) -> None:
    """A full inbox, and one worker process."""
    with mongod("backlog") as server:
        found = [_catch_up(server.database("backlog"), args.backlog) for _ in range(args.rounds)]
    heads: list[Head] = [
        "events in the inbox",
        Column("orders/s", "orders/s", "more"),
        Column("worker, µs/order", "µs/order", "less"),
        "aim",
    ]
    report.table("A worker catching up", heads, [[f"{args.backlog:,}", *zip(*found, strict=True), "4,000/s"]])


def _catch_up(uri: str, orders: int) -> tuple[float, float]:
    """Orders a second, and microseconds of the worker's processor time for one."""
    db = fill_inbox(uri, orders)
    with db.client, worker(uri) as pid:
        until(lambda: storing.waiting(db) < orders)
        started, before, used = time.monotonic(), storing.waiting(db), processor_seconds(family(pid))
        until(lambda: storing.waiting(db) == 0, 600)
        rate = before / (time.monotonic() - started)
        return rate, 1e6 * (processor_seconds(family(pid)) - used) / before


def fill_inbox(uri: str, orders: int, body_of: Callable[[int], bytes] = order_body) -> Db:
    """An inbox in which so many orders wait; `body_of` makes each of its number."""
    db = database.connect(replace(CONFIG, mongodb_uri=uri), COLLECTIONS)
    make_products(db)
    store = Stores(db, CONFIG).get("default")
    for start in range(0, orders, 1000):
        bodies = [body_of(number + 1) for number in range(start, min(start + 1000, orders))]
        works = [read_delivery(SENDERS["woocommerce"], store, {}, body, now()) for body in bodies]
        storing.store(db, [work.entry for work in works], None)
    return db
