"""The VAT rate of a line, from what it costs and its VAT alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pos_api.accounting.rates import TaxedLine, percent, rates_of


def line(net: str, tax: str, tax_class: str | None = "") -> TaxedLine:
    return TaxedLine(Decimal(net), Decimal(tax), tax_class)


def totals(**by_rate: str) -> dict[str, Decimal]:
    return {name.removeprefix("r").replace("_", "."): Decimal(tax) for name, tax in by_rate.items()}


@pytest.mark.parametrize(
    ("lines", "of", "expected"),
    [
        ([line("100", "25")], totals(r25="25"), ["25"]),
        ([line("100", "25"), line("100", "12", "food")], totals(r25="25", r12="12"), ["25", "12"]),
        ([line("100", "0")], totals(r25="0"), ["0"]),
        ([line("0", "0")], totals(r25="25"), ["0"]),
        # 0.01 of 0.10 is right for 6 % and for 12 %: the tax class decides
        ([line("0.10", "0.01", "books"), line("50.00", "3.00", "books")], totals(r6="3.01", r12="900"), ["6", "6"]),
        # and without another line of it the rate whose VAT is not accounted for
        ([line("0.10", "0.01", "a"), line("50.00", "3.00", "b")], totals(r6="3.00", r12="0.01"), ["12", "6"]),
        # VAT of 0.00 is right for 0 %, and for any rate of an amount as small as this
        ([line("0.01", "0.00", "food"), line("100", "12", "food")], totals(r12="12"), ["12", "12"]),
        # a state's and a city's
        ([line("100", "8.88")], totals(r4="4", r4_875="4.88"), ["8.875"]),
        ([line("100", "12.40")], totals(r12="12.40", r25="0"), ["12"]),  # as its sender worked it out
        ([line("100", "40")], totals(r12="20", r25="20"), [""]),
        ([line("100", "12.40")], totals(r12="12.40"), ["12"]),
        ([line("100", "25")], {}, [""]),
        ([line("-100", "-25"), line("100", "12")], totals(r25="-25", r12="12"), ["25", "12"]),
    ],
)
def test_a_line_is_of_the_rate_that_fits(lines: list[TaxedLine], of: dict[str, Decimal], expected: list[str]) -> None:
    assert rates_of(lines, of) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("25", "25"), ("25.0000", "25"), ("8.875", "8.875"), ("0", "0"), ("", ""), ("NaN", ""), ("many", ""), ("1e9", "")],
)
def test_a_percentage_is_written_in_one_way(text: str, expected: str) -> None:
    assert percent(text) == expected
