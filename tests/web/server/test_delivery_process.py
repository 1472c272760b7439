"""The process of `serve` that delivers events: one, whatever is killed or restarted, and gone with the service."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox import wakeup
from pos_api.outbox.delivering.deliverer import STOP_SECONDS
from pos_api.stock import ledger, sync_lease
from tests.factories import API_KEY, PATH, order
from tests.outbox.delivering import outbox
from tests.outbox.delivering.receivers import Answer, Receiver, receiving
from tests.senders.woocommerce.stock_push import sending as stock
from tests.senders.woocommerce.stock_push.simulated_shop import SimulatedShop
from tests.service import POS_API, Service, environment, running, settings_of
from tests.waiting import wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A subscriber."""
    with receiving() as found:
        yield found


@pytest.fixture
def service(config: Config, db: Db, tmp_path: Path, receiver: Receiver) -> Iterator[Service]:
    """The service, with one subscription to the events of orders."""
    outbox.subscribe(db, config, receiver.url())
    settings = {**settings_of(config), "WEBHOOK_API_KEY": API_KEY, "OUTBOUND_ALLOW": "127.0.0.0/8"}
    with running([*POS_API, "serve"], tmp_path, environment(**settings, HOST="127.0.0.1")) as found:
        wait_until(lambda: len(found.workers()) == 2)
        yield found


def deliver(service: Service, receiver: Receiver, number: int) -> None:
    """Send an order, and wait for its event."""
    headers = {"X-API-Key": API_KEY}
    said = {"event": "order.created", "data": order(number)}
    assert requests.post(f"{service.url}{PATH}", json=said, headers=headers, timeout=20).ok
    wait_until(lambda: f"order:default:{number}:1" in receiver.ids())


def end_leases(db: Db) -> None:
    """Let the time pass that the leases of a killed process last."""
    db.webhook_subscriptions.update_many({}, {"$set": {"lease.until": now()}})


def is_running(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_one_process_beside_the_web_processes_delivers_and_its_figures_are_shown(
    service: Service, receiver: Receiver
) -> None:
    deliver(service, receiver, 1)
    assert len(service.deliverers()) == 1
    page = requests.get(f"{service.url}/metrics", timeout=10).text
    assert 'pos_webhook_attempts_total{outcome="succeeded"} 1.0' in page.splitlines()


def test_killed_it_is_replaced_and_the_web_processes_go_on(service: Service, receiver: Receiver, db: Db) -> None:
    deliver(service, receiver, 1)
    workers, before = service.workers(), service.deliverers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(service.processes() - workers - before) == 1 and len(service.deliverers() - before) == 1)
    end_leases(db)
    deliver(service, receiver, 2)
    assert service.workers() == workers


def test_however_web_processes_are_replaced_one_process_delivers(service: Service, receiver: Receiver, db: Db) -> None:
    deliverers = service.deliverers()
    killed = min(service.workers())
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in service.processes() and len(service.workers()) == 2)
    assert service.deliverers() == deliverers
    before = service.processes()
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not service.processes() & before and len(service.workers()) == 2, 30)
    assert len(service.deliverers()) == 1
    deliver(service, receiver, 1)


def test_it_ends_with_the_service_in_order(service: Service, receiver: Receiver) -> None:
    deliver(service, receiver, 1)
    processes, began = service.processes(), time.monotonic()
    assert service.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert not any(is_running(pid) for pid in processes)
    assert "SIGKILL" not in service.said()


def test_what_hangs_at_a_receiver_keeps_it_for_a_few_seconds_only(service: Service, receiver: Receiver, db: Db) -> None:
    receiver.answer = lambda request: Answer(hang=True)
    deliver(service, receiver, 1)
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 2 * STOP_SECONDS
    lease = db.webhook_subscriptions.find_one({}, {"lease": 1})
    assert lease is not None
    assert lease["lease"]["holder"] == "", "others may deliver at once"


def test_where_the_main_process_is_killed_it_ends_too(service: Service) -> None:
    processes = service.processes()
    service.process.kill()
    wait_until(lambda: not any(is_running(pid) for pid in processes))


@pytest.fixture
def woken() -> Iterator[Callable[[], bool]]:
    """Whether who waits in this process was woken, since asked last."""
    event = threading.Event()
    wakeup.add(event.set)

    def ask() -> bool:
        was = event.is_set()
        event.clear()
        return was

    yield ask
    wakeup.remove(event.set)


def test_another_process_wakes_it_at_once_and_never_waits_for_it(woken: Callable[[], bool]) -> None:
    pipe = wakeup.Pipe()
    for _ in range(100_000):  # more than a pipe holds
        pipe.wake()
    began = time.monotonic()
    while not woken():
        pipe.pass_on(60)
    assert time.monotonic() - began < 30, "woken, rather than after so long"
    for _ in range(100):
        pipe.pass_on(0)
    woken()
    pipe.pass_on(0)
    assert not woken(), "nobody has woken it since"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_processes_that_deliver_also_send_stock_to_shops(
    command: str, config: Config, db: Db, tmp_path: Path
) -> None:
    stock.products(db, {"A": 50}, "default")
    shop = SimulatedShop(b"", {(1, 0): 50})
    settings = environment(**settings_of(config), HOST="127.0.0.1")
    with stock.shop_of(db, config, "default", shop):
        if command == "serve":
            with running([*POS_API, "serve"], tmp_path, settings):
                _sell_until(db, shop)
        else:
            worker = subprocess.Popen([*POS_API, "worker"], cwd=tmp_path, env=settings)
            try:
                _sell_until(db, shop)
            finally:
                worker.terminate()
            assert worker.wait(30) == 0
        assert not sync_lease.is_held(db, "default"), "who is stopped gives the lease back"


def _sell_until(db: Db, shop: SimulatedShop) -> None:
    ledger.move(db, "A", -1, reason="order", cause="till")
    wait_until(lambda: shop.stock[1, 0] == 49, 30)
    wait_until(lambda: stock.unsent(db, "default") == 0, 30)
