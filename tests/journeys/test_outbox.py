"""Orders in, events out, by the real processes: while the receiver fails, hangs, resets connections and is away, and
while the processes and MongoDB are killed, every event arrives, those of one resource in their order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
from pymongo.errors import PyMongoError

from pos_api.collections import COLLECTIONS
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import client as database
from pos_api.database.client import Db
from pos_api.outbox import redelivery
from tests.factories import API_KEY, PATH, assert_books_balance, line, order, stock_of, stock_up
from tests.outbox.delivering.outbox import subscribe
from tests.outbox.delivering.receivers import Answer, Receiver, Request, receiving
from tests.servers import Mongod, let_pass, standalone
from tests.service import POS_API, Service, environment, running, settings_of
from tests.waiting import wait_until

ON_WAY = 32
"""Deliveries that a process repeats at most when it is killed."""
PROCESSES = 2
"""That deliver: one that serves, and a worker."""


class Moody(Receiver):
    """A receiver that does well, fails, hangs or resets connections, by chance, until it is `well`."""

    def __init__(self) -> None:
        super().__init__()
        self.well = False
        self.hangs = True
        self.taken: Counter[str] = Counter()
        self._chance = random.Random(15)
        self.answer = self._answer

    def _answer(self, request: Request) -> Answer:
        mood = 1.0 if self.well else self._chance.random()
        if mood < 0.1:
            return Answer(500)
        if mood < 0.2:
            return Answer(reset=True)
        if mood < 0.21 and self.hangs:
            return Answer(hang=True)
        self.taken[request.id] += 1
        return Answer()


@dataclass
class Installation:
    """The service and a worker on a mongod of their own."""

    config: Config
    db: Db
    mongod: Mongod
    home: Path
    url: str = ""
    lives: int = 0

    @contextmanager
    def running(self) -> Iterator[tuple[Service, subprocess.Popen[bytes]]]:
        """Both processes, until they are killed or the block ends."""
        self.lives += 1
        more = {"WEB_PROCESSES": "1", "HOST": "127.0.0.1", "LOG_LEVEL": "ERROR", "OUTBOUND_ALLOW": "127.0.0.0/8"}
        env = environment(**settings_of(self.config), WEBHOOK_SECRET=self.config.webhook_secret, **more)
        home = self.home / str(self.lives)
        home.mkdir()
        worker = subprocess.Popen([*POS_API, "worker"], cwd=home, env=env, stdout=subprocess.DEVNULL)
        try:
            with running([*POS_API, "serve"], home, env) as service:
                self.url = service.url
                yield service, worker
        finally:
            worker.terminate()
            worker.wait(40)

    def kill(self, service: Service, worker: subprocess.Popen[bytes]) -> None:
        """`kill -9` of all; then the time passes that their leases last."""
        for pid in (service.process.pid, *service.processes(), worker.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        service.process.wait()
        worker.wait()
        wait_until(self._end_leases)

    def _end_leases(self) -> bool:
        with suppress(PyMongoError):
            self.db.webhook_subscriptions.update_many({}, {"$set": {"lease.until": now()}})
            self.db.inbox.update_many({"state": "waiting"}, {"$set": {"due_at": now()}})
            return True
        return False

    def restart_mongod(self) -> None:
        """End it as a power cut would."""
        self.mongod.kill()
        let_pass(0.2)
        self.mongod.start()

    def send(self, number: int, stop: threading.Event) -> None:
        """An order's life, each step again and again until it is acknowledged."""
        sku = f"S{number % 5}"
        life = [
            ("order.created", order(number, line(sku, 1, reduced=1))),
            ("order.updated", order(number, line(sku, 2, reduced=2), modified=1)),
            ("order.updated", order(number, line(sku, 2, reduced=2), modified=2, status="completed")),
        ]
        for event, data in life:
            body = json.dumps({"event": event, "data": data}).encode()
            while not self._acknowledged(body):
                assert not stop.wait(0.1), "never acknowledged"

    def _acknowledged(self, body: bytes) -> bool:
        headers = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
        try:
            return requests.post(f"{self.url}{PATH}", data=body, headers=headers, timeout=20).status_code in (200, 202)
        except requests.RequestException:
            return False


