"""What deliveries to subscribers cost (`scripts/bench outbox`): how many a worker sends in a second to 1 and to 100
subscribers, what 10 that hang cost the other 90, how soon an order is sent on, and what one subscriber costs orders."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from pos_api.collections import COLLECTIONS
from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.database.sealing import seal
from pos_api.outbox.interest import interest_of
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import publish
from scripts.benchmark.load import Load, missing, order_body
from scripts.benchmark.report import Cell, Column, Head, Report
from scripts.benchmark.servers import CONFIG, KEY, Mongod, mongod, running, service, until, worker
from tests.service import environment, free_port

_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the bench
_DELIVERIES = 10_000
_QUIET_ORDERS = 200


class Receiver:
    """The process of `scripts.benchmark.receiver`."""

    def __init__(self, port: int, file: Path) -> None:
        self.port = port
        self._file = file

    def url(self, path: str) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def came(self) -> list[tuple[str, str, float]]:
        """What came: path, event and time; once it has ended."""
        rows = (line.rsplit(" ", 2) for line in self._file.read_text().splitlines())
        return [(path, event, float(at)) for path, event, at in rows]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver; what came can be read after it."""
    with tempfile.TemporaryDirectory() as folder:
        found = Receiver(free_port(), Path(folder) / "came")
        command = [sys.executable, "-m", "scripts.benchmark.receiver", str(found.port), str(found._file)]
        with running(command, environment()):
            time.sleep(1)
            yield found
        found.rows = found.came()  # type: ignore[attr-defined]


def open_fresh(server: Mongod) -> Db:
    """An empty database with its indexes."""
    return database.connect(replace(CONFIG, mongodb_uri=server.database("bench")), COLLECTIONS)


def subscribe(db: Db, url: str, name: str) -> None:
    """Add a subscription to the events of orders."""
    moment = now()
    settings: dict[str, Any] = {
        "events": ["order.*"],
        "active": True,
        "stores": [],
        "signature": "standard",
        "payload": "full",
        "headers": {},
        "rate_limit": None,
        "secret": seal(_SECRET, CONFIG),
    }
    described = {"description": "", "metadata": {}, "created_by": "bench", "created_at": moment, "updated_at": moment}
    db.webhook_subscriptions.insert_one({"_id": name, "url": url, **settings, **described})


def publish_orders(db: Db, orders: int) -> None:
    """An event of each order, of the size of a usual one."""
    interest_of(db).refresh()
    filler = {f"field_{number}": "x" * 40 for number in range(40)}
    for start in range(0, orders, 50):
        publish(db, [_event(number, filler) for number in range(start, min(start + 50, orders))])


def _event(number: int, filler: dict[str, str]) -> OutboxEvent:
    resource = f"order:default:{number}"
    data = json_bytes({"id": f"default:{number}", **filler})
    reference = json_bytes({"id": f"default:{number}"})
    return OutboxEvent(f"{resource}:1", "order.created", now(), "default", resource, 1, data, reference)


def delivered(server: Mongod, fast: int, hanging: int, orders: int) -> tuple[float, float]:
    """Deliveries in a second to the `fast` subscribers, in all and to the slowest one, while others hang."""
    db = open_fresh(server)
    with receiver() as to:
        for number in range(hanging):
            subscribe(db, to.url(f"hang/{number}"), f"sub_h{number}")
        for number in range(fast):
            subscribe(db, to.url(f"fast/{number}"), f"sub_{number}")
        publish_orders(db, orders)
        with worker(_uri(server), _outbound()):
            until(lambda: db.webhook_deliveries.count_documents({"state": "succeeded"}) == fast * orders, 600)
    times = sorted(at for path, _, at in to.rows if path.startswith("/fast"))  # type: ignore[attr-defined]
    assert len(times) == fast * orders
    return len(times) / (times[-1] - times[0]), times[-1] - times[0]


def _uri(server: Mongod) -> str:
    return server.uri.replace("/?", "/bench?")


