"""A payment and its order find each other, whichever comes first, also at once and after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.payments.model import order_key_by_id, order_key_by_transaction
from pos_api.processing import batches, listeners
from pos_api.processing.work import retried
from tests.factories import line, order
from tests.payments.reporting import add_provider, deliver, report
from tests.steps import Crash, Process, clear, interleave, processes

BY_ID = order_key_by_id("default", "1")
BY_TRANSACTION = order_key_by_transaction("default", "pi_1")


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with processes(config, 2) as pair:
        add_provider(db, *pair)
        yield pair


def _order_of(db: Db, payment: str = "p1") -> Any:
    found = db.payments.find_one({"_id": f"pay:{payment}"})
    assert found is not None
    return found["order"]


def test_a_payment_finds_the_order_that_is_there(pair: list[Process], db: Db) -> None:
    pair[0].deliver("order.created", order(1, number="S-9", transaction_id="pi_1"))
    for number, wanted in enumerate([BY_ID, order_key_by_id("default", "S-9"), BY_TRANSACTION]):
        deliver(pair[0], report(f"p{number}", [wanted]))
        assert _order_of(db, f"p{number}") == "default:1"


def test_an_order_finds_the_payments_that_came_before_it(pair: list[Process], db: Db) -> None:
    wanted = [BY_ID, order_key_by_id("default", "S-9"), BY_TRANSACTION, order_key_by_id("default", "2")]
    for number, each in enumerate(wanted):
        deliver(pair[0], report(f"p{number}", [each]))
    assert {_order_of(db, f"p{number}") for number in range(4)} == {None}
    pair[1].deliver("order.created", order(1, number="S-9", transaction_id="pi_1"))
    assert [_order_of(db, f"p{number}") for number in range(4)] == ["default:1"] * 3 + [None]


def test_an_order_that_gets_its_transaction_or_another_number_later_finds_its_payment(
    pair: list[Process], db: Db
) -> None:
    deliver(pair[0], report("p1", [BY_TRANSACTION]))
    deliver(pair[0], report("p2", [order_key_by_id("default", "S-9")]))
    pair[0].deliver("order.created", order(1, line("A")))
    assert (_order_of(db), _order_of(db, "p2")) == (None, None)
    pair[0].deliver("order.updated", order(1, line("A"), modified=1, transaction_id="pi_1"))
    pair[0].deliver("order.updated", order(1, line("A"), modified=2, transaction_id="pi_1", number="S-9"))
    assert (_order_of(db), _order_of(db, "p2")) == ("default:1", "default:1")


def test_the_order_of_a_payment_survives_its_updates_and_follows_what_it_names(pair: list[Process], db: Db) -> None:
    for number in (1, 2):
        pair[0].deliver("order.created", order(number))
    deliver(pair[0], report("p1", [BY_ID]))
    deliver(pair[0], report("p1", [BY_ID], minute=1, refunded=Decimal128("5")))
    assert _order_of(db) == "default:1"
    payment = db.payments.find_one({"_id": "pay:p1"})
    assert payment
    assert payment["search"] == ["1", "p1"]
    deliver(pair[0], report("p1", [order_key_by_id("default", "2")], minute=2))
    assert _order_of(db) == "default:2"
    deliver(pair[0], report("p1", [order_key_by_id("default", "3")], minute=3))
    assert _order_of(db) is None


def test_a_number_of_several_orders_matches_none_and_people_are_told(pair: list[Process], db: Db) -> None:
    for number in (5, 6):
        pair[0].deliver("order.created", order(number, number="1001"))
    outcome = deliver(pair[0], report("p1", [order_key_by_id("default", "1001")]))
    assert _order_of(db) is None
    assert [each.message for each in outcome.warnings] == [
        "The payment names default:5, default:6 in the same way, so it is matched with none of them."
    ]
    pair[0].deliver("order.updated", order(6, number="1001", transaction_id="pi_1", modified=1))
    deliver(pair[0], report("p1", [order_key_by_id("default", "1001"), BY_TRANSACTION], minute=1))
    assert _order_of(db) == "default:6", "its transaction id decides"


def test_a_payment_keeps_its_order_when_it_names_it_in_more_ways(pair: list[Process], db: Db) -> None:
    number = order_key_by_id("default", "1001")
    pair[0].deliver("order.created", order(5, number="1001"))
    deliver(pair[0], report("p1", [number]))
    pair[0].deliver("order.created", order(6, number="1001"))
    assert deliver(pair[0], report("p1", [number, BY_TRANSACTION], minute=1)).warnings == ()
    assert _order_of(db) == "default:5"
    pair[0].deliver("order.updated", order(6, number="1001", transaction_id="pi_1", modified=1))
    assert _order_of(db) == "default:6", "what it names more surely counts"


def test_a_payment_goes_to_the_order_of_that_id_when_it_comes_after_one_of_that_number(
    pair: list[Process], db: Db
) -> None:
    pair[0].deliver("order.created", order(5, number="1"))
    deliver(pair[0], report("p1", [BY_ID]))
    assert _order_of(db) == "default:5"
    pair[0].deliver("order.created", order(1, number="7"))
    assert _order_of(db) == "default:1"


_ORDER = order(1, line("A"), transaction_id="pi_1")


@given(st.integers(1, 14), st.integers(1, 14), st.booleans(), st.sampled_from([BY_ID, BY_TRANSACTION]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_payment_and_its_order_at_once_always_find_each_other(
    pair: list[Process], i: int, j: int, payment_first: bool, wanted: str
) -> None:
    one, other = pair
    clear(one.db)
    work = report("p1", [wanted])
    acts = [lambda: deliver(one, work), lambda: other.deliver("order.created", _ORDER)]
    if payment_first:
        interleave(one, acts[0], other, acts[1], i, j)
    else:
        interleave(other, acts[1], one, acts[0], i, j)
    assert _order_of(one.db) == "default:1"


@pytest.mark.parametrize("step", range(1, 14))
def test_a_refund_at_once_with_the_order_loses_neither(pair: list[Process], step: int) -> None:
    one, other = pair
    deliver(one, report("p1", [BY_ID]))
    refund = report("p1", [BY_ID], minute=1, status="partially_refunded", refunded=Decimal128("5"))
    interleave(one, lambda: deliver(one, refund), other, lambda: other.deliver("order.created", _ORDER), step, 99)
    payment = one.db.payments.find_one({"_id": "pay:p1"})
    assert payment
    assert (payment["order"], payment["status"]) == ("default:1", "partially_refunded")


@pytest.mark.parametrize("step", range(1, 12))
def test_a_crash_loses_neither_the_order_nor_an_event(
    pair: list[Process], db: Db, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        listeners, "notify", lambda events: seen.extend(e.id for e in events if e.type.startswith("payment"))
    )
    pair[0].deliver("order.created", _ORDER)
    paid = report("p1", [BY_ID])
    pair[0].steps.crash_at(step)
    try:
        deliver(pair[0], paid)
    except Crash:
        pair[0].steps.go_on()
    pair[0].steps.go_on()
    deliver(pair[1], report("p1", [BY_ID], minute=1, status="refunded", refunded=Decimal128("100")))
    batches.process(db, pair[1].lease, [retried(paid)])
    assert _order_of(db) == "default:1"
    assert sorted({event.rpartition(":")[2] for event in seen}) == ["completed", "refunded"]
    assert len(set(seen)) == 2, "what is the same event has the same id"


def test_an_order_of_a_store_that_nobody_else_is_paid_for_costs_no_query_more(config: Config, db: Db) -> None:
    with processes(config, 1) as [process]:
        process.deliver("order.created", order(1, line("A")))
        without = len(process.steps.names)
        add_provider(db, process)
        process.deliver("order.created", order(2, line("A")))
        assert len(process.steps.names) == without + 1


def test_looking_for_orders_and_payments_stays_on_indexes_that_find_them(pair: list[Process], config: Config) -> None:
    for number in range(1, 40):
        pair[0].deliver("order.created", order(number, number=f"S-{number}", transaction_id=f"pi_{number}"))
    with MongoClient[Document](config.mongodb_uri) as client:
        profiled = client.get_default_database()
        profiled.drop_collection("system.profile")
        profiled.command("profile", 2)
        wanted = [order_key_by_id("default", "S-7"), BY_TRANSACTION, order_key_by_id("default", "9")]
        deliver(pair[0], report("p1", wanted))
        pair[0].deliver("order.updated", order(7, number="S-7", transaction_id="pi_7", modified=1))
        profiled.command("profile", 0)
        read = list(profiled["system.profile"].find({"op": "query", "ns": {"$regex": r"\.(orders|payments)$"}}))
        profiled.drop_collection("system.profile")
    looked_for = [each for each in read if {"$or", "wanted"} & each["command"]["filter"].keys()]
    assert {each["ns"].rpartition(".")[2] for each in looked_for} == {"orders", "payments"}
    assert [each["planSummary"] for each in looked_for if "COLLSCAN" in each["planSummary"]] == []
    assert max(each["docsExamined"] for each in looked_for) <= 6
