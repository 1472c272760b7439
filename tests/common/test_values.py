"""Money, quantities and times: exact, bounded, and the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import example, given
from hypothesis import strategies as st

from pos_api.common.money import decimal, decimal128, money
from pos_api.common.quantity import quantity, whole
from pos_api.common.time import rfc3339, utc


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("499.75", "499.75"),
        (" 10 ", "10"),
        ("-0.10", "-0.10"),
        ("", "0"),
        (None, "0"),
        (12, "12"),
        (0.1, "0.1"),
        (24.991666666666667, "24.991666666666667"),
        ("123456789012345.123456789012345678", "123456789012345.123456789012345678"),
    ],
)
def test_money_is_kept_to_the_digit(value: Any, kept: str) -> None:
    assert money(value) == Decimal128(kept)


@pytest.mark.parametrize(
    "value",
    [
        "ten",
        "1,5",
        "1e5",
        "NaN",
        "Infinity",
        "9" * 16,
        True,
        [],
        {},
        float("inf"),
        float("nan"),
        1e300,
        "$1",
        "--1",
        "\uff11",
    ],
)
def test_what_is_no_money_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not an amount of money"):
        money(value)


@given(st.floats(-1e14, 1e14, allow_nan=False))
def test_any_number_within_bounds_is_money_to_18_decimals(value: float) -> None:
    assert abs(decimal(money(value)) - Decimal(repr(value))) <= Decimal("1e-18")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("2", 2), (2.0, 2), (" 0.50 ", 0.5), ("-2", -2), (0.1 + 0.2, 0.3), (-3, -3), (1e2, 100), (10**9, 10**9)],
)
def test_whole_quantities_are_ints(value: Any, kept: Any) -> None:
    assert quantity(value) == kept
    assert type(quantity(value)) is type(kept)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, [], {}, 10**9 + 1, 2**63, float("inf"), 10**400),
        *("two", "", "nan", "inf", "1_000", "\uff11\uff12", "1e2", "0x1", "1,5", "--1", "1 000", "9" * 400),
    ],
)
def test_what_is_no_quantity_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"not a number|out of range"):
        quantity(value)


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda number: number / 1000)))
def test_sums_of_fractions_come_out_exact(steps: list[float]) -> None:
    total: float = 0
    for step in steps:
        total = whole(total + step)
    for step in steps:
        total = whole(total - step)
    assert total == 0


@given(st.integers(-(10**34) + 1, 10**34 - 1), st.integers(0, 18))
@example(0, 2)
@example(10**34 - 1, 18)
def test_a_sum_is_stored_and_read_to_the_digit(coefficient: int, decimals: int) -> None:
    amount = Decimal(f"{coefficient}E-{decimals}")

    assert decimal128(amount) == Decimal128(amount)
    assert decimal(decimal128(amount)) == amount


def test_a_sum_of_thousands_is_stored_as_such() -> None:
    assert decimal(decimal128(Decimal("-1E+3"))) == -1000
    assert decimal128(Decimal("-0.00")) == Decimal128("-0.00")


def test_a_gmt_time_without_an_offset_is_utc() -> None:
    assert utc("2026-11-22T06:51:08") == datetime(2026, 11, 22, 6, 51, 8, tzinfo=UTC)
    assert utc("2026-11-22T06:51:08+02:00") == datetime(2026, 11, 22, 4, 51, 8, tzinfo=UTC)
    assert utc("") is utc(None) is None


@pytest.mark.parametrize("value", ["yesterday", 5, [], {}, "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00"])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a time"):
        utc(value)


def test_times_are_written_with_z() -> None:
    assert rfc3339(datetime(2026, 11, 22, 6, 51, 8, tzinfo=UTC)) == "2026-11-22T06:51:08Z"
    assert rfc3339(datetime(2026, 11, 22, 6, 51, 8, 5000, tzinfo=UTC)) == "2026-11-22T06:51:08.005Z"


@pytest.mark.parametrize("huge", ["1e999999999", "-1e999999999", "1e41", "0e999999999"])
def test_a_decimal_of_any_exponent_is_refused_at_once(huge: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        money(Decimal(huge))


def test_a_decimal_is_kept_as_it_is() -> None:
    exact = "123456789012345.123456789012345678"
    assert [str(money(Decimal(each))) for each in ("15.50", "1e2", exact)] == ["15.50", "100", exact]
    assert decimal(money(Decimal("1e-999999999"))) == 0
    assert [quantity(Decimal(each)) for each in ("2", "1.5", "1e2", "0.1234567")] == [2, 1.5, 100, 0.123457]
    for each in ("1e10", "1e999999999", "-1e999999999"):
        with pytest.raises(ValueError, match="out of range"):
            quantity(Decimal(each))
