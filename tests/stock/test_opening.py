"""Which orders' units are missing already from stock that was read at a moment: the rule, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pos_api.stock.opening import StockReduction, is_from_before

READ_AT = datetime(2026, 11, 20, 10, 0, 0, 500_000, UTC)
MADE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """So long after the second in which the stock was read."""
    return READ_AT.replace(microsecond=0) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("taken_at", "contained"),
    [(READ_AT - timedelta(milliseconds=1), True), (READ_AT, False), (READ_AT + timedelta(milliseconds=1), False)],
    ids=["before", "in the same millisecond", "after"],
)
@pytest.mark.parametrize("created_at", [MADE, after(3600)])
@pytest.mark.parametrize("order_id", [99, 101])
@pytest.mark.parametrize("last_order_id", [None, 100])
def test_the_noted_time_of_taking_decides_alone(
    taken_at: datetime, contained: bool, created_at: datetime, order_id: int, last_order_id: int | None
) -> None:
    reduction = StockReduction(order_id, created_at, taken_at, likely_taken_at=after(7200))
    assert is_from_before(reduction, READ_AT, last_order_id=last_order_id, first_made=1) is contained


@pytest.mark.parametrize(
    ("order_id", "created_at", "contained"),
    [
        (100, MADE, True),
        (100, after(0), True),
        (101, after(0), False),
        (101, MADE, False),
        (99, after(1), False),
    ],
    ids=["both", "the same second", "the next number", "dated back", "a number that fell"],
)
def test_without_it_date_and_number_both_have_to_say_so(order_id: int, created_at: datetime, contained: bool) -> None:
    assert is_from_before(StockReduction(order_id, created_at), READ_AT, last_order_id=100) is contained


@pytest.mark.parametrize(
    ("first_made", "seconds", "contained"),
    [(None, -1, True), (None, 0, False), (101, -1, True), (100, -1, False), (99, -1, False)],
)
def test_where_the_shops_last_order_is_unknown_the_date_decides_unless_a_smaller_number_was_made_since(
    first_made: int | None, seconds: float, contained: bool
) -> None:
    assert is_from_before(StockReduction(100, after(seconds)), READ_AT, first_made=first_made) is contained


@pytest.mark.parametrize(
    ("about", "last_order_id", "contained"),
    [(-1, 100, True), (0, 100, True), (1, 100, False), (-1, None, True), (0, None, False), (1, None, False)],
)
def test_an_order_whose_other_dates_say_that_it_was_taken_since_is_not_from_before(
    about: float, last_order_id: int | None, contained: bool
) -> None:
    reduction = StockReduction(99, MADE, likely_taken_at=after(about))
    assert is_from_before(reduction, READ_AT, last_order_id=last_order_id) is contained
