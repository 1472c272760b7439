"""Reading CSV files (RFC 4180, UTF-8), and writing them so that no spreadsheet takes a cell for a formula.

A text becomes a formula at the start of a cell, and a cell may start at more places than the writer meant: a
spreadsheet splits lines at the separator of its country (`;` in Sweden), whatever the file was written with. So an
apostrophe is put before each `=`, `+`, `-` or `@` that stands at the start of a text or behind a separator or a line
break in it. Blanks, quotes and apostrophes in front of it do not count, as programs pass over them.
`without_apostrophes` is the exact inverse. See https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from pos_api.common.batches import in_batches
from pos_api.errors import BadRequest

Cell: TypeAlias = str | int | float | Decimal | None

_FORMULA = "=+@\\-\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
"""What begins a formula. Excel takes the full-width and small forms for the same, a Swedish one the minus sign too."""
_SEPARATORS = ",;|\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_PASSED_OVER = "'\"\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2060-\u2064\ufeff"
_SEPARATOR = re.compile(f"[{_SEPARATORS}]")
_BETWEEN = f"[{_SEPARATORS}{_PASSED_OVER}]"
_BEFORE_FORMULA = re.compile(f"(?<!{_BETWEEN}){_BETWEEN}*+(?=[{_FORMULA}])")
"""All that stands between other text, or the start, and what begins a formula. Each character is read once."""
_MAY_BE_FORMULA = re.compile(f"[{_FORMULA}](?<={_BETWEEN}.)", re.DOTALL)
"""What begins a formula, behind what may stand before one."""
_AT_ONCE = 100


def write(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The lines of a CSV file, some at a time. A text is written so that it is never a formula, a number as a number,
    None as a blank cell."""
    yield _lines([columns])
    for some in in_batches(rows, _AT_ONCE):
        lines = _lines(some)
        if _MAY_BE_FORMULA.search(f"\n{lines}"):  # nearly never, and one look says so
            lines = _lines([_without_formulas(row) for row in some])
        yield lines


def _lines(rows: Iterable[Sequence[Cell]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows([f"{cell:f}" if isinstance(cell, Decimal) else cell for cell in row] for row in rows)
    return lines.getvalue()


def _without_formulas(row: Sequence[Cell]) -> list[Cell]:
    return [with_apostrophes(cell) if isinstance(cell, str) else cell for cell in row]


def reader_of(body: bytes) -> Any:
    """A reader (`csv.reader`) of a CSV file that people made: its separator is `,`, `;` or a tab, whichever the first
    line has most of. It raises csv.Error where a line is not CSV. Raises BadRequest for what is not UTF-8."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("The file is not UTF-8; save it as “CSV UTF-8”.") from None
    header = text.partition("\n")[0]
    return csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)


def with_apostrophes(text: str) -> str:
    """`text` as it may stand in a cell of a CSV file: see the module."""
    return _BEFORE_FORMULA.sub(lambda found: f"{found[0]}'" if _starts_a_cell(found) else found[0], text)


def without_apostrophes(text: str) -> str:
    """The text of which `with_apostrophes` made this. What it did not make, such as `=1`, stays as it is."""
    return _BEFORE_FORMULA.sub(lambda found: found[0].removesuffix("'") if _starts_a_cell(found) else found[0], text)


def _starts_a_cell(found: re.Match[str]) -> bool:
    return found.start() == 0 or _SEPARATOR.search(found[0]) is not None
