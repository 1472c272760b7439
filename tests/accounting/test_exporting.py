"""Entries as files: what a bookkeeping program reads of them is what was entered, and nothing that it would refuse."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.accounting.accounts import DEFAULT
from pos_api.accounting.exporting import sie, tables
from pos_api.accounting.exporting.model import Company, Export, ExportedEntry, ExportedLine, ExportFile
from pos_api.errors import Invalid
from tests.accounting.sie_reader import read

LINES = [
    ExportedLine("1930", "Paid stripe", Decimal("165.00"), 1),
    ExportedLine("2620", "VAT 12 %", Decimal("-15.60"), 1),
    ExportedLine("2890", "Tips", Decimal("-20.00"), 1),
    ExportedLine("3002", "Sales 12 %", Decimal("-129.40"), 1),
]


def entry(number: int = 1, date: str = "2026-01-25", lines: Any = None, **more: Any) -> ExportedEntry:
    said = {"store": "app", "currency": "SEK", "reference": f"Z-app-{date}", "description": f"Sales app {date}", **more}
    return ExportedEntry(f"day:{number}", number, date, lines=LINES if lines is None else lines, **said)


def export(*entries: ExportedEntry, **more: Any) -> Export:
    company = Company("Åhlström & Söner AB", "556677-8899")
    return Export(entries or (entry(),), company, "2026-01-26", DEFAULT.names, **more)


def test_a_sie_file_to_the_byte() -> None:
    [file] = sie.write(export())
    expected = """#FLAGGA 0