def _outbound() -> dict[str, str]:
    """The settings of a process that delivers to this machine."""
    return {"SECRETS_KEYS": CONFIG.secrets_keys[0], "OUTBOUND_ALLOW": "127.0.0.0/8"}


def latency(server: Mongod) -> tuple[float, float]:
    """Milliseconds from the begin of an order's webhook to the arrival of its event at a subscriber, p50 and p99, one
    order after the other."""
    db = open_fresh(server)
    sent: dict[str, float] = {}
    with receiver() as to:
        subscribe(db, to.url("fast"), "sub_a")
        with service(_uri(server), more=_outbound()) as (url, _pid):
            time.sleep(3)
            with requests.Session() as session:
                for number in range(1, _QUIET_ORDERS + 1):
                    sent[f"order:default:{number}:1"] = time.time()
                    body = order_body(number)
                    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
                    session.post(
                        f"{url}/api/webhooks/orders", data=body, headers=headers, timeout=30
                    ).raise_for_status()
                    time.sleep(0.05 + number % 7 * 0.03)
            until(lambda: db.webhook_deliveries.count_documents({"state": {"$ne": "succeeded"}}) == 0)
    arrived = {event: at for _, event, at in reversed(to.rows) if event in sent}  # type: ignore[attr-defined]
    assert len(arrived) == len(sent)
    took = sorted(1000 * (arrived[event] - at) for event, at in sent.items())
    return statistics.median(took), took[int(len(took) * 0.99)]


def orders_per_second(server: Mongod, load: Load, args: argparse.Namespace, *, subscribed: bool) -> float:
    """Orders in a second at 8 connections, with one subscriber to them or none."""
    db = open_fresh(server)
    with receiver() as to:
        if subscribed:
            subscribe(db, to.url("fast"), "sub_a")
        with service(_uri(server), more=_outbound()) as (url, _pid):
            load.run(url, 8, args.warm_up)
            return load.run(url, 8, args.seconds).rate


def bench_outbox(args: argparse.Namespace, report: Report) -> None:
    """Print the tables."""
    with mongod("outbox") as server:
        _deliveries(server, report)
        p50, p99 = latency(server)
        heads: list[Head] = ["", Column("p50 ms", "ms", "less"), Column("p99 ms", "ms", "less"), "aim"]
        report.table("From webhook in to webhook out, quiet", heads, [["", p50, p99, "500"]])
        if lacks := missing():
            report.note(f"orders/s with a subscriber: left out, {lacks}")
            return
        load, none, one = Load(), [], []
        for _ in range(args.rounds):
            none.append(orders_per_second(server, load, args, subscribed=False))
            one.append(orders_per_second(server, load, args, subscribed=True))
    share = statistics.median(one) / statistics.median(none)
    rate = Column("orders/s", "orders/s", "more")
    rows: list[list[Cell]] = [["none", none, "", ""], ["one", one, f"{share:.0%}", "80%"]]
    report.table("Orders/s at 8 connections, with a subscriber", ["subscribers", rate, "of that", "aim"], rows)


def _deliveries(server: Mongod, report: Report) -> None:
    one, _ = delivered(server, 1, 0, _DELIVERIES)
    many, _ = delivered(server, 100, 0, _DELIVERIES // 100)
    alone, _ = delivered(server, 90, 0, _DELIVERIES // 100)
    beside, _ = delivered(server, 90, 10, _DELIVERIES // 100)
    rows: list[list[Cell]] = [
        ["1 subscriber", one, "", "1500"],
        ["100 subscribers", many, "", "1500"],
        ["90 subscribers", alone, "", ""],
        ["90 subscribers, 10 more hang", beside, f"{beside / alone:.0%}", "90%"],
    ]
    heads: list[Head] = ["to", Column("deliveries/s", "deliveries/s", "more"), "of that", "aim"]
    report.table("Deliveries of one worker to a fast receiver", heads, rows)
