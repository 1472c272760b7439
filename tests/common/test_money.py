"""Stored amounts come back exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from pos_api.common.money import decimal, with_decimals_of

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8)


@given(AMOUNTS)
def test_an_amount_is_read_back_as_it_was_stored(amount: Decimal) -> None:
    assert str(decimal(Decimal128(amount))) == str(Decimal128(amount).to_decimal())


@pytest.mark.parametrize("text", ["0", "0.00", "-0.00", "499.75", "1E+3", "9999999999999999999999999999999999", "NaN"])
def test_an_amount_keeps_its_form(text: str) -> None:
    assert str(decimal(Decimal128(text))) == str(Decimal128(text).to_decimal())


def test_an_absent_amount_is_nothing() -> None:
    assert decimal(None) == 0


@pytest.mark.parametrize(
    ("amount", "other", "expected"),
    [
        ("0", "12.50", "0.00"),
        ("0.0", "12.50", "0.00"),
        ("0", "1500", "0"),
        ("1.5", "0.000", "1.500"),
        ("1.234", "12.50", "1.234"),
        ("-3", "1.00", "-3.00"),
        ("0", "1E+3", "0"),
        (f"{10**20}", f"0.{'1' * 18}", f"{10**20}"),
    ],
)
def test_an_amount_is_shown_with_the_decimals_of_the_one_beside_it(amount: str, other: str, expected: str) -> None:
    assert str(with_decimals_of(Decimal(amount), Decimal(other))) == expected
