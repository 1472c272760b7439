"""Whatever fails, and wherever the service is killed: once all is quiet, each shop has what the POS has, SKU by SKU,
but for what it did not take; each movement was applied once; and those of a product in their order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pos_api.common.quantity import Quantity, whole
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.senders.woocommerce.stock_push.items import wire_id
from pos_api.senders.woocommerce.stock_push.waiting import Progress
from pos_api.stock import ledger
from pos_api.stock.model import Holding
from pos_api.stock.reserved import reserved_units
from pos_api.stock.store_sync import synced_stores
from tests.factories import assert_books_balance, line, native_headers, order, stock_up
from tests.senders.woocommerce.stock_push.sending import let_time_pass, send, shop_of, unsent
from tests.senders.woocommerce.stock_push.simulated_shop import Faults, SimulatedShop, any_faults
from tests.steps import Crash, Process, processes

STORES = ("default", "north")
SKUS = ["A", "B", "C", "D", "E", "F"]
EXTERNAL = {
    "A": {"default": (1, 0), "north": (21, 0)},
    "B": {"default": (2, 5), "north": (22, 0)},  # a variation in the first shop
    "C": {"default": (3, 0)},  # which the second shop does not sell
    "D": {"default": (4, 0), "north": (24, 0)},  # of which the second shop does not manage the stock
    "E": {"default": (6, 0), "north": (26, 0)},  # that the second shop has deleted
    "F": {"default": (7, 0), "north": (27, 0)},
}
START = 50


@dataclass
class World:
    """Two shops, the POS between them, and who acts."""

    db: Db
    config: Config
    chance: random.Random
    process: Process
    shops: dict[str, SimulatedShop]
    orders: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: {store: {} for store in STORES})
    reports: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    unfinished: list[Callable[[], Any]] = field(default_factory=list)
    till: dict[str, dict[str, int]] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=lambda: {store: Progress() for store in STORES})
    numbers: int = 0
    crashes: int = 0

    # --- in a shop

    def order_in_shop(self) -> None:
        """A customer orders, pays, or cancels; the shop reports it to the POS some time."""
        store = self.chance.choice(STORES)
        known = self.orders[store]
        if known and self.chance.random() < 0.5:
            self._change_order(store, self.chance.choice(list(known.values())))
            return
        self.numbers += 1
        sku = self.chance.choice([each for each in SKUS if store in EXTERNAL[each] and each not in "DE"])
        placed = {"id": self.numbers, "sku": sku, "units": self.chance.randint(1, 3), "version": 0, "taken": 0}
        known[self.numbers] = placed
        self._set_status(store, placed, self.chance.choice(["pending", "processing"]))

    def _change_order(self, store: str, placed: dict[str, Any]) -> None:
        following = {"pending": ["processing", "cancelled"], "processing": ["completed", "cancelled"]}
        statuses = following.get(placed["status"], ["processing"] if placed["status"] == "cancelled" else [])
        if statuses:
            self._set_status(store, placed, self.chance.choice(statuses))

    def _set_status(self, store: str, placed: dict[str, Any], status: str) -> None:
        taken = placed["units"] if status in ("processing", "completed") else 0
        self.shops[store].sell(EXTERNAL[placed["sku"]][store], taken - placed["taken"])
        placed.update(status=status, taken=taken, version=placed["version"] + 1)
        product, variation = EXTERNAL[placed["sku"]][store]
        sold = line(placed["sku"], placed["units"], taken or None, product_id=product, variation_id=variation)
        data = order(placed["id"], sold, modified=placed["version"], status=status)
        self.reports.append((store, data))

    def deliver_report(self) -> None:
        """A report arrives, not always the oldest one, and sometimes again."""
        if self.reports:
            report = self.chance.choice(self.reports)
            if self.chance.random() < 0.8:
                self.reports.remove(report)
            self.run_or_crash(lambda: self._deliver(*report), lambda: self.reports.append(report))

    def _deliver(self, store: str, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        headers = {name.lower(): value for name, value in native_headers("order.updated", body).items()}
        self.process.deliver_bodies([(store, headers, body)], now())

    # --- here

    def staff_move(self) -> None:
        """Staff find, break or count units."""
        self.numbers += 1
        sku, units = (
            self.chance.choice(SKUS),
            self.chance.choice([-3, -1, 2, 5, *([0.5] if self.chance.random() < 0.3 else [])]),
        )
        once = f"staff-{self.numbers}"
        self.run_or_crash(
            lambda: ledger.move(self.process.db, sku, units, reason="broken", cause="staff:ann", movement_id=once)
        )

    def till_sale(self) -> None:
        """The till sells, or takes back."""
        sale = self.chance.choice([*self.till, f"till:{self.numbers}"])
        self.numbers += 1
        held = dict.fromkeys(self.till.get(sale, {}), 0) or {self.chance.choice(SKUS): self.chance.randint(1, 2)}
        self.till[sale] = held
        self.run_or_crash(lambda: ledger.settle(self.process.db, [Holding(sale, held, frozenset(), "till")], {}))

    def send_stock(self) -> None:
        """The service sends what waits, with whatever fails."""
        store = self.chance.choice(STORES)
        self.shops[store].faults = any_faults(self.chance, SKUS)
        sent = lambda: send(self.process.db, self.config, store, self.progress[store], f"process-{self.crashes}")  # noqa: E731
        self.run_or_crash(sent, lambda: None)
        if self.chance.random() < 0.7:
            let_time_pass(self.db)

    def late_request(self) -> None:
        """A request arrives that the network had kept."""
        shop = self.shops[self.chance.choice(STORES)]
        shop.faults = Faults()
        if shop.late:
            shop.take(shop.late.pop(self.chance.randrange(len(shop.late))))

    def run_or_crash(self, act: Callable[[], Any], otherwise: Callable[[], Any] | None = None) -> None:
        """Do it; now and then the service is killed ahead of a step of it, and it is done again later."""
        if self.chance.random() < 0.4:
            self.process.steps.crash_at(self.chance.randint(1, 12))
        try:
            act()
        except Crash:
            self.crashes += 1
            self.progress = {store: Progress() for store in STORES}
            if otherwise:
                otherwise()
            else:
                self.unfinished.append(act)
        finally:
            self.process.steps.go_on()

    def act(self) -> None:
        """Anything happens."""
        self.chance.choice(
            (
                *(self.order_in_shop, self.deliver_report, self.deliver_report),
                *(self.staff_move, self.till_sale),
                *(self.send_stock, self.send_stock, self.late_request),
            )
        )()

    def come_to_rest(self) -> None:
        """What was begun is ended, everything is reported and sent, and nothing fails any more."""
        for act in self.unfinished:
            act()
        for report in self.reports:
            self._deliver(*report)
        self.process.take_over()
        for store, shop in self.shops.items():
            shop.faults = Faults()
            for _ in range(50):
                if not unsent(self.db, store):
                    break
                let_time_pass(self.db)
                send(self.db, self.config, store, Progress(), "last")
            while shop.late:
                shop.take(shop.late.pop())


@pytest.mark.parametrize("seed", range(10))
def test_once_all_is_quiet_each_shop_has_what_the_pos_has(
    seed: int, db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recently_read, "MAX_AGE", 3600.0)
    stock_up(db, **dict.fromkeys(SKUS, START))
    for sku, ids in EXTERNAL.items():
        external = {f"{store}:{variation or product}" for store, (product, variation) in ids.items()}
        db.products.update_one({"_id": sku}, {"$set": {"external_ids": sorted(external)}})
    db.products.update_one({"_id": "B"}, {"$set": {"variation_of": [{"id": "default:5", "parent": "default:2"}]}})
    stock: dict[str, dict[tuple[int, int], Quantity | None]] = {
        store: {ids[store]: START for ids in EXTERNAL.values() if store in ids} for store in STORES
    }
    stock["north"][24, 0] = None
    del stock["north"][26, 0]
    shops = {store: SimulatedShop(b"", stock[store]) for store in STORES}
    with (
        shop_of(db, config, "default", shops["default"]),
        shop_of(db, config, "north", shops["north"]),
        processes(config, 1) as [process],
    ):
        synced_stores(process.db).refresh()
        process.steps.go_on()
        world = World(db, config, random.Random(seed), process, shops)
        for _ in range(120):
            world.act()
        world.come_to_rest()
        assert world.crashes
        _check(db, shops)


def _check(db: Db, shops: dict[str, SimulatedShop]) -> None:
    assert_books_balance(db)
    for store, shop in shops.items():
        assert unsent(db, store) == 0
        sent = [
            (each, mark)
            for each in ledger.movements(db).find({"sent.store": store}).sort([("sku", 1), ("seq", 1)])
            for mark in each["sent"]
            if mark["store"] == store
        ]
        assert len(sent) == len({each["_id"] for each, _ in sent}), "each is noted once"
        applied = [wire_id(each) for each, mark in sent if mark["outcome"] == "applied"]
        assert shop.times_applied() == dict.fromkeys(applied, 1), "what is noted as applied was, and once"
        reserved = reserved_units(db, store)
        for sku, ids in EXTERNAL.items():
            number = ids.get(store)
            own = [(each, mark) for each, mark in sent if each["sku"] == sku]
            in_order = [wire_id(each) for each, mark in own if mark["outcome"] == "applied"]
            assert [movement for movement, product in shop.applied if product == number] == in_order, (store, sku)
            if number is None:
                assert {mark["outcome"] for _, mark in own} <= {"not_sold"}
            elif (stock := shop.stock.get(number)) is not None:
                here = (db.products.find_one({"_id": sku}) or {})["stock"]
                not_taken = sum(each["quantity"] for each, mark in own if mark["outcome"] != "applied")
                assert {mark["outcome"] for _, mark in own} <= {"applied", "refused"}
                assert stock == whole(here + reserved.get(sku, 0) - not_taken), (store, sku)
