"""What a session's drawer should have is the sum of what moved while it was open, and no movement counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from pos_api.cash.expected_cash import Interval, expected_cash, intervals
from pos_api.cash.model import CashMovement, CashSession

_MORNING = datetime(2026, 6, 11, 8, tzinfo=UTC)


def at(hour: float) -> datetime:
    """So many hours after the shop opens."""
    return _MORNING + timedelta(hours=hour)


def session(opened: float | None, closed: float | None = None, **more: Any) -> CashSession:
    known: Any = {
        "_id": f"till-1:{opened}",
        "store": "till-1",
        "external_id": "1",
        "sequence": 1,
        "opened_at": None if opened is None else at(opened),
        "closed_at": None if closed is None else at(closed),
        "opening_cash": Decimal128("20.00"),
        "counted_cash": None if closed is None else Decimal128("100.00"),
        "currency": "USD",
        "listed_at": at(opened or 0),
    }
    return {**known, **more}  # type: ignore[typeddict-item]


def moved(hour: float, amount: str, currency: str = "USD", *, assumed: bool = False) -> CashMovement:
    return {
        "_id": f"till-1:{hour}{amount}",
        "store": "till-1",
        "sequence": 1,
        "kind": "sale",
        "at": at(hour),
        "amount": Decimal128(amount),
        "currency": currency,
        "is_assumed": assumed,
    }


def test_a_session_lasts_until_it_is_closed_or_the_next_is_opened() -> None:
    known = [session(0, 8), session(10), session(20, 45), session(30)]
    assert intervals(known, None) == [
        Interval(at(0), at(8)),
        Interval(at(10), at(20)),
        Interval(at(20), at(30)),
        Interval(at(30), None),
    ]
    assert intervals(known, at(40))[-1] == Interval(at(30), at(40))


def test_a_session_of_which_it_is_not_known_when_it_was_open_has_no_interval() -> None:
    known = [session(0), session(None, 5), session(9, 6), session(10)]
    assert intervals(known, None) == [Interval(at(0), at(9)), None, None, Interval(at(10), None)]
    assert expected_cash(known[1], None, [moved(1, "5")]).expected is None


def test_expected_is_the_opening_cash_with_all_that_moved_and_the_difference_is_counted_less_expected() -> None:
    movements = [
        moved(0, "10.10"),
        moved(1, "60.20"),
        moved(2, "-10.10"),
        moved(3, "25", assumed=True),
        moved(8, "99"),
        moved(-1, "99"),
    ]
    found = expected_cash(session(0, 8), Interval(at(0), at(8)), movements)
    assert (found.expected, found.assumed, found.difference) == (Decimal("105.20"), Decimal(25), Decimal("-5.20"))
    assert expected_cash(session(0), Interval(at(0), None), movements).difference is None, "not counted yet"


def test_what_can_not_be_known_is_not_made_up() -> None:
    interval = Interval(at(0), at(8))
    without_opening = expected_cash(session(0, 8, opening_cash=None), interval, [moved(1, "5")])
    assert (without_opening.expected, without_opening.difference) == (None, None)


def test_amounts_of_several_currencies_are_never_added_up() -> None:
    interval = Interval(at(0), at(8))
    both = [moved(1, "5"), moved(2, "7", "EUR")]
    assert expected_cash(session(0, 8), interval, both).expected == 25
    unknown = session(0, 8, currency="")
    assert expected_cash(unknown, interval, both).expected is None
    assert expected_cash(unknown, interval, [moved(2, "7", "EUR"), moved(3, "0", "USD")]).expected == 27
    assert expected_cash(unknown, interval, [moved(2, "7", "EUR")]).currency == "EUR"
    assert expected_cash(unknown, interval, []).expected == 20


def test_what_came_before_the_store_had_a_currency_has_the_one_that_it_has_now() -> None:
    interval, before = Interval(at(0), at(8)), session(0, 8, currency="")
    both = [moved(1, "5"), moved(2, "7", "EUR"), moved(3, "1", "")]
    found = expected_cash(before, interval, both, "USD")
    assert (found.currency, found.expected, found.difference) == ("USD", Decimal(26), Decimal(74))
    assert expected_cash(before, interval, [], "USD").currency == "USD"
    assert expected_cash(session(0, 8), interval, both, "EUR").expected == 25, "a session that has one keeps it"
    assert expected_cash(before, interval, both[2:]).expected is None, "nobody knows in which"


@given(st.data())
def test_a_movement_belongs_to_one_session_at_most(data: st.DataObject) -> None:
    hours = st.integers(0, 30)
    openings = data.draw(st.lists(hours, min_size=1, max_size=6))
    known = [session(each, data.draw(st.none() | hours)) for each in sorted(openings)]
    found = intervals(known, data.draw(st.none() | st.integers(30, 40).map(at)))
    for moment in (at(each / 2) for each in range(-2, 90)):
        assert sum(each.has(moment) for each in found if each) <= 1
