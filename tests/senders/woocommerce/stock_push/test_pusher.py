"""The thread that sends: to several shops at the same time, soon, and for next to nothing where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders import stock_push
from pos_api.senders.stock_push import StockPusher
from pos_api.stock import ledger, sync_lease
from pos_api.stock.store_sync import states, synced_stores
from tests.senders.woocommerce.stock_push.sending import products, shop_of, state, unsent
from tests.senders.woocommerce.stock_push.simulated_shop import SimulatedShop
from tests.steps import processes
from tests.waiting import wait_until


@contextmanager
def pushing(db: Db, config: Config) -> Iterator[StockPusher]:
    """A process that sends, meanwhile."""
    pusher = StockPusher(db, config)
    pusher.start()
    try:
        yield pusher
    finally:
        pusher.stop()
        pusher.join(10)


def test_a_shop_that_hangs_keeps_no_other_waiting_and_a_sale_arrives_within_two_seconds(db: Db, config: Config) -> None:
    products(db, {"A": 50}, "default", "north")
    hanging, shop = SimulatedShop(b"", {(1, 0): 50}), SimulatedShop(b"", {(1, 0): 50})
    goes_on = threading.Event()
    hanging.on_item = lambda _: goes_on.wait(30)
    with ExitStack() as stack:
        stack.enter_context(shop_of(db, config, "default", hanging))
        stack.enter_context(shop_of(db, config, "north", shop))
        stack.callback(goes_on.set)
        stack.enter_context(pushing(db, config))
        for sale in range(3):
            began = time.monotonic()
            ledger.move(db, "A", -1, reason="order", cause="till")
            wait_until(lambda expected=49 - sale: shop.stock[1, 0] == expected, 20)  # type: ignore[misc]
            assert time.monotonic() - began < 2
        wait_until(lambda: unsent(db, "north") == 0)
        assert hanging.stock[1, 0] == 50
        assert sync_lease.is_held(db, "default")
        goes_on.set()
        wait_until(lambda: unsent(db, "default") == 0, 20)
        assert (hanging.stock[1, 0], shop.stock[1, 0]) == (47, 47)
        wait_until(lambda: not sync_lease.is_held(db, "default"), 20)


def test_a_lease_is_kept_as_long_as_a_request_takes(db: Db, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_lease, "RENEW_EVERY", 0.0)
    products(db, {"A": 50}, "default")
    shop, goes_on = SimulatedShop(b"", {(1, 0): 50}), threading.Event()
    shop.on_item = lambda _: goes_on.wait(30)
    with shop_of(db, config, "default", shop), pushing(db, config):
        ledger.move(db, "A", -1, reason="order", cause="till")
        wait_until(lambda: shop.requests, 20)
        until = state(db)["lease_until"]
        wait_until(lambda: state(db)["lease_until"] > until, 20)
        goes_on.set()
        wait_until(lambda: unsent(db, "default") == 0, 20)


def test_when_stopped_the_lease_is_free_at_once(db: Db, config: Config) -> None:
    products(db, {"A": 50}, "default")
    shop = SimulatedShop(b"", {(1, 0): 50})
    with shop_of(db, config, "default", shop):
        with pushing(db, config):
            ledger.move(db, "A", -1, reason="order", cause="till")
            wait_until(lambda: shop.requests, 20)
        assert sync_lease.take(db, "default", "next")
        assert unsent(db, "default") == 0, "what was on its way is noted"


def test_without_a_shop_that_has_it_on_nothing_is_read_but_which_have(
    db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_push, "_POLL_WITHOUT_STORE", 0.01)
    products(db, {"A": 50}, "default")
    states(db).insert_one({"_id": "default", "on": False})
    with processes(config, 1) as [process], pushing(process.db, config):
        ledger.move(db, "A", -1, reason="order", cause="till")
        assert synced_stores(process.db).value() == frozenset()
        time.sleep(0.2)  # it looks twenty times meanwhile
        assert process.steps.names == []


def test_a_failure_that_nobody_expected_is_paused_after_like_any_other(
    db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    products(db, {"A": 50}, "default")

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(stock_push, "push", fail)
    with shop_of(db, config, "default", SimulatedShop(b"", {})), pushing(db, config):
        ledger.move(db, "A", -1, reason="order", cause="till")
        wait_until(lambda: state(db).get("failures"), 20)
    assert unsent(db, "default") == 1
    assert not sync_lease.is_held(db, "default")
