"""The service is killed ahead of each of its steps at the database while it sends, or two processes send at once: each
movement is applied once all the same, and noted once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.senders.woocommerce.stock_push.waiting import Progress
from pos_api.stock import ledger
from pos_api.stock.store_sync import refusals
from tests.senders.woocommerce.stock_push.sending import let_time_pass, products, send, shop_of, unsent
from tests.senders.woocommerce.stock_push.simulated_shop import SimulatedShop
from tests.steps import Crash, Process, interleave, processes

STORE = "default"


@pytest.fixture
def shop(db: Db, config: Config) -> Iterator[SimulatedShop]:
    """A shop with three products, which does not know the third."""
    products(db, {"A": 50, "B": 50, "C": 50}, STORE)
    shop = SimulatedShop(b"", {(1, 0): 50, (2, 0): 50})
    with shop_of(db, config, STORE, shop):
        yield shop


def sell(db: Db) -> None:
    for sku in ("A", "A", "B", "C"):
        ledger.move(db, sku, -1, reason="order", cause="till")


def check(db: Db, shop: SimulatedShop) -> None:
    assert unsent(db, STORE) == 0
    assert (shop.stock[1, 0], shop.stock[2, 0]) == (48, 49)
    assert shop.times_applied() == dict.fromkeys(shop.times_applied(), 1)
    marks: dict[str, list[Any]] = {}
    for each in db.stock_movements.find({"sent": {"$exists": True}}).sort([("sku", 1), ("seq", 1)]):
        marks.setdefault(each["sku"], []).append([mark["outcome"] for mark in each["sent"]])
    assert marks == {"A": [["applied"], ["applied"]], "B": [["applied"]], "C": [["unknown"]]}
    assert [each["_id"] for each in refusals(db).find()] == ["default:C"]


def test_killed_ahead_of_any_step_nothing_is_lost_and_nothing_is_done_twice(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    step = 0
    with processes(config, 1) as [process]:
        while True:
            step += 1
            _again(db, shop)
            process.steps.crash_at(step)
            try:
                send(process.db, config, STORE)
            except Crash:
                process.steps.go_on()
                let_time_pass(db)
                send(process.db, config, STORE, Progress(), "next")
                check(db, shop)
            else:
                break
        process.steps.go_on()
        check(db, shop)
    assert step > 12, "each of its steps was reached"


def _again(db: Db, shop: SimulatedShop) -> None:
    """As it was, with movements that wait."""
    db.stock_movements.delete_many({"seq": {"$gt": 1}})
    db.products.update_many({}, {"$set": {"stock": 50, "seq": 1}})
    refusals(db).delete_many({})
    shop.table.clear()
    shop.applied.clear()
    shop.stock |= {(1, 0): 50, (2, 0): 50}
    sell(db)


@pytest.mark.parametrize(
    ("first_stops_at", "other_stops_at"), [(1, 1), (2, 1), (5, 3), (8, 2), (9, 20), (10, 6), (12, 9)]
)
def test_a_process_whose_lease_ran_out_in_the_middle_and_the_next_apply_each_once(
    db: Db, config: Config, shop: SimulatedShop, first_stops_at: int, other_stops_at: int
) -> None:
    sell(db)

    def sends(process: Process, holder: str) -> None:
        let_time_pass(db)
        send(process.db, config, STORE, Progress(), holder)

    with processes(config, 2) as [one, other]:
        interleave(
            *(one, lambda: sends(one, "one"), other, lambda: sends(other, "other")),
            *(first_stops_at, other_stops_at),
        )
    let_time_pass(db)
    send(db, config, STORE)
    check(db, shop)
