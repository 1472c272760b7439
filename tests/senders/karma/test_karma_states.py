"""What all reports of Karma about a thing come to: the same in any order of arrival and however often. Pure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pos_api.orders.model import OrderUpdate
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.karma.messages import read
from pos_api.senders.karma.translate import translate
from pos_api.senders.reports import KnownReport, Report, Reported, State
from pos_api.stores.model import Store
from tests.senders.karma.app import LUNCH, SALAD, line, order, purchase, refund

_STORE = Store("app", "app", "karma", currency="SEK", timezone="Europe/Stockholm")
_ARRIVED = datetime(2026, 1, 25, 16, tzinfo=UTC)


def _state(messages: Sequence[dict[str, Any]]) -> State:
    """What these messages, all about one thing, come to in this order of arrival."""
    known: dict[str, KnownReport] = {}
    state = State()
    for number, message in enumerate(messages):
        received_at = _ARRIVED + timedelta(minutes=number)
        body = json.dumps(message).encode()
        [report] = [each for each in translate(read(body), _STORE, received_at, "cause") if isinstance(each, Report)]
        new = KnownReport(report.id, report.name, report.content, report.at, received_at, "cause")
        known.setdefault(report.id, new)
        reports = sorted(known.values(), key=lambda each: (each.moment, each.id))
        state = report.put_together(Reported(reports, len(known), "cause", received_at))
    return state


def _end(state: State) -> str:
    """What a state sets, and what can't be used, without what shows the order of arrival."""
    commands = [
        replace(each, sequence=0, received_at=_ARRIVED, kind="updated")
        if isinstance(each, OrderUpdate)
        else replace(each, sequence=0, received_at=_ARRIVED)
        for each in state.commands
        if isinstance(each, OrderUpdate | PaymentUpdate)
    ]
    return repr((commands, sorted(state.unusable.items())))


_ORDER = [
    order("created"),
    order("updated", 35, state="ready", items=[SALAD, {**SALAD, "id": 2, "quantity": 1}]),
    order("updated", 40, source="Kiosk", totalCents=40000),
    order("completed", 45),
    order("updated", 50, state="sent"),
]
_PURCHASE = [
    purchase(),
    refund([line(1, -4500, vat=-400)], minute=40),
    refund([line(1, 11000)], minute=41),
    refund(LUNCH[1:], minute=42),
    refund([line(7, 1)], minute=43),
]


@pytest.mark.parametrize("messages", [_ORDER, _PURCHASE])
def test_any_order_of_arrival_comes_to_the_same(messages: list[dict[str, Any]]) -> None:
    ends = {_end(_state([*arrival, arrival[0]])) for arrival in itertools.permutations(messages)}
    assert len(ends) == 1


def _update(state: State) -> OrderUpdate:
    [update] = [each for each in state.commands if isinstance(each, OrderUpdate)]
    return update


def test_an_order_that_ended_stays_so_and_takes_newer_fields() -> None:
    update = _update(_state(_ORDER))
    assert update.status is not None
    assert (update.status.name, update.status.stage, update.status.stock_rule) == ("completed", "completed", "taken")
    assert (update.fields["created_via"], str(update.fields["total"])) == ("Kiosk", "400.00")
    assert [each["quantity"] for each in update.fields["line_items"]] == [2, 1]


@pytest.mark.parametrize(
    ("ends", "stage"),
    [
        ([order("completed", 40), order("cancelled", 45)], "cancelled"),
        ([order("completed", 45), order("cancelled", 40)], "completed"),
        ([order("completed", 40), order("cancelled", 40)], "cancelled"),
        ([order("updated", 40, state="Cancelled")], "cancelled"),
        ([order("cancelled", 40), order("created", 59)], "cancelled"),
    ],
)
def test_of_several_ends_the_latest_counts(ends: list[dict[str, Any]], stage: str) -> None:
    status = _update(_state([order("created"), *ends])).status
    assert status is not None
    assert status.stage == stage


def test_refunds_pay_back_what_their_lines_say_and_the_last_one_what_is_left_of_the_vat() -> None:
    state = _state([purchase(), refund([line(1, -4500, vat=-400)], minute=40), refund([line(1, 10000)], minute=41)])
    refunds = _update(state).fields["refunds"]
    assert [str(each["amount"]) for each in refunds] == ["45.00", "100.00"]
    assert [str(each["taxes"][0]["total"]) for each in refunds] == ["4.00", "11.60"], "15.60 in all"
    assert state.unusable == {}


def test_of_a_purchase_that_is_reported_in_two_ways_the_latest_counts_in_any_order() -> None:
    """Also where the first one is emitted once more."""
    reported = [purchase([line(1, cents)], minute=minute) for cents, minute in ((100, 35), (200, 36), (100, 37))]
    for messages in itertools.permutations(reported):
        [paid] = [each for each in _state(messages).commands if isinstance(each, PaymentUpdate)]
        assert str(paid.amount) == "1.00"


def test_the_same_part_twice_at_other_times_is_refunded_once_and_the_other_one_parked() -> None:
    part = [line(1, 1000, vat=100)]
    state = _state([purchase(), refund(part, minute=41), refund(part, minute=40), refund(part, minute=40)])
    assert len(_update(state).fields["refunds"]) == 1
    assert list(state.unusable.values()) == [
        "An earlier refund has the same lines: it may be that one, sent again, or another."
    ]


def test_the_whole_after_a_part_is_what_is_left() -> None:
    state = _state([purchase(), refund([line(1, 4500, vat=400)], minute=40), refund(LUNCH, minute=41)])
    [payment] = [each for each in state.commands if isinstance(each, PaymentUpdate)]
    assert (payment.status, str(payment.refunded), str(payment.tip)) == ("refunded", "165.00", "20.00")
    assert [str(each["amount"]) for each in _update(state).fields["refunds"]] == ["45.00", "100.00"]


def test_what_created_an_order_is_older_than_all_else_also_where_it_is_sent_again_later() -> None:
    update = _update(_state([order("created"), order("updated", 40, source="Kiosk"), order("created", 55)]))
    assert update.fields["created_via"] == "Kiosk"


def test_a_discounted_line_pays_back_no_more_than_was_paid_without_the_tip() -> None:
    lines = [line(1, 10000), line(2, -2000, type="discount"), line(3, 3000, 0, 0, type="tip")]
    state = _state([purchase(lines), refund([line(1, 10000)], minute=40), refund([line(1, 8000)], minute=41)])
    assert [str(each["amount"]) for each in _update(state).fields["refunds"]] == ["80.00"]
    assert list(state.unusable.values()) == ["It would pay back nothing, or more than is left of what was paid."]
