"""Whose stock of each product is right, where the POS and a shop differ: as it is listed and as it is chosen. Pure: no
database, no shop."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

from pos_api.common import csv_cells
from pos_api.common.csv_cells import Cell, without_apostrophes
from pos_api.database.client import Document
from pos_api.errors import BadRequest, Conflict, Invalid
from pos_api.senders.woocommerce.reconcile.model import Side, StockDiscrepancy

SIDES: tuple[Side, ...] = get_args(Side)
COLUMNS = ("sku", "name", "here", "shop", "on_the_way", "held_by_pending", "difference", "from")
_REQUIRED = {"sku", "from"}
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose stock is right: of all products, or of each of these SKUs."""

    all: Side | None = None
    by_sku: Mapping[str, Side] = field(default_factory=dict)

    def side_of(self, difference: StockDiscrepancy) -> Side | None:
        """Whose stock of this product is right; None where that was not said."""
        return self.by_sku.get(difference["sku"]) or self.by_sku.get(difference["product"] or "") or self.all

    def skus_from(self, side: Side) -> frozenset[str]:
        """The SKUs of which this side was named."""
        return frozenset(sku for sku, named in self.by_sku.items() if named == side)


class SideNeeded(Conflict):
    """The stock differs, and whose is right was not said; `differences` are those products, `details` the same for
    programs."""

    def __init__(self, differences: list[StockDiscrepancy]) -> None:
        self.differences = differences
        skus = ", ".join(each["sku"] for each in differences[:_MOST_NAMED])
        more = f" and {len(differences) - _MOST_NAMED:,} more" if len(differences) > _MOST_NAMED else ""
        super().__init__(
            f"The stock of {counted(len(differences), 'product')} ({skus}{more}) is not the same here and in the shop,"
            " so nothing was changed. Say whose is right: the shop's, that of the POS, or one of the two for each SKU.",
            details={"differences": [shown(each) for each in differences]},
        )


def counted(number: int, noun: str) -> str:
    """`1 product`, `2 products`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shown(difference: StockDiscrepancy) -> Document:
    """A difference as the API and the CSV file show it."""
    names = ("sku", "product", "name", "here", "shop", "on_the_way", "held_by_pending", "difference", "cause")
    return {name: difference[name] for name in names}  # type: ignore[literal-required]


def without_side(choice: Choice, differences: Iterable[StockDiscrepancy]) -> list[StockDiscrepancy]:
    """Those of which it was not said whose stock is right."""
    return [each for each in differences if choice.side_of(each) is None]


# --- the CSV file -----------------------------------------------------------------------------------------------------


def write(differences: Iterable[StockDiscrepancy]) -> Iterator[str]:
    """The lines of a CSV file of these differences. Its column `from` is blank: whoever fills it in with `shop` or
    `pos` gives the file back (`read`)."""
    return csv_cells.write(COLUMNS, (_row(each) for each in differences))


def _row(difference: StockDiscrepancy) -> list[Cell]:
    cells = shown(difference) | {"from": ""}
    return [cells[name] for name in COLUMNS]


def read(body: bytes) -> Choice:
    """The choice that a CSV file makes: its columns `sku` and `from` (`shop` or `pos`; a row where it is blank chooses
    nothing), others are passed over. Raises BadRequest for what is no CSV file in UTF-8, Invalid for what it says."""
    reader = csv_cells.reader_of(body)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        if not set(columns) >= _REQUIRED:
            raise Invalid("The first line must name the columns `sku` and `from`.")
        rows = [(reader.line_num, dict(zip(columns, cells, strict=False))) for cells in reader]
    except csv.Error as error:
        raise BadRequest(f"The file is not CSV: {error}") from None
    return Choice(by_sku=dict(_chosen(rows)))


def _chosen(rows: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[tuple[str, Side]]:
    seen: dict[str, str] = {}
    for line, cells in rows:
        sku, side = (without_apostrophes(cells.get(name, "")).strip() for name in ("sku", "from"))
        if not sku or not side:
            continue
        side = side.lower()
        if side not in SIDES:
            raise Invalid(f"Line {line}: {side[:40]!r} is neither `shop` nor `pos`.")
        if seen.setdefault(sku, side) != side:
            raise Invalid(f"Line {line}: {sku[:200]!r} stands there twice, with both sides.")
        yield sku, side
