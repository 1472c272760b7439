"""Any claims and look-ups, in any order, at two processes and with any crash, end in the same."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.processing.looking_up import look_up_next
from tests.senders.any_order import bounded, end_state, processes_with
from tests.senders.kasperopay.kaspa import StatusServer, add_kaspa_store, completed, paid, raw
from tests.senders.kasperopay.kaspa import status_server as serving
from tests.steps import Crash, Process, clear, interleave

_RECEIVED = datetime(2026, 1, 30, 16, tzinfo=UTC)
_CLAIMS = [
    paid(),
    paid(timestamp=...),
    paid(order_id="theirs"),
    paid(amount_usd="99.00"),
    paid("pay_2", amount_kas="1"),
    paid("pay_2", transaction_id="made up"),
    paid("pay_3"),
    paid("pay_4"),
    paid("pay_4", amount_usd="nothing"),
    paid("pay_5", event="payment.refunded"),
]
_ANSWERS: dict[str, Any] = {
    "pay_1": completed(),
    "pay_2": completed("pay_2"),
    "pay_3": completed("pay_3", status="expired"),
    "pay_4": raw(b"{", 500),
}
_sent = st.lists(st.sampled_from(_CLAIMS), min_size=1, max_size=6, unique_by=repr)


@pytest.fixture(scope="module")
def status() -> Iterator[StatusServer]:
    with serving() as server:
        server.answers |= _ANSWERS
        yield server


@pytest.fixture
def pair(config: Config, status: StatusServer) -> Iterator[list[Process]]:
    with processes_with(config, lambda db: add_kaspa_store(db, config, status)) as both:
        yield both


@pytest.fixture
def settings(config: Config) -> Config:
    return replace(config, outbound_allow=(ip_network("127.0.0.0/8"),))


def _deliver(process: Process, claim: Any) -> None:
    headers = {"content-type": "application/json"}
    process.deliver_bodies([("kaspa-1", headers, json.dumps(claim).encode())], _RECEIVED)


def _look_up(process: Process, settings: Config) -> None:
    """Look up all that waits once, as if the pauses and leases had passed."""
    process.db.lookups.update_many({}, {"$set": {"due_at": now()}})
    while look_up_next(process.db, settings, process.stores, "kaspa-1"):
        continue


def _end(db: Db) -> Document:
    """The payments, what waits to be looked up, and how each delivery ended."""
    ended = {each["_id"]: (each["state"], each["outcome"] == "ignored", each.get("reason")) for each in db.inbox.find()}
    return {**end_state(db), "lookups": sorted(each["_id"] for each in db.lookups.find()), "deliveries": ended}


def _end_of(process: Process, settings: Config, sent: Sequence[Any]) -> Document:
    clear(process.db)
    process.steps.go_on()
    for claim in sent:
        _deliver(process, claim)
    _look_up(process, settings)
    return _end(process.db)


def _without_times(ended: Document) -> Document:
    """Which entry brought a payment to its state depends on which came last."""
    payments = {key: {**each, "history": len(each.get("history", []))} for key, each in ended["payments"].items()}
    return {**ended, "payments": payments}


@bounded
@given(sent=_sent, data=st.data())
def test_any_order_of_claims_and_look_ups_ends_the_same(
    pair: list[Process], settings: Config, sent: list[Any], data: st.DataObject
) -> None:
    expected = _end_of(pair[0], settings, sent)
    clear(pair[0].db)
    looked_up = ["look up"] * data.draw(st.integers(0, 3))
    for step in data.draw(st.permutations([*sent, *sent, *looked_up])):
        process = data.draw(st.sampled_from(pair))
        if step == "look up":
            _look_up(process, settings)
        else:
            _deliver(process, step)
    _look_up(pair[1], settings)
    assert _without_times(_end(pair[0].db)) == _without_times(expected)
    counted = pair[0].db.payments.count_documents({"status": "completed"})
    assert counted == any(each["payment_id"] == "pay_1" and each["amount_usd"] == "15.05" for each in sent)


@bounded
@given(sent=_sent, at=st.integers(1, 30), again=st.integers(1, 15))
def test_any_crash_ends_the_same(pair: list[Process], settings: Config, sent: list[Any], at: int, again: int) -> None:
    first, second = pair
    expected = _end_of(first, settings, sent)
    clear(first.db)
    first.steps.crash_at(at)
    second.steps.go_on()
    steps: list[Callable[[], None]] = []
    for claim in sent:
        steps += [partial(_deliver, first, claim), partial(_look_up, first, settings)]
    for step in steps:
        try:
            step()
        except Crash:
            event("crashed")
            first.steps.go_on()
            second.steps.crash_at(again)
            try:
                second.take_over()
                _look_up(second, settings)
            except Crash:
                event("crashed again")
            second.steps.go_on()
            step()  # nobody acknowledged it
    first.steps.go_on()
    first.take_over()
    _look_up(first, settings)
    assert _without_times(_end(first.db)) == _without_times(expected)


def test_a_false_claim_is_parked_also_where_it_was_looked_up_while_it_was_being_applied(
    pair: list[Process], settings: Config
) -> None:
    first, second = pair
    false = paid(amount_usd="99.00")
    for step in range(1, 14):
        clear(first.db)
        interleave(first, partial(_deliver, first, false), second, partial(_look_up, second, settings), step, 1_000)
        _look_up(second, settings)
        [entry] = first.db.inbox.find()
        assert (step, entry["state"]) == (step, "parked")
        assert [each["status"] for each in first.db.payments.find()] == ["failed"]
        assert first.db.lookups.count_documents({}) == 0


def test_a_claim_that_comes_while_another_one_is_looked_up_is_judged_too(pair: list[Process], settings: Config) -> None:
    first, second = pair
    for looked_up, delivered in itertools.product(range(2, 6), range(3, 12)):
        clear(first.db)
        _deliver(first, paid(amount_usd="99.00"))
        deliver = partial(_deliver, first, paid(amount_usd="98.00"))
        interleave(second, partial(_look_up, second, settings), first, deliver, looked_up, delivered)
        _look_up(second, settings)
        assert [each["state"] for each in first.db.inbox.find()] == ["parked", "parked"], (looked_up, delivered)
        assert first.db.lookups.count_documents({}) == 0
