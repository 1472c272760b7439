"""What reports of a till come to, worked out without a database: the same for every order in which they arrive."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from pos_api.cash.model import CashMovementUpdate, CashSessionUpdate
from pos_api.errors import Invalid
from pos_api.orders.model import OrderUpdate
from pos_api.payments.model import PaymentUpdate
from pos_api.senders.kaynko.sender import Kaynko
from pos_api.senders.reports import KnownReport, Report, Reported, State
from pos_api.stores.model import Store
from tests.senders.kaynko.till import debt, item, sale, session, void

_STORE = Store("till-1", "till-1", "kaynko", timezone="Africa/Lusaka", currency="USD")
_ARRIVED = datetime(2026, 6, 11, 20, tzinfo=UTC)


def _report(message: Any, store: Store = _STORE, arrived: int = 0) -> Report:
    sender, received_at = Kaynko(), _ARRIVED + timedelta(minutes=arrived)
    [command] = sender.translate(sender.read({}, json.dumps(message).encode()), store, received_at, f"entry-{arrived}")
    assert isinstance(command, Report)
    return command


def _state(messages: Iterable[Any], store: Store = _STORE) -> State:
    """The state after these messages have arrived, one a minute; as `processing.reported` puts it together."""
    known: dict[str, KnownReport] = {}
    for arrived, message in enumerate(messages):
        last = _report(message, store, arrived)
        first = known.get(last.id)
        known = {name: replace(each, personal={}) for name, each in known.items()}
        received_at, cause = (first.received_at, first.cause) if first else (last.received_at, last.cause)
        known[last.id] = KnownReport(last.id, last.name, last.content, last.at, received_at, cause, last.personal)
    reports = sorted(known.values(), key=lambda each: (each.moment, each.id))
    return last.put_together(Reported(reports, len(reports), last.cause, last.received_at))


def _summary(state: State) -> list[Any]:
    """What of a state must not depend on the order of arrival."""
    rows: list[Any] = []
    for each in state.commands:
        match each:
            case OrderUpdate():
                fields = {name: value for name, value in each.fields.items() if name != "billing"}
                rows.append((each.key, each.status, each.modified_at, each.sequence, fields, each.warnings))
            case PaymentUpdate():
                rows.append((each.key, each.status, each.amount, each.refunded, each.method, each.paid_at, each.order))
            case CashMovementUpdate():
                rows.append((each.key, each.kind, each.at, each.amount, each.is_assumed))
            case CashSessionUpdate():
                rows.append((each.key, each.opened_at, each.closed_at, each.opening_cash, each.counted_cash))
    return rows


_SETS = {
    "a sale, its correction and its void": [
        sale(1, item("A", 2), sent=1),
        sale(1, item("A", 1), item("B"), sent=2, total=9.9, paymentMethod="card"),
        void(1, sent=3),
    ],
    "a void ahead of its sale, by the till's own clock": [
        void(1, sent=1),
        sale(1, item("A", 2), sent=2),
        sale(1, item("A", 3), sent=3),
    ],
    "a sale that becomes what it was": [
        sale(1, item("A", 1), sent=1),
        sale(1, item("A", 2), sent=2),
        sale(1, item("A", 1), sent=3),
    ],
    "two contents of one moment": [sale(1, item("A", 1)), sale(1, item("A", 2)), sale(1, item("A", 3))],
    "cash that was credit after all": [
        sale(1, item("A"), sent=1),
        sale(1, item("A"), sent=2, paymentMethod="credit"),
        void(1, sent=3, paymentMethod="credit"),
    ],
    "a session, counted again": [
        session(5, "opened", 20, sent=1),
        session(5, "closed", 90, sent=2),
        session(5, "closed", 91, sent=3),
        session(5, "closed", 91, sent=4),
    ],
}


@pytest.mark.parametrize("name", _SETS)
def test_any_order_of_arrival_comes_to_the_same(name: str) -> None:
    expected = _summary(_state(_SETS[name]))
    for arrived in permutations(_SETS[name]):
        assert _summary(_state(arrived)) == expected
        assert _summary(_state([*arrived, *arrived])) == expected


def _order(*messages: Any) -> OrderUpdate:
    order = _state(messages).commands[0]
    assert isinstance(order, OrderUpdate)
    return order


def test_what_was_sent_last_counts_and_its_buyer() -> None:
    first, second = sale(1, item("A"), sent=1, customerName="Jane"), sale(1, item("B"), sent=2, customerName="Joe")
    for arrived in ((first, second), (second,)):
        order = _order(*arrived)
        assert order.fields["line_items"][0]["sku"] == "B"
        assert order.fields["billing"] == {"first_name": "Joe"}
    late = _order(second, first)
    assert late.fields["line_items"][0]["sku"] == "B"
    assert "billing" not in late.fields, "an older content's buyer is not the sale's"
    assert _order(first, sale(1, item("B"), sent=2, customerName=None)).fields["billing"] == {}


def test_a_sale_is_void_as_soon_as_any_void_is_known() -> None:
    for messages in ((void(1), sale(1, sent=90)), (sale(1), void(1)), (sale(1), void(1), sale(1, sent=90))):
        order = _order(*messages)
        assert order.status
        assert (order.status.name, order.status.stock_rule) == ("voided", "none")
        assert not order.status.counts_as_sale
    assert [type(each) for each in _state([void(1)]).commands] == [OrderUpdate], "it waits for its sale"


def test_a_sale_that_was_on_credit_after_all_has_no_payment_and_no_cash() -> None:
    credit = sale(1, item("A"), sent=2, paymentMethod="credit")
    assert [type(each) for each in _state([credit]).commands] == [OrderUpdate]
    _, payment, cash = _state([sale(1, item("A"), sent=1), credit]).commands
    assert isinstance(payment, PaymentUpdate)
    assert isinstance(cash, CashMovementUpdate)
    assert (payment.status, str(cash.amount)) == ("canceled", "0")
    by_card = _state([sale(1, item("A"), sent=1), sale(1, item("A"), sent=2, paymentMethod="card"), void(1)]).commands
    assert [str(each.amount) for each in by_card if isinstance(each, CashMovementUpdate)] == ["0", "0"]


def test_the_sequence_grows_with_each_new_content_and_not_with_a_repetition() -> None:
    once = sale(1, item("A"), sent=1)
    again = sale(1, item("A"), sent=5)
    other = sale(1, item("A", 2), sent=3)
    numbers = [_order(*each).sequence for each in ([once], [once, again], [once, other], [once, again, other])]
    assert numbers == [1, 1, 2, 3]
    assert _order(once, again, other, void(1)).sequence == 4


def test_the_amounts_are_those_that_were_sent() -> None:
    state = _state([sale(1, item("A", 2), total=15.5, vatAmount=2.1, discountAmount=0.5, subtotal=99)])
    order = state.commands[0]
    assert isinstance(order, OrderUpdate)
    fields = order.fields
    assert [str(fields[name]) for name in ("total", "total_tax", "discount_total")] == ["15.50", "2.10", "0.50"]
    assert str(fields["line_items"][0]["total"]) == "7.00", "what the lines lack is not made up"


def test_a_session_lasts_from_when_its_newest_count_was_first_sent() -> None:
    [update] = _state(_SETS["a session, counted again"]).commands
    assert isinstance(update, CashSessionUpdate)
    assert (str(update.counted_cash), update.closed_at) == ("91.00", datetime(2026, 6, 11, 14, 3, tzinfo=UTC))
    assert [each.code for each in update.warnings] == ["reported_differently"]
    [without_time] = _state([session(5, "opened", 20)]).commands
    assert isinstance(without_time, CashSessionUpdate)
    assert without_time.opened_at == _ARRIVED


@pytest.mark.parametrize(
    ("opened", "closed", "opened_at", "closed_at"),
    [
        (None, None, _ARRIVED, _ARRIVED + timedelta(minutes=1)),
        (10, None, datetime(2026, 6, 11, 14, 10, tzinfo=UTC), None),
        (None, 10, datetime(2026, 6, 11, 14, 10, tzinfo=UTC), datetime(2026, 6, 11, 14, 10, tzinfo=UTC)),
        (20, 10, datetime(2026, 6, 11, 14, 20, tzinfo=UTC), datetime(2026, 6, 11, 14, 10, tzinfo=UTC)),
    ],
)
def test_a_session_is_closed_after_it_is_opened_whichever_report_arrives_first(
    opened: int | None, closed: int | None, opened_at: datetime, closed_at: datetime | None
) -> None:
    opening, closing = session(5, "opened", 20, sent=opened), session(5, "closed", 90, sent=closed)
    for minute, arrived in enumerate(([opening, closing], [closing, opening])):
        [update] = _state(arrived).commands
        assert isinstance(update, CashSessionUpdate)
        at_arrival = _ARRIVED + timedelta(minutes=1 - minute)
        assert (update.opened_at, update.closed_at) == (opened_at, closed_at or at_arrival)


@pytest.mark.parametrize(("in_cash", "method", "moved"), [(True, "cash", "50.00"), (False, "", "0")])
def test_a_debt_is_cash_by_the_setting_alone(in_cash: bool, method: str, moved: str) -> None:
    store = Store("till-1", "till-1", "kaynko", currency="USD", settings={"debts_in_cash": in_cash})
    payment, cash = _state([debt()], store).commands
    assert isinstance(payment, PaymentUpdate)
    assert isinstance(cash, CashMovementUpdate)
    assert (payment.method, payment.method_is_assumed, payment.order) == (method, in_cash, None)
    assert (str(cash.amount), cash.is_assumed) == (moved, True)


def test_each_instalment_is_a_payment_of_its_own() -> None:
    different = (debt(sent=1), debt(sent=2), debt(7, 60, sent=1), debt(8, sent=1), debt(sent=1, cashierId=2))
    assert len({_report(each).thing for each in different}) == 5
    assert _report(debt(sent=1)).thing == _report(debt(sent=1, note="other bytes")).thing


def test_a_debt_needs_the_currency_of_its_store() -> None:
    with pytest.raises(Invalid, match="pos-api store set till-1 --currency CODE"):
        _report(debt(), Store("till-1", "till-1", "kaynko"))


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
def test_a_sale_whose_time_can_not_be_is_of_the_day_on_which_it_was_sent(written: str) -> None:
    message = sale(1, item("A"), createdAt=written)
    order = next(each for each in _state([message]).commands if isinstance(each, OrderUpdate))
    assert order.fields["day"] == "2026-06-11"
    assert [each.code for each in order.warnings] == ["field_left_out"]
    order = next(each for each in _state([{**message, "timestamp": written}]).commands if isinstance(each, OrderUpdate))
    assert order.fields["created_at"] == _ARRIVED
