"""The most that any durable receiver could do: journaled inserts of the order as it is received."""

from __future__ import annotations

import argparse
import threading
import time

from pymongo.collection import Collection

from pos_api.collections import COLLECTIONS
from pos_api.database import client as database
from pos_api.database.client import Document
from scripts.benchmark.load import CONNECTIONS, order_body
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import mongod


def bench_limit(args: argparse.Namespace, report: Report) -> None:
    """Print the table."""
    rows: list[list[Cell]] = []
    for members, name in ((0, "standalone"), (1, "one-node replica set")):
        with mongod("limit", members=members) as server:
            for threads in CONNECTIONS:
                db = database.open_database(server.database("limit"), COLLECTIONS)
                rate = _insert_rate(db.inbox.with_options(write_concern=database.DURABLE), threads, args.seconds)
                rows.append([name, str(threads), rate])
    heads: list[Head] = ["mongod", "threads", Column("inserts/s", "inserts/s", "more")]
    report.table("Journaled inserts of one order, bare pymongo in one process", heads, rows)


def _insert_rate(collection: Collection[Document], threads: int, seconds: float) -> float:
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
