"""What is sent when, what is noted, and that nothing is lost whatever a shop answers."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.senders.woocommerce.stock_push.push import push
from pos_api.senders.woocommerce.stock_push.recording import Result, record
from pos_api.senders.woocommerce.stock_push.waiting import Pause, Progress, read_batch
from pos_api.stock import ledger, sync_backlog, sync_lease
from pos_api.stock.store_sync import UNSENT, refusals, states
from tests.factories import line, order, stock_up
from tests.senders.woocommerce.stock_push.sending import let_time_pass, products, send, shop_of, state, unsent
from tests.senders.woocommerce.stock_push.simulated_shop import Faults, SimulatedShop
from tests.steps import Crash, processes
from tests.waiting import wait_until

STORE = "default"


@pytest.fixture
def shop(db: Db, config: Config) -> Iterator[SimulatedShop]:
    """A shop with 9 products (A to I), of 50 each."""
    skus = "ABCDEFGHI"
    products(db, dict.fromkeys(skus, 50), STORE)
    shop = SimulatedShop(b"", {(number, 0): 50 for number in range(1, len(skus) + 1)})
    with shop_of(db, config, STORE, shop):
        yield shop


def sell(db: Db, sku: str, *units: float) -> None:
    for each in units:
        ledger.move(db, sku, -each, reason="order", cause="till")


def sent(db: Db, sku: str) -> list[dict[str, Any]]:
    found = db.stock_movements.find({"sku": sku, "sent": {"$exists": True}}).sort("seq", 1)
    return [mark for each in found for mark in each["sent"]]


def test_what_became_of_a_movement_is_noted_at_it_with_the_shops_stock(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 2)
    assert send(db, config, STORE)
    assert not send(db, config, STORE), "nothing is left"
    [mark] = sent(db, "A")
    assert (mark["store"], mark["outcome"], mark["quantity"]) == (STORE, "applied", 48)
    assert now() - mark["at"] < timedelta(minutes=1)
    known = state(db)
    assert known["plugin"] == "1.1.0"
    assert "last_applied_at" in known
    assert not {"failures", "next_attempt_at", "holder", "lease_until"} & known.keys()
    assert unsent(db, STORE) == 0
    assert shop.stock[1, 0] == 48


def test_a_hundred_at_a_time_are_sent_and_no_product_waits_for_all_of_another(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", *[1] * 230)
    sell(db, "B", 1)
    sell(db, "C", 1, 1)
    send(db, config, STORE)
    assert [len(each) for each in shop.requests] == [100, 100, 33]
    assert [item["sku"] for item in shop.requests[1][:3]] == ["B", "C", "C"], "it goes round"
    assert [movement for movement, product in shop.applied if product == (1, 0)] == [
        str(each["_id"]) for each in db.stock_movements.find({"sku": "A", "seq": {"$gt": 1}}).sort("seq", 1)
    ], "those of a product in their order"
    assert shop.stock[1, 0] == 50 - 230


def test_nothing_is_sent_before_it_survives_a_crash_of_the_database(
    config: Config, db: Db, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    with processes(config, 1) as [process]:
        assert send(process.db, config, STORE)
        names = list(process.steps.names)
        after_read = names[names.index("find", names.index("find") + 1) :]
        assert "delete" in after_read, "the journal is waited for"
        sell(db, "A", 1)
        shop.requests.clear()
        process.steps.crash_at(names.index("delete") + 1)
        with pytest.raises(Crash):
            send(process.db, config, STORE)
        assert not shop.requests


def test_a_request_costs_few_round_trips_however_much_is_in_it(config: Config, db: Db, shop: SimulatedShop) -> None:
    for sku in "ABCDEFGHI":
        sell(db, sku, *[1] * 11)
    with processes(config, 1) as [process]:
        send(process.db, config, STORE)
        assert len(shop.requests) == 1
        assert process.steps.names == [
            *("find", "update"),  # something waits, so the lease is taken
            *("find", "find"),  # where the shop is, and what signs
            *(
                "update",
                "find",
                "delete",
                "find",
            ),  # still its lease; the movements, once they are on disk; the products
            *("update", "update"),  # what became of them, and that the shop has answered
            *("update", "find", "find", "update"),  # still its lease; nothing is left; the lease is given back
        ]


def test_an_order_costs_no_more_round_trips_where_its_stock_is_sent_to_shops(
    db: Db, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recently_read, "MAX_AGE", 3600.0)
    stock_up(db, A=50)
    states(db).insert_many([{"_id": store, "on": True} for store in ("north", "south")])
    with processes(config, 1) as [process]:
        process.deliver("order.created", order(1, line("A")))
        process.steps.go_on()
        process.deliver("order.created", order(2, line("A")))
        assert len(process.steps.names) <= 8, process.steps.names
        process.steps.go_on()
        process.deliver_all([("order.created", order(number, line("A"))) for number in range(10, 60)])
        assert len(process.steps.names) <= 8, process.steps.names
    assert (unsent(db, "north"), unsent(db, "south"), unsent(db, "default")) == (52, 52, 0)


def test_one_process_sends_to_a_shop_at_a_time_and_another_follows_when_it_is_killed(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    assert sync_lease.take(db, STORE, "killed")
    assert sync_lease.is_held(db, STORE)
    assert not send(db, config, STORE, holder="other")
    assert not shop.requests
    lasts = state(db)["lease_until"] - now()
    assert timedelta(seconds=5) < lasts <= timedelta(seconds=sync_lease.SECONDS + 1)
    let_time_pass(db)
    assert not sync_lease.is_held(db, STORE)
    assert send(db, config, STORE, holder="other")
    assert shop.stock[1, 0] == 49
    assert not sync_lease.renew(db, STORE, "killed"), "who lost the lease notices"


def test_of_many_that_look_at_once_one_takes_the_lease(db: Db, config: Config, shop: SimulatedShop) -> None:
    sell(db, "A", 1)
    taken: list[bool] = []
    threads = [
        threading.Thread(target=lambda name=f"p{each}": taken.append(sync_lease.take(db, STORE, name)))
        for each in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(True) == 1


def test_a_shop_that_was_switched_off_is_sent_nothing_more(db: Db, config: Config, shop: SimulatedShop) -> None:
    sell(db, "A", *[1] * 150)
    progress = Progress()
    assert sync_lease.take(db, STORE, "me")

    def switch_off(movement: str) -> None:
        states(db).update_one({"_id": STORE}, {"$set": {"on": False}})

    shop.on_item = switch_off
    push(db, config, STORE, "me", progress, threading.Event())
    assert len(shop.requests) == 1
    assert unsent(db, STORE) == 50
    assert not sync_lease.is_held(db, STORE)
    assert not send(db, config, STORE)


def test_after_each_failure_the_pause_doubles_up_to_a_minute_and_nothing_is_noted(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    shop.faults = Faults(reply=(409, '{"code": "pos_sync_copy", "message": "This site is a copy."}'))
    pauses = []
    for _ in range(9):
        assert send(db, config, STORE)
        known = state(db)
        pauses.append(round((known["next_attempt_at"] - known["last_error_at"]) / timedelta(seconds=1)))
        assert not send(db, config, STORE), "the pause holds for every process"
        assert known["last_error"] == "This site is a copy."
        let_time_pass(db)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert state(db)["failures"] == 9
    assert unsent(db, STORE) == 1
    assert sent(db, "A") == []
    shop.faults = Faults()
    send(db, config, STORE)
    assert "failures" not in state(db)
    assert shop.stock[1, 0] == 49


def test_a_busy_shop_is_left_alone_as_long_as_it_asks_for_but_not_for_days(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    for asked, waited in ((120, 120), (1_000_000, 3_600)):
        shop.faults = Faults(reply=(429, ""), headers={"Retry-After": str(asked)})
        let_time_pass(db)
        send(db, config, STORE)
        known = state(db)
        assert round((known["next_attempt_at"] - known["last_error_at"]) / timedelta(seconds=1)) == waited


def test_a_shop_without_connection_or_key_is_not_sent_to_and_it_is_said_why(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    db.stores.update_one({"_id": STORE}, {"$unset": {"rest": ""}})
    send(db, config, STORE)
    assert "is not connected" in state(db)["last_error"]
    assert unsent(db, STORE) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        '{"plugin": "1.1.0", "items": [{"movement": "other", "outcome": "applied"}]}',
        '{"plugin": "1.1.0", "items": [null, 7, "x", {"movement": 7}, {"outcome": "applied"}]}',
        '{"plugin": "1.1.0", "items": [{"movement": ID, "outcome": "ok"}]}',
        '{"plugin": "1", "items": [{"movement": ID, "outcome": "applied"}, {"movement": ID, "outcome": "refused"}]}',
        '{"plugin": "1.1.0", "items": [{"movement": ID, "outcome": "retry"}]}',
        '{"plugin": "1.1.0", "items": [{"movement": ID, "outcome": ["applied"]}]}',
        '{"plugin": 1.1, "items": [[[[[]]]]]}',
        "[" * 100_000,
        "x" * 3_000_000,
        "",
    ],
)
def test_a_wrong_answer_loses_nothing(db: Db, config: Config, shop: SimulatedShop, answer: str) -> None:
    sell(db, "A", 1)
    movement = db.stock_movements.find_one({"unsent": {"$exists": True}}) or {}
    shop.faults = Faults(reply=(200, answer.replace("ID", f'"{movement["_id"]}"')))
    assert send(db, config, STORE)
    assert unsent(db, STORE) == 1
    assert sent(db, "A") == []
    assert "last_error" in state(db)
    shop.faults = Faults()
    let_time_pass(db)
    assert send(db, config, STORE, Progress())
    assert [each["outcome"] for each in sent(db, "A")] == ["applied"]
    assert shop.stock[1, 0] == 49


def test_what_an_answer_leaves_out_is_sent_again_and_the_rest_is_noted(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    sell(db, "B", 1)
    of_a = db.stock_movements.find_one({"sku": "A", "unsent": {"$exists": True}}) or {}
    row = {"movement": str(of_a["_id"]), "outcome": "applied", "quantity": "49"}
    shop.faults = Faults(reply=(200, json.dumps({"plugin": "1.1.0", "items": [row]})))
    progress = Progress()
    send(db, config, STORE, progress)
    [mark] = sent(db, "A")
    assert (mark["outcome"], "quantity" in mark) == ("applied", False)
    assert unsent(db, STORE) == 1
    assert progress.paused() == {"B"}
    assert "does not say what became" in state(db)["last_error"]


def test_what_the_shop_wants_later_holds_back_its_product_alone(db: Db, config: Config, shop: SimulatedShop) -> None:
    sell(db, "A", 1, 1, 1)
    sell(db, "B", 1)
    shop.faults = Faults(retry=frozenset("A"))
    progress = Progress()
    send(db, config, STORE, progress)
    assert shop.stock[2, 0] == 49
    assert unsent(db, STORE) == 3
    assert len(shop.requests) == 1, "it is not asked again at once"
    sell(db, "B", 1)
    assert send(db, config, STORE, progress)
    assert [item["sku"] for item in shop.requests[1]] == ["B"]
    assert not send(db, config, STORE, progress)
    shop.faults = Faults()
    wait_until(lambda: not progress.paused())
    send(db, config, STORE, progress)
    assert shop.stock[1, 0] == 47
    assert [each["outcome"] for each in sent(db, "A")] == ["applied"] * 3


def test_a_product_that_the_shop_wants_later_again_and_again_is_left_alone_for_longer_and_no_other_is(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    sell(db, "A", 1)
    shop.faults = Faults(retry=frozenset("A"))
    progress = Progress()
    for pause in (1, 2, 4):
        progress.pauses = {sku: replace(each, until=0.0) for sku, each in progress.pauses.items()}
        assert send(db, config, STORE, progress)
        assert progress.pauses["A"].seconds == pause
        assert "next_attempt_at" not in state(db), "the shop itself is not left alone"
    sell(db, "B", 1)
    assert send(db, config, STORE, progress)
    assert shop.stock[2, 0] == 49


def test_a_shop_that_wants_nearly_all_later_is_left_alone(db: Db, config: Config, shop: SimulatedShop) -> None:
    sell(db, "A", 1)
    progress = Progress(pauses={f"X{number}": Pause(float("inf"), 1.0, alone=False) for number in range(300)})
    shop.faults = Faults(retry=frozenset("A"))
    send(db, config, STORE, progress)
    assert state(db)["failures"] == 1
    assert state(db)["last_error"] == "busy"


def test_a_movement_that_makes_every_request_fail_does_not_hold_back_the_others(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    for sku in "ABCDEFGHI":
        sell(db, sku, 1, 1)
    shop.blocked = "G"
    progress = Progress()
    for _ in range(40):
        let_time_pass(db)
        send(db, config, STORE, progress)
    assert unsent(db, STORE) == 2
    assert {stock for product, stock in shop.stock.items() if product != (7, 0)} == {48}
    assert progress.sent_alone() == {"G"}
    assert "Something before WordPress refuses" in state(db)["last_error"]
    shop.blocked = ""
    progress.pauses.clear()
    let_time_pass(db)
    send(db, config, STORE, progress)
    assert shop.stock[7, 0] == 48


def test_after_the_shop_was_down_for_long_products_are_sent_together_again(
    db: Db, config: Config, shop: SimulatedShop
) -> None:
    """While it is down, one product after the other fails alone. That is not the products' fault, and a request for
    each of hundreds of them would keep what is sold meanwhile waiting."""
    for sku in "ABCDEFGHI":
        sell(db, sku, 1)
    shop.faults = Faults(reply=(500, "{}"))
    progress = Progress()
    for _ in range(12):
        let_time_pass(db)
        send(db, config, STORE, progress)
    assert len(progress.sent_alone()) == 9
    shop.faults = Faults()
    progress.pauses = {sku: replace(each, until=0.0) for sku, each in progress.pauses.items()}
    let_time_pass(db)
    send(db, config, STORE, progress)
    assert unsent(db, STORE) == 0
    assert [len(items) for items in shop.requests] == [1, 2, 4, 2]


def test_what_the_shop_did_not_take_is_a_refusal_of_the_product(db: Db, config: Config, shop: SimulatedShop) -> None:
    shop.stock[2, 0] = None
    del shop.stock[3, 0]
    db.products.update_one({"_id": "D"}, {"$set": {"unmanaged_ids": ["default:4"]}})
    db.products.update_one({"_id": "E"}, {"$set": {"external_ids": []}})
    for sku, units in (("A", 0.5), ("B", 1), ("C", 1), ("D", 1), ("E", 1)):
        sell(db, sku, units)
    sell(db, "A", 0.25)
    send(db, config, STORE)
    outcomes = {sku: sent(db, sku)[-1]["outcome"] for sku in "ABCDE"}
    assert outcomes == {"A": "refused", "B": "not_managed", "C": "unknown", "D": "not_managed", "E": "not_sold"}
    assert {item["sku"] for request in shop.requests for item in request} == set("ABC"), "the rest was not sent"
    found = {each["product"]: each for each in refusals(db).find({"store": STORE})}
    assert {product: each["outcome"] for product, each in found.items()} == {
        "A": "refused",
        "B": "not_managed",
        "C": "unknown",
    }
    assert (found["A"]["_id"], found["A"]["seq"]) == ("default:A", 3), "the latest movement counts"
    assert unsent(db, STORE) == 0


def test_noting_it_again_changes_nothing(db: Db, config: Config, shop: SimulatedShop) -> None:
    sell(db, "A", 1)
    [movement] = read_batch(db, STORE, Progress())
    record(db, STORE, [Result(movement, "applied", 49)])
    before = db.stock_movements.find_one({"_id": movement["_id"]})
    record(db, STORE, [Result(movement, "refused", 50, "no")])
    assert db.stock_movements.find_one({"_id": movement["_id"]}) == before
    assert before is not None
    assert len(before["sent"]) == 1


def test_a_movement_for_two_stores_waits_for_each(db: Db, config: Config, shop: SimulatedShop) -> None:
    db.products.update_one({"_id": "A"}, {"$push": {"external_ids": "north:3"}})
    other = SimulatedShop(b"", {(3, 0): 50})
    with shop_of(db, config, "north", other):
        sell(db, "A", 1)
        send(db, config, STORE)
        assert (unsent(db, STORE), unsent(db, "north")) == (0, 1)
        other.faults = Faults(reply=(503, ""))
        send(db, config, "north")
        assert (shop.stock[1, 0], other.stock[3, 0]) == (49, 50)
        other.faults = Faults()
        let_time_pass(db)
        send(db, config, "north")
        assert other.stock[3, 0] == 49
        assert sorted(each["store"] for each in sent(db, "A")) == [STORE, "north"]


def test_what_waits_is_found_by_an_index_in_its_order(db: Db, shop: SimulatedShop) -> None:
    sell(db, "A", 1)
    for query in ({"unsent.store": STORE}, {"unsent.store": STORE, "sku": {"$gt": "A", "$nin": ["B", "C"]}}):
        plan = db.stock_movements.find(query, hint=UNSENT).sort([("sku", 1), ("seq", 1)]).limit(100).explain()
        assert '"SORT"' not in json.dumps(plan, default=str)
        assert "COLLSCAN" not in json.dumps(plan, default=str)


def test_how_far_the_sending_is_behind_is_known_by_store(db: Db, config: Config, shop: SimulatedShop) -> None:
    states(db).insert_one({"_id": "off", "on": False})
    sell(db, "A", 1, 1)
    db.stock_movements.update_many({"sku": "A", "seq": 2}, {"$set": {"at": now() - timedelta(minutes=10)}})
    shop.faults = Faults(reply=(503, ""))
    send(db, config, STORE)
    figures = sync_backlog.figures(db)
    assert figures.keys() == {STORE}
    assert figures[STORE]["oldest_waiting_seconds"] == pytest.approx(600, abs=30)
    assert {name: figures[STORE][name] for name in ("waiting", "failures", "refusals")} == {
        "waiting": 2,
        "failures": 1,
        "refusals": 0,
    }


def test_metrics_show_what_waits_and_what_failed_by_store(client: FlaskClient, db: Db, config: Config) -> None:
    products(db, {"A": 50}, STORE)
    shop = SimulatedShop(b"", {(1, 0): 50}, faults=Faults(reply=(503, "")))
    with shop_of(db, config, STORE, shop):
        sell(db, "A", 1, 1)
        failed = _figure(client, "pos_stock_request_failures_total")
        send(db, config, STORE)
        assert _figure(client, "pos_stock_waiting") == 2
        assert _figure(client, "pos_stock_failures") == 1
        assert _figure(client, "pos_stock_oldest_waiting_seconds") >= 0
        assert _figure(client, "pos_stock_request_failures_total") == failed + 1
        shop.faults = Faults()
        let_time_pass(db)
        applied = _figure(client, "pos_stock_sent_total", 'outcome="applied",')
        send(db, config, STORE)
        assert _figure(client, "pos_stock_waiting") == 0
        assert _figure(client, "pos_stock_failures") == 0
        assert _figure(client, "pos_stock_refusals") == 0
        assert _figure(client, "pos_stock_sent_total", 'outcome="applied",') == applied + 2


def _figure(client: FlaskClient, name: str, labels: str = "") -> float:
    """A figure of the store; 0 where it is not there yet."""
    found = re.search(rf'^{name}{{{labels}store="{STORE}"}} (.*)$', client.get("/metrics").text, re.M)
    return float(found[1]) if found else 0.0
