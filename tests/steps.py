"""A service's steps at the database, one round trip each: counted, cut short, or interrupted by somebody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import select_within_term
from pos_api.inbox import leases, storing
from pos_api.processing import batches, due
from pos_api.processing.reading import read_delivery as read_delivery_by
from pos_api.processing.work import Work
from pos_api.senders.registry import sender_of
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.factories import native_headers, read_delivery


class Crash(BaseException):
    """The process is gone: nothing after this is done, and nothing catches it."""


class Steps(CommandListener):
    """Counts the commands of one client, and calls `before(n)` ahead of the n-th (from 1), and `after(n)` once it
    is answered. What comes by the clock is none: a renewal of leases, and the looks at the subscriptions and at
    the stores that have stock sync on."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.before: Callable[[int], None] = lambda step: None
        self.after: Callable[[int], None] = lambda step: None

    def started(self, event: CommandStartedEvent) -> None:
        """Called by pymongo, which lets nothing but a BaseException through."""
        of_others = event.command_name in ("endSessions", "hello") or threading.current_thread().name == "pos-leases"
        look = event.command.get("find"), event.command.get("filter")
        by_clock = look[0] == "webhook_subscriptions" or look == ("stock_sync", {"on": True})
        if not of_others and not by_clock:
            self.names.append(event.command_name)
            self.before(len(self.names))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Called by pymongo, before who gave the command has the answer."""
        if event.command_name not in ("endSessions", "hello"):
            self.after(len(self.names))

    def failed(self, event: CommandFailedEvent) -> None:
        """Of no interest."""

    def crash_at(self, step: int) -> None:
        """Crash ahead of that step."""

        def crash(current: int) -> None:
            if current == step:
                raise Crash

        self.names.clear()
        self.before = crash

    def go_on(self) -> None:
        """Count from nothing again, and do no more."""
        self.names.clear()
        self.before = self.after = lambda step: None


@dataclass
class Process:
    """A process of the service, as far as the database can tell: its own client and lease."""

    db: Db
    stores: Stores
    steps: Steps
    lease: str

    def deliver(self, topic: str, data: Any, *, received_at: datetime | None = None, **envelope: Any) -> str | None:
        """Take one delivery all the way, as a request does; native unless `envelope` has something."""
        return self.deliver_all([(topic, data)], received_at=received_at, **envelope)[0]

    def deliver_all(
        self, messages: list[tuple[str, Any]], *, received_at: datetime | None = None, **envelope: Any
    ) -> list[str | None]:
        """Take several deliveries in one batch; returns their outcomes."""
        return self._process(
            [self._understand(topic, data, received_at or now(), envelope) for topic, data in messages]
        )

    def deliver_bodies(
        self, deliveries: Sequence[tuple[str, Mapping[str, str], bytes]], received_at: datetime
    ) -> list[str | None]:
        """Take these deliveries, each of a store with its headers and body, in one batch; returns their outcomes."""
        works = [
            read_delivery_of(self.stores.get(store), headers, body, received_at) for store, headers, body in deliveries
        ]
        return self._process(works)

    def _process(self, works: list[Work]) -> list[str | None]:
        new = storing.store(self.db, [work.entry for work in works], self.lease)
        outcomes = batches.process(self.db, self.lease, [work for work in works if work.entry.key in new])
        ended = [outcomes.get(work.entry.key) for work in works]
        return [each.outcome if each else None for each in ended]

    def _understand(self, topic: str, data: Any, received_at: datetime, envelope: Document) -> Work:
        store = self.stores.get("default")
        if not envelope:
            body = json.dumps(data).encode()
            headers = {name.lower(): value for name, value in native_headers(topic, body).items()}
            return read_delivery(store, headers, body, received_at)
        body = json.dumps({"event": topic, "data": data, **envelope}).encode()
        return read_delivery(store, {"content-type": "application/json"}, body, received_at)

    def take_over(self) -> None:
        """Do what the others left behind, as if their leases had run out."""
        self.lease = leases.new_lease()
        for _ in range(3):
            self.db.inbox.update_many({"due_at": {"$exists": True}}, {"$set": {"due_at": now()}})
            if not due.take_due(self.db, self.stores, self.lease):
                return


def read_delivery_of(store: Store, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Work:
    """The work that a delivery of a store is, read by the sender of its kind."""
    return read_delivery_by(sender_of(store.kind), store, headers, body, received_at)


@contextmanager
def processes(config: Config, number: int) -> Any:
    """So many processes on the test's database."""
    opened = []
    for _ in range(number):
        steps = Steps()
        client: MongoClient[Document] = MongoClient(
            config.mongodb_uri, tz_aware=True, event_listeners=[steps], server_selector=select_within_term
        )
        db = client.get_default_database().with_options(write_concern=WriteConcern(w=1))
        opened.append(Process(db, Stores(db, config, max_age=3600), steps, leases.new_lease()))
    for process in opened:
        process.stores.all()
        process.steps.go_on()
    try:
        yield opened
    finally:
        for process in opened:
            process.db.client.close()


def interleave(
    first: Process, one: Callable[[], Any], second: Process, other: Callable[[], Any], i: int, j: int
) -> None:
    """Run `one` up to its i-th step, then `other` up to its j-th, then `one` to its end, then the rest of `other`."""
    reached, resume = threading.Event(), threading.Event()

    def wait_at_j(step: int) -> None:
        if step == j:
            reached.set()
            assert resume.wait(30)

    def run_other() -> None:
        other()
        reached.set()

    thread = threading.Thread(target=run_other)

    def switch_at_i(step: int) -> None:
        if step == i:
            thread.start()
            assert reached.wait(30)

    first.steps.go_on()
    second.steps.go_on()
    first.steps.before, second.steps.before = switch_at_i, wait_at_j
    one()
    if thread.ident is None:  # `one` has fewer steps
        thread.start()
    resume.set()
    thread.join(30)
    assert not thread.is_alive()
    first.steps.go_on()
    second.steps.go_on()


def clear(db: Database[Any], *, layout: bool = False) -> None:
    """Empty every collection, which is faster than a new database; the one of the layout only where that is said. One
    query finds those that hold anything: there are many, and a test fills few."""
    names = [each.name for each in COLLECTIONS if layout or each.name != "layout"]
    found: dict[str, list[Document]] = {
        name: [{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": name}}}] for name in names
    }
    first, *others = names
    unions = [{"$unionWith": {"coll": name, "pipeline": found[name]}} for name in others]
    for filled in db[first].aggregate([*found[first], *unions]):
        db[filled["name"]].delete_many({})


def state(db: Db) -> Document:
    """All that matters at the end: orders, products, customers and ledger, without what only shows the way there (and
    `closed_at`, which is the time of the last entry of `status_history`)."""
    by_the_way = dict.fromkeys(
        (
            "rev",
            "changed_at",
            "received_at",
            "created_at",
            "day",
            "hour",
            "days",
            "opening_stock_at",
            "status_history",
            "_id",
        ),
        0,
    )
    orders = {each["_id"]: each for each in db.orders.find()}
    return {
        "orders": {
            key: {**each, **by_the_way, **{name: name in each for name in ("deleted_at", "closed_at")}}
            for key, each in orders.items()
        },
        "history": {key: [entry["status"] for entry in each["status_history"]] for key, each in orders.items()},
        "products": {each["_id"]: {**each, "seq": 0, **by_the_way} for each in db.products.find()},
        "customers": {each["_id"]: {**each, "as_of": 0, "orders_seen": 0} for each in db.customers.find()},
        "stock": {each["_id"]: each["stock"] for each in db.products.find()},
    }
