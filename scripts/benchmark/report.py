"""What a run of the bench has measured: tables that are printed, and the figures in them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Better: TypeAlias = Literal["more", "less", "neither"]
Cell: TypeAlias = str | float | Sequence[float]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures: its head, their unit, and whether more or less of it is better."""

    head: str
    unit: str
    better: Better
    digits: int = 0
    counted: bool = False
    """Whether it is the same in every run, so that any change is one."""


Head: TypeAlias = str | Column


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure under a name of its own, with the value of each run: their median is what counts."""

    name: str
    unit: str
    better: Better
    runs: tuple[float, ...]
    counted: bool = False

    @property
    def value(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)


class Report:
    """Prints tables, and keeps the figures in them."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def table(self, title: str, heads: Sequence[Head], rows: Sequence[Sequence[Cell]]) -> None:
        """Print rows under heads. Under a `Column` a cell is a number, or one for each run, or a text where nothing was
        measured. What stands left of the first `Column` names the figures of a row; with the title no two are alike."""
        texts = [[_text(head, cell) for head, cell in zip(heads, row, strict=True)] for row in rows]
        print_table(title, [_title(head) for head in heads], texts)
        for row in rows:
            self.figures += _figures(title, heads, row)

    def note(self, text: str) -> None:
        """Print a line, such as why something was left out."""
        print(f"\n{text}", flush=True)


def print_table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    """Print rows under heads, the columns lined up."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    print(f"\n{title}\n")
    for row in [heads, ["-" * width for width in widths], *rows]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def _title(head: Head) -> str:
    return head if isinstance(head, str) else head.head


def _text(head: Head, cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    assert isinstance(head, Column), f"{head} has no unit"
    return f"{statistics.median(_runs(cell)):,.{head.digits}f}"


def _runs(cell: float | Sequence[float]) -> tuple[float, ...]:
    return (float(cell),) if isinstance(cell, int | float) else tuple(map(float, cell))


def _figures(title: str, heads: Sequence[Head], row: Sequence[Cell]) -> list[Figure]:
    found: list[Figure] = []
    labels: list[str] = []
    for head, cell in zip(heads, row, strict=True):
        if isinstance(head, Column):
            if not isinstance(cell, str):
                name = ", ".join([title, *labels, head.head])
                found.append(Figure(name, head.unit, head.better, _runs(cell), head.counted))
        elif not found:
            labels.append(f"{head} {cell}")
    return found
