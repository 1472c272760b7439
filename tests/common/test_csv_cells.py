"""No text of an exported file is a formula, wherever a spreadsheet splits it; and it can be read back exactly."""

from __future__ import annotations

import csv
import io
import time
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pos_api.common import csv_cells

SEPARATORS = [",", ";", "\t", "|"]
TEXTS = st.text(st.sampled_from("=+-@＝＋－＠﹦−;,|\t\n\r\"' \u00a0\ufeff\u200bab1")) | st.text()


def written(*texts: str) -> str:
    return "".join(csv_cells.write(["column"] * len(texts), [texts])).partition("\r\n")[2]


def cells_of(line: str) -> list[str]:
    """Every cell that any program may see in this line: with each separator, and with quotes respected or not."""
    found = []
    for separator in SEPARATORS:
        found += [each for row in csv.reader(io.StringIO(line, newline=""), delimiter=separator) for each in row]
        found += [each for part in line.splitlines() for each in part.split(separator)]
    return found


def is_formula(cell: str) -> bool:
    passed_over = cell.lstrip('" \t\r\n\v\f\u00a0\ufeff\u200b\0\x1c\x1d\x1e\x1f\x85')
    return unicodedata.normalize("NFKC", passed_over[:1]) in ("=", "+", "-", "@", "\u2212")


@given(text=TEXTS, other=TEXTS)
@example("Acme;=cmd|' /C calc'!A0", "x")
@example("\t=1", "\n=1")
@example('a;"=1"', '"=1"')
@example("\uff1d1", "  @1")
def test_no_cell_is_a_formula_in_any_country(text: str, other: str) -> None:
    assert not [each for each in cells_of(written(text, other)) if is_formula(each)]


@given(text=TEXTS)
@example("'=1")
@example("a;''=1")
def test_a_text_is_read_back_exactly(text: str) -> None:
    cell = csv_cells.with_apostrophes(text)
    assert csv_cells.without_apostrophes(cell) == text
    assert cell == text or is_formula(text) or "'" in cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"),
        ("Acme;=cmd", "Acme;'=cmd"),
        ("Acme; \t=cmd", "Acme; \t'=cmd"),
        ("Anna-Lena + Bo", "Anna-Lena + Bo"),
        ("a=b@c.example", "a=b@c.example"),
        ("it's -5 °C", "it's -5 °C"),
    ],
)
def test_what_is_no_formula_stays_as_it_is(text: str, cell: str) -> None:
    assert csv_cells.with_apostrophes(text) == cell


def test_a_number_stays_a_number() -> None:
    assert "".join(csv_cells.write(["a", "b", "c"], [[Decimal("-5.00"), -1, None]])) == "a,b,c\r\n-5.00,-1,\r\n"
    assert "".join(csv_cells.write(["a"], [[Decimal("1E+3")]])) == "a\r\n1000\r\n"


def test_a_long_text_costs_no_more_than_its_length() -> None:
    started = time.process_time()
    for text in (";" * 1_000_000, ";=" * 500_000, "'" * 1_000_000 + "a", " ;'" * 300_000):
        csv_cells.with_apostrophes(text)
    assert time.process_time() - started < 5
