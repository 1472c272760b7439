"""Amounts in minor units come to the exact amounts in major units, by the decimals of their currency."""

from __future__ import annotations

import pytest

from pos_api.common.currencies import CURRENCIES
from pos_api.common.minor_units import decimals_of, major


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (12345, "SEK", "123.45"),
        (5, "EUR", "0.05"),
        (-5, "EUR", "-0.05"),
        (0, "USD", "0.00"),
        (500, "JPY", "500"),
        (500, "jpy", "500"),
        (12345, "KWD", "12.345"),
        (100, "HUF", "1.00"),  # shown without decimals, but sent with two
        (100, "COP", "1.00"),
        ("12345", "SEK", "123.45"),
        (9007199254740993, "SEK", "90071992547409.93"),  # no float holds it
    ],
)
def test_minor_units_are_exact_in_major_units(amount: int | str, currency: str, expected: str) -> None:
    assert str(major(amount, currency)) == expected


def test_a_sender_may_say_how_many_decimals_there_are() -> None:
    assert str(major("1500000000000000000", "ABT", decimals=18)) == "1.500000000000000000"
    assert str(major("7", "SEK", decimals=0)) == "7"


@pytest.mark.parametrize("amount", ["", "1.5", "1e3", " ", "٣", "abc", "1" * 41, True])
def test_what_is_no_whole_number_is_refused(amount: int | str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        major(amount, "SEK")


@pytest.mark.parametrize("currency", ["", "XYZ", "SEKK", "se"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        major(1, currency)


def test_an_amount_too_large_to_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="amount"):
        major("1" * 20, "SEK")


def test_every_currency_has_decimals() -> None:
    assert {decimals_of(each) for each in CURRENCIES} == {0, 2, 3, 4}
