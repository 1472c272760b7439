"""A product's ledger as a CSV file (RFC 4180, UTF-8), newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pos_api.catalogue import presentation
from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell
from pos_api.common.time import rfc3339

COLUMNS = ("seq", "at", "quantity", "balance", "reason", "order", "by", "event_key", "note", "oversold", "stores")


def write(movements: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a CSV file of these movements, some at a time. `stores` says in one cell what became of each at each
    shop that stock is sent to: `default applied; north refused: The shop takes whole units only.`"""
    return csv_cells.write(COLUMNS, (_row(movement) for movement in movements))


def _row(stored: Mapping[str, Any]) -> list[Cell]:
    shown = presentation.ledger_movement(stored)
    cells: dict[str, Cell] = {
        **shown,
        "at": rfc3339(shown["at"]),
        "oversold": "yes" if shown["oversold"] else "",
        "stores": "; ".join(_at_store(each) for each in shown["stores"]),
    }
    return [cells[name] for name in COLUMNS]


def _at_store(shown: Mapping[str, Any]) -> str:
    state = f"{shown['store']} {shown['state']}"
    return f"{state}: {shown['message']}" if shown["message"] else state
