"""Which items of an ordering app are linked to which products, as a CSV file (RFC 4180, UTF-8): out for a spreadsheet,
and in again.

Columns: `item`, `name`, `sku`, `available`, `archived`. Coming in, `item` and `sku` must be there and the others change
nothing; a row with a blank SKU leaves its item as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pos_api.catalogue import items, presentation
from pos_api.catalogue.model import ItemDocument
from pos_api.common import csv_cells
from pos_api.common.batches import in_batches
from pos_api.common.csv_cells import Cell, without_apostrophes
from pos_api.database.client import Db, Document
from pos_api.errors import BadRequest, Invalid, PosError
from pos_api.events import Event
from pos_api.staff import audit

COLUMNS = ("item", "name", "sku", "available", "archived")
_REQUIRED = {"item", "sku"}
_CHUNK = 500
_LONGEST = 200


@dataclass(slots=True)
class Report:
    """What became of a file's rows: how many items were linked, how many were so before, and `{"line", "item",
    "message"}` of those that could not be; `events` is what it caused."""

    linked: int = 0
    unchanged: int = 0
    errors: list[Document] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def write(db: Db, found: Iterable[ItemDocument]) -> Iterator[str]:
    """The lines of a CSV file of these items, some at a time; `read` finds nothing to change in it."""
    return csv_cells.write(COLUMNS, _rows(db, found))


def _rows(db: Db, found: Iterable[ItemDocument]) -> Iterator[list[Cell]]:
    for chunk in in_batches(iter(found), _CHUNK):
        linked = items.linked_to(db, [item["_id"] for item in chunk])
        for item in chunk:
            shown = presentation.item(item, linked.get(item["_id"]))
            available = {True: "yes", False: "no", None: ""}[shown["available"]]
            yield [shown["item"], shown["name"], shown["sku"], available, "yes" if shown["archived"] else ""]


def read(db: Db, store: str, body: bytes) -> Report:
    """Link the items of a store as a CSV file says. A row that can't be used is left out, with the reason; the same
    file again changes nothing. Raises BadRequest when it is not UTF-8 or not CSV, Invalid when its first line does not
    name the columns."""
    rows = _read_rows(body)
    report = Report()
    with audit.act(db, "items.imported", target=store) as details:
        for line, item, sku in rows:
            try:
                done = items.link(db, store, items.item_number(item), sku)
            except PosError as error:
                report.errors.append({"line": line, "item": item[:_LONGEST], "message": error.message})
                continue
            report.events += done.events
            report.linked += done.changed
            report.unchanged += not done.changed
        details |= {"linked": report.linked, "unchanged": report.unchanged, "errors": len(report.errors)}
    return report


def _read_rows(body: bytes) -> list[tuple[int, str, str]]:
    """The line, item and SKU of each row that has a SKU."""
    reader = csv_cells.reader_of(body)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        unknown = [name[:40] for name in columns if name not in COLUMNS]
        if not set(columns) >= _REQUIRED or unknown or len(set(columns)) < len(columns):
            details = {"known": list(COLUMNS), "required": sorted(_REQUIRED), "unknown": unknown[:20]}
            raise Invalid("The first line must name the columns.", details=details)
        found = ((reader.line_num, dict(zip(columns, cells, strict=False))) for cells in reader)
        rows = [(line, _text(cells, "item"), _text(cells, "sku")) for line, cells in found]
    except csv.Error as error:
        raise BadRequest(f"The file is not CSV: {error}") from None
    return [row for row in rows if row[2]]


def _text(cells: Mapping[str, str], column: str) -> str:
    return without_apostrophes(cells.get(column, "")).strip()
