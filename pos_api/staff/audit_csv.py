"""A CSV file (RFC 4180, UTF-8) of the audit for a spreadsheet, one line an entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell
from pos_api.common.time import rfc3339
from pos_api.database.client import Document

_WHO = ("kind", "name", "store", "address", "sudo")
COLUMNS = ("time", "action", *_WHO, "target", "details", "outcome", "id")


def write(entries: Iterable[Document]) -> Iterator[str]:
    """The lines of a CSV file of these entries (as `presentation.audit_entry` gives them), some at a time."""
    return csv_cells.write(COLUMNS, map(_row, entries))


def _row(entry: Document) -> list[Cell]:
    who: list[Cell] = [entry["who"].get(name, "") for name in _WHO]
    details = json.dumps(entry["details"], ensure_ascii=False, default=_text) if entry["details"] else ""
    return [rfc3339(entry["time"]), entry["action"], *who, entry["target"], details, entry["outcome"], entry["id"]]


def _text(value: Any) -> str:
    """A time or an exact number among the details."""
    return rfc3339(value) if hasattr(value, "isoformat") else str(value)
