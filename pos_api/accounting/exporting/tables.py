"""Entries as tables: plain CSV, and the import files of Xero and QuickBooks Online.

Xero (help.xero.com, manual journals): rows with the same narration and date are one journal; 300 rows a file at most.
QuickBooks Online (Intuit's help, journal entries): accounts by name; 1,000 rows a file at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from pos_api.accounting.exporting.model import Export, ExportedEntry, ExportFile
from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell
from pos_api.errors import Invalid

COLUMNS = (
    *("number", "entry", "date", "store", "currency", "reference", "description", "corrects"),
    *("account", "account_name", "line", "debit", "credit", "orders"),
)
XERO = ("*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount")
QUICKBOOKS = ("*JournalNo", "*JournalDate", "*AccountName", "*Debits", "*Credits", "Description", "Currency")
_XERO_ROWS, _QUICKBOOKS_ROWS = 300, 1_000
_NO_TAX = "Tax Exempt"
"""VAT is on lines of its own, so no line has a rate of which a program would work out more."""


def write_csv(export: Export) -> list[ExportFile]:
    """All that is known of the entries, a row for each of their lines."""
    rows = (
        (
            *(entry.number, entry.id, entry.date, entry.store, entry.currency, entry.reference, entry.description),
            *(entry.corrects, line.account, export.name_of(line.account), line.description),
            *(line.amount if line.amount > 0 else None, -line.amount if line.amount < 0 else None, line.orders),
        )
        for entry in export.entries
        for line in entry.lines
    )
    return [_file("", COLUMNS, rows)]


def write_xero(export: Export) -> list[ExportFile]:
    """Manual journals. Raises Invalid for entries of several currencies: a journal is in that of the organisation."""
    _check_currency(export)
    return _files(export.entries, XERO, _XERO_ROWS, _xero_rows)


def _xero_rows(entry: ExportedEntry) -> Iterator[Sequence[Cell]]:
    narration = f"{entry.description} ({entry.number})"
    for line in entry.lines:
        yield narration, _date(entry.date), line.description, line.account, _NO_TAX, line.amount


def write_quickbooks(export: Export) -> list[ExportFile]:
    """Journal entries of QuickBooks Online, which finds accounts by their names. Raises Invalid where two accounts
    have one name."""
    used = sorted({line.account for entry in export.entries for line in entry.lines})
    names = [export.name_of(account) for account in used]
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(
            "QuickBooks finds accounts by their names.",
            details={"names": f"must differ; several accounts are called {', '.join(double)[:200]}"},
        )

    def rows(entry: ExportedEntry) -> Iterator[Sequence[Cell]]:
        for line in entry.lines:
            debit, credit = (line.amount, None) if line.amount > 0 else (None, -line.amount)
            number, day = f"POS-{entry.number}", _date(entry.date)
            yield number, day, export.name_of(line.account), debit, credit, line.description, entry.currency

    return _files(export.entries, QUICKBOOKS, _QUICKBOOKS_ROWS, rows)


def _check_currency(export: Export) -> None:
    if len(currencies := sorted({entry.currency for entry in export.entries})) > 1:
        choices = f"must be one of {', '.join(currencies)}, as these files name none"
        raise Invalid("The entries are of several currencies.", details={"currency": choices})


def _files(
    entries: Iterable[ExportedEntry],
    columns: Sequence[str],
    most: int,
    rows_of: Callable[[ExportedEntry], Iterable[Sequence[Cell]]],
) -> list[ExportFile]:
    """Files of at most so many rows; an entry is never divided. Raises Invalid for one that has more."""
    parts: list[list[Sequence[Cell]]] = [[]]
    for entry in entries:
        rows = list(rows_of(entry))
        if len(rows) > most:
            raise Invalid(f"Entry {entry.number} has {len(rows):,} lines, and a file can have {most:,}.")
        if len(parts[-1]) + len(rows) > most:
            parts.append([])
        parts[-1].extend(rows)
    names = [""] if len(parts) == 1 else [f"-{number}" for number in range(1, len(parts) + 1)]
    return [_file(name, columns, rows) for name, rows in zip(names, parts, strict=True)]


def _file(name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> ExportFile:
    return ExportFile(f"{name}.csv", "".join(csv_cells.write(columns, rows)).encode())


def _date(day: str) -> str:
    return date.fromisoformat(day).strftime("%d/%m/%Y")