@contextmanager
def installation(config: Config, tmp_path: Path) -> Iterator[Installation]:
    """An installation with products, nothing running yet."""
    with standalone(tmp_path / "data") as mongod:
        here = replace(config, mongodb_uri=f"mongodb://127.0.0.1:{mongod.port}/pos", webhook_api_key=API_KEY)
        db = database.connect(here, COLLECTIONS)
        with db.client:
            yield Installation(here, db, mongod, tmp_path)


def journey(at: Installation, receiver: Moody, *, orders: int, rounds: int, seconds: float) -> None:
    """Send the orders while in each round the processes, or MongoDB, are killed; the receiver is away for a while."""
    stop = threading.Event()
    chance = random.Random(rounds)
    with ThreadPoolExecutor(4) as threads, ExitStack() as at_end:
        at_end.callback(stop.set)
        sent: list[Any] = []
        for number in range(rounds + 1):
            with at.running() as (service, worker), ExitStack() as there:
                if number != 1:
                    there.enter_context(receiving(receiver))
                receiver.hangs = number < rounds  # each takes 15 seconds, which a kill ends
                if not sent:
                    sent = [threads.submit(at.send, each, stop) for each in range(1, orders + 1)]
                let_pass(chance.uniform(0.5, 1.5))
                at.restart_mongod()
                if number < rounds:
                    let_pass(chance.uniform(0.5, 1.5))
                    at.kill(service, worker)
                    continue
                for each in sent:
                    each.result(seconds)
                receiver.well = True
                wait_until(lambda: all_arrived(at.db), seconds)


def all_arrived(db: Db) -> bool:
    """Whether all that was acknowledged is applied, and all is delivered; what waits for its next attempt is made
    due."""
    try:
        pauses = {"state": "waiting", "lease": {"$exists": False}}
        db.inbox.update_many(pauses, {"$set": {"due_at": now()}})
        if db.inbox.count_documents({"state": "waiting"}):
            return False
        if db.orders.count_documents({"unpublished.at": {"$exists": True}}):
            return False
        redelivery.due_now(db, "sub_a")
        return not db.webhook_deliveries.count_documents({"state": {"$ne": "succeeded"}})
    except PyMongoError:
        return False
    finally:
        let_pass(1.0)


def check(db: Db, receiver: Moody, *, kills: int) -> dict[str, int]:
    """What arrived is all that happened, in order; returns the figures."""
    assert_books_balance(db)
    events = {each["_id"]: each for each in db.outbox.find({}, {"resource": 1, "position": 1})}
    assert set(receiver.taken) == set(events)
    for each in db.orders.find():
        for rev in range(1, each["rev"] + 1):
            name = f"order:{each['_id']}:{rev}"
            assert any(found == name or found.startswith(f"{name}:") for found in events), name
    for movement in db.stock_movements.find({"order": {"$exists": True}}):
        if movement["quantity"]:
            assert f"stock:{movement['sku']}:{movement['seq']}" in events
    first: dict[str, list[int]] = defaultdict(list)
    for event in dict.fromkeys(each.id for each in receiver.requests):
        first[events[event]["resource"]].append(events[event]["position"])
    for resource, positions in first.items():
        assert positions == sorted(positions), resource
    repeats = sum(receiver.taken.values()) - len(receiver.taken)
    assert repeats <= kills * ON_WAY * PROCESSES
    requests_made = len(receiver.requests)
    return {
        "orders": db.orders.count_documents({}),
        "events": len(events),
        "requests": requests_made,
        "repeats": repeats,
    }


def play(config: Config, tmp_path: Path, *, orders: int, rounds: int, seconds: float) -> dict[str, int]:
    """The whole journey."""
    receiver = Moody()
    with installation(config, tmp_path) as at:
        stock_up(at.db, **{f"S{number}": 10_000 for number in range(5)})
        with receiving(receiver):
            pass  # it has a port from now on
        subscribe(at.db, at.config, receiver.url(), events=["order.*", "stock.*"])
        journey(at, receiver, orders=orders, rounds=rounds, seconds=seconds)
        assert sum(stock_of(at.db).values()) == 50_000 - 2 * orders
        return check(at.db, receiver, kills=rounds)


def test_every_event_arrives_in_order_whatever_is_killed(config: Config, tmp_path: Path) -> None:
    figures = play(config, tmp_path, orders=150, rounds=2, seconds=60)
    assert figures["orders"] == 150
