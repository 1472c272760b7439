"""Round trips to MongoDB for a delivery, from the inbox to its outcome."""

from __future__ import annotations

import argparse

from pymongo import MongoClient, monitoring

from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.database import client as database
from pos_api.database.client import Db, Document
from pos_api.database.collections import ensure_indexes
from pos_api.inbox import storing
from pos_api.processing import batches
from pos_api.processing.reading import read_delivery
from pos_api.senders.registry import SENDERS
from pos_api.stores.registry import Stores
from scripts.benchmark.load import order_body
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import CONFIG, make_products, mongod


class _RoundTrips(monitoring.CommandListener):
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


def bench_trips(_args: argparse.Namespace, report: Report) -> None:
    """Commands per delivery."""
    with mongod("trips") as server:
        uri = server.database("trips")
        make_ready = database.open_database(uri, COLLECTIONS)
        ensure_indexes(make_ready, COLLECTIONS)
        make_products(make_ready)
        trips = _RoundTrips()
        client: MongoClient[Document] = MongoClient(uri, tz_aware=True, event_listeners=[trips])
        db = client.get_default_database()
        stores = Stores(db, CONFIG)
        _deliver(db, stores, [order_body(1)])  # the products get the shop's ids

        def cost(bodies: list[bytes]) -> float:
            before = trips.count
            _deliver(db, stores, bodies)
            return trips.count - before

        rows: list[list[Cell]] = [
            ["new order", cost([order_body(2)]), "6"],
            ["changed order", cost([order_body(2, "cancelled")]), ""],
            ["duplicate", cost([order_body(2)]), "1"],
            ["batch of 50 new orders", cost([order_body(100 + n) for n in range(50)]), "7"],
        ]
    heads: list[Head] = ["delivery", Column("commands", "commands", "less", counted=True), "aim"]
    report.table("Round trips to MongoDB", heads, rows)


def _deliver(db: Db, stores: Stores, bodies: list[bytes]) -> None:
    """What the worker does with a batch."""
    works = [read_delivery(SENDERS["woocommerce"], stores.get("default"), {}, body, now()) for body in bodies]
    new = storing.store(db, [work.entry for work in works], "bench")
    batches.process(db, "bench", [work for work in works if work.entry.key in new])