#PROGRAM "WooCommerce POS Sync" 0.1
#FORMAT PC8
#GEN 20260126
#SIETYP 4
#ORGNR 556677-8899
#FNAMN "Åhlström & Söner AB"
#VALUTA SEK
#KONTO 1930 "Stripe"
#KONTO 2620 "Output VAT 12 %"
#KONTO 2890 "Tips to staff"
#KONTO 3002 "Sales 12 % VAT"
#VER P 1 20260125 "Sales app 2026-01-25"
{
#TRANS 1930 {} 165.00 20260125 "Paid stripe"
#TRANS 2620 {} -15.60 20260125 "VAT 12 %"
#TRANS 2890 {} -20.00 20260125 "Tips"
#TRANS 3002 {} -129.40 20260125 "Sales 12 %"
}
"""
    assert file.content == expected.replace("\n", "\r\n").encode("cp437")
    assert file.suffix == ".si"


def test_a_sie_file_is_read_as_it_was_written() -> None:
    [file] = sie.write(export(entry(7, "2026-02-01"), entry(2)))
    found = read(file.content)
    assert found.header["#FNAMN"] == ["Åhlström & Söner AB"]
    assert [(each.number, each.date, each.series) for each in found.verifications] == [
        (2, "20260125", "P"),
        (7, "20260201", "P"),
    ]
    assert found.verifications[0].rows == [(line.account, line.amount, "20260125", line.description) for line in LINES]


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ('Say "hi"', 'Say "hi"'),
        ("C:\\till\\", "C:/till/"),
        ("5 € – “ok”…", '5 EUR - "ok"...'),
        ("Кафе ☕", "???? ?"),
        ("A\u030a", "Å"),
        ("tab\tand\nline", "tab and line"),
        ("x" * 80, "x" * 50),
        ("{} #VER", "{} #VER"),
        ("", ""),
    ],
)
def test_what_code_page_437_does_not_have_is_replaced_visibly(text: str, read_as: str) -> None:
    [file] = sie.write(export(entry(description=text)))
    assert read(file.content).verifications[0].text == read_as


@given(st.text(max_size=80), st.integers(-(10**12), 10**12))
def test_any_text_and_amount_is_read_back(text: str, cents: int) -> None:
    amount = Decimal(cents) / 100
    lines = [ExportedLine("1930", text, amount), ExportedLine("3000", text, -amount)]
    [file] = sie.write(replace(export(entry(lines=lines, description=text)), company=Company(f"x{text}", "1")))
    [found] = read(file.content).verifications
    assert [row[1] for row in found.rows] == [amount, -amount]


def _problems(made: Export) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        sie.write(made)
    return dict(refused.value.details)


def test_what_a_sie_file_can_not_have_is_refused_with_the_choices() -> None:
    both = export(entry(1), entry(2, currency="EUR"))
    assert _problems(both) == {"currency": "must be one of EUR, SEK, as a SIE file is of one currency"}
    years = export(entry(1, "2025-12-31"), entry(2, "2026-01-01"))
    assert set(_problems(years)) == {"to"}
    assert set(_problems(replace(export(), company=Company("", "")))) == {"company"}
    assert set(_problems(export(entry(lines=[ExportedLine("1930", "x", Decimal("1.005"))])))) == {"currency"}


def test_a_financial_year_may_start_on_any_day() -> None:
    entries = (entry(1, "2025-12-31"), entry(2, "2026-01-01"))
    sie.write(replace(export(*entries), company=Company("A", "1", "07-01")))
    assert sie.financial_year("2026-06-30", "07-01") == 2025
    assert sie.financial_year("2026-07-01", "07-01") == 2026


def table(file: ExportFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.content.decode(), newline="")))


def test_the_columns_of_xero() -> None:
    [file] = tables.write_xero(export())
    rows = table(file)
    assert list(rows[0]) == ["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"]
    assert rows[0]["*Date"] == "25/01/2026"
    assert {each["*Narration"] for each in rows} == {"Sales app 2026-01-25 (1)"}
    assert [(each["*AccountCode"], each["*Amount"]) for each in rows][1] == ("2620", "-15.60")
    assert sum(Decimal(each["*Amount"]) for each in rows) == 0


def test_a_file_of_xero_has_at_most_300_lines_and_divides_no_entry() -> None:
    files = tables.write_xero(export(*(entry(number) for number in range(1, 101))))
    assert [file.suffix for file in files] == ["-1.csv", "-2.csv"]
    assert [len(table(file)) for file in files] == [300, 100]
    for file in files:
        assert sum(Decimal(each["*Amount"]) for each in table(file)) == 0
    with pytest.raises(Invalid, match="Entry 1 has 304 lines"):
        tables.write_xero(export(entry(lines=LINES * 76)))
    with pytest.raises(Invalid):
        tables.write_xero(export(entry(1), entry(2, currency="EUR")))


def test_quickbooks_finds_accounts_by_name() -> None:
    [file] = tables.write_quickbooks(export())
    rows = table(file)
    assert [(each["*AccountName"], each["*Debits"], each["*Credits"]) for each in rows] == [
        ("Stripe", "165.00", ""),
        ("Output VAT 12 %", "", "15.60"),
        ("Tips to staff", "", "20.00"),
        ("Sales 12 % VAT", "", "129.40"),
    ]
    assert {each["*JournalNo"] for each in rows} == {"POS-1"}
    with pytest.raises(Invalid):
        tables.write_quickbooks(replace(export(), names={"1930": "Bank", "2620": "Bank"}))


def test_a_plain_table_has_all_that_is_known_and_no_formula() -> None:
    [file] = tables.write_csv(export(entry(description="=1+1", corrects="day:0")))
    rows = table(file)
    assert rows[0] == {
        "number": "1",
        "entry": "day:1",
        "date": "2026-01-25",
        "store": "app",
        "currency": "SEK",
        "reference": "Z-app-2026-01-25",
        "description": "'=1+1",
        "corrects": "day:0",
        "account": "1930",
        "account_name": "Stripe",
        "line": "Paid stripe",
        "debit": "165.00",
        "credit": "",
        "orders": "1",
    }
    assert (rows[1]["debit"], rows[1]["credit"]) == ("", "15.60")


@pytest.mark.parametrize("write", [sie.write, tables.write_csv, tables.write_xero, tables.write_quickbooks])
def test_the_same_export_has_the_same_bytes(write: Any) -> None:
    assert write(export()) == write(export())


def test_an_entry_without_lines_is_in_no_sie_file() -> None:
    """A correction that moves an amount from one order to another has none by account."""
    [file] = sie.write(export(entry(), entry(2, lines=[])))
    assert [each.number for each in read(file.content).verifications] == [1]
