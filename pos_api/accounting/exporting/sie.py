"""SIE 4I: entries in the form that Swedish bookkeeping programs import (SIE file format, edition 4B, 2008).

A file of type 4I has entries of a sub-system and no balances. Bytes are of code page 437. What that does not have is
replaced by what reads alike, or else by `?`, so that a reader sees that something was there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pos_api.accounting.exporting.model import Export, ExportedEntry, ExportFile
from pos_api.errors import Invalid

SERIES = "P"
"""The series of the entries. A series of their own, as an import can be undone only while nothing else is in it."""
MOST_TEXT = 50
"""Programs refuse longer texts of entries."""
_CODE = re.compile("[A-Za-z0-9-]+", re.ASCII)
_LIKE = {"€": "EUR", "–": "-", "—": "-", "−": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "\\": "/"}


def write(export: Export) -> list[ExportFile]:
    """The file of these entries. Raises Invalid where they are of several currencies or financial years, or can't be
    written so."""
    _check(export)
    lines = "".join(f"{line}\r\n" for line in _lines(export))
    return [ExportFile(".si", lines.encode("cp437"))]


def financial_year(day: str, starts: str) -> int:
    """The year in which the financial year of a day begins."""
    return int(day[:4]) - (day[5:] < starts)


def _check(export: Export) -> None:
    problems: dict[str, str] = {}
    currencies = sorted({entry.currency for entry in export.entries})
    if len(currencies) > 1:
        problems["currency"] = f"must be one of {', '.join(currencies)}, as a SIE file is of one currency"
    years = sorted({financial_year(entry.date, export.company.year_starts) for entry in export.entries})
    if len(years) > 1:
        problems["to"] = f"must be in the financial year of `from`; these entries are of {len(years)} financial years"
    if not (export.company.name.strip() and export.company.number.strip()):
        problems["company"] = "needs ACCOUNTING_COMPANY and ACCOUNTING_ORGNR in the settings"
    amounts = (line.amount for entry in export.entries for line in entry.lines)
    if any(amount != round(amount, 2) for amount in amounts):
        problems["currency"] = "has more than two decimals, which a SIE file can't have"
    if problems:
        raise Invalid("The entries can't be written as SIE.", details=problems)


def _lines(export: Export) -> Iterator[str]:
    yield "#FLAGGA 0"
    yield '#PROGRAM "WooCommerce POS Sync" 0.1'
    yield "#FORMAT PC8"
    yield f"#GEN {_date(export.exported_on)}"
    yield "#SIETYP 4"
    yield f"#ORGNR {_code(export.company.number)}"
    yield f"#FNAMN {_text(export.company.name, 100)}"
    if export.entries:
        yield f"#VALUTA {_code(export.entries[0].currency)}"
    accounts = {line.account for entry in export.entries for line in entry.lines}
    for account in sorted(accounts):
        yield f"#KONTO {account} {_text(export.name_of(account), 100)}"
    for entry in sorted(export.entries, key=lambda each: each.number):
        if entry.lines:  # a correction that moves amounts between orders may have none, and programs refuse such
            yield from _entry(entry)


def _entry(entry: ExportedEntry) -> Iterator[str]:
    yield f"#VER {SERIES} {entry.number} {_date(entry.date)} {_text(entry.description)}"
    yield "{"
    for line in entry.lines:
        yield f"#TRANS {line.account} {{}} {_amount(line.amount)} {_date(entry.date)} {_text(line.description)}"
    yield "}"


def _date(day: str) -> str:
    return date.fromisoformat(day).strftime("%Y%m%d")


def _amount(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _code(text: str) -> str:
    """A number or a code as a field, without the quotes that it does not need: some readers keep them."""
    return text if _CODE.fullmatch(text) else _text(text)


def _text(text: str, most: int = MOST_TEXT) -> str:
    """A text as a field: in quotes, those in it escaped."""
    composed = unicodedata.normalize("NFC", text)
    alike = "".join(_LIKE.get(each, each) for each in composed)
    known = alike.encode("cp437", "replace").decode("cp437")
    printable = "".join(each if each >= " " and each != "\x7f" else " " for each in known)
    short = printable.strip()[:most].rstrip()
    return '"{}"'.format(short.replace('"', '\\"'))
