"""The catalogue as a CSV file (RFC 4180, UTF-8): out for a spreadsheet, and in again.

Columns: `sku`, `name`, `price`, `stock`, `low_stock_threshold`, `archived` (yes or blank), and what the shop alone
decides: `gtin`, `image_url`, `categories`, `tax_class`. Coming in, only `sku` must be there; a column that is missing,
a cell that is blank, and the shop's columns leave what is stored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from pos_api.catalogue import collections, presentation, staff_actions
from pos_api.catalogue.model import ProductDocument
from pos_api.catalogue.staff_actions import ProductChanges
from pos_api.common import csv_cells
from pos_api.common.batches import in_batches
from pos_api.common.csv_cells import Cell, without_apostrophes
from pos_api.common.money import decimal, money
from pos_api.common.quantity import quantity
from pos_api.database.client import Db, Document
from pos_api.errors import Invalid, PosError
from pos_api.events import Event
from pos_api.staff import audit

COLUMNS = ("sku", "name", "price", "stock", "low_stock_threshold", "archived")
SHOPS_COLUMNS = ("gtin", "image_url", "categories", "tax_class")
MAX_SKU = 200
MAX_NAME = 500

_CHUNK = 500


def write(rows: Iterable[ProductDocument]) -> Iterator[str]:
    """The lines of a CSV file of these products, some at a time; `read` finds nothing to change in it."""
    return csv_cells.write(COLUMNS + SHOPS_COLUMNS, (_row(product) for product in rows))


def _row(product: ProductDocument) -> list[Cell]:
    shown = presentation.product(product)
    cells: dict[str, Cell] = {
        **{name: shown[name] for name in ("sku", "name", "stock", "low_stock_threshold")},
        **{name: shown[name] for name in ("gtin", "image_url", "tax_class")},
        "price": None if shown["price"] is None else decimal(shown["price"]),
        "archived": "yes" if shown["archived"] else "",
        "categories": ", ".join(shown["categories"]),
    }
    return [cells[name] for name in COLUMNS + SHOPS_COLUMNS]


@dataclass(slots=True)
class Report:
    """What became of a file's rows. `errors` holds `{"line", "sku", "message"}` of those left out whole; `events` what
    the others caused."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    counted: int = 0
    errors: list[Document] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def counts(self) -> Document:
        """How many rows ended how."""
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "counted": self.counted,
            "errors": len(self.errors),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """A usable row: its line in the file, and its values by column."""

    line: int
    values: Document


def read(db: Db, body: bytes, *, by: str) -> Report:
    """Bring the catalogue to what a CSV file says, as `by` says: unknown products are created, the others' name, price,
    threshold and archived mark set, and stock that differs counted.

    A row is taken whole or not at all, and the same file again changes nothing. Raises BadRequest when it is not UTF-8,
    Invalid when its first line does not name the columns.
    """
    report = Report()
    rows = rows_of(body, report)
    with audit.act(db, "products.imported") as details:
        _apply_all(db, rows, by, report)
        details |= report.counts()
    report.errors.sort(key=lambda error: error["line"])
    return report


def _apply_all(db: Db, rows: Iterator[Row], by: str, report: Report) -> None:
    for chunk in in_batches(rows, _CHUNK):
        known = known_products(db, [row.values["sku"] for row in chunk])
        for row in chunk:
            try:
                apply_row(db, row.values, known.get(row.values["sku"]), by, report)
            except PosError as error:
                report.errors.append({"line": row.line, "sku": row.values["sku"], "message": error.message})


def rows_of(body: bytes, report: Report) -> Iterator[Row]:
    """The usable rows of a file; the others are in the report. Raises BadRequest, Invalid."""
    reader, columns = _open(body)
    seen: dict[str, int] = {}
    line = reader.line_num + 1
    try:
        for cells in reader:
            if any(text.strip() for text in cells):
                try:
                    values = _values(columns, cells)
                    first = seen.setdefault(values["sku"], line)
                    if first != line:
                        raise ValueError(f"line {first} is about this SKU already")
                    yield Row(line, values)
                except ValueError as error:
                    sku = dict(zip(columns, cells, strict=False)).get("sku", "")
                    report.errors.append({"line": line, "sku": sku[:MAX_SKU], "message": str(error)})
            line = reader.line_num + 1
    except csv.Error as error:
        report.errors.append({"line": line, "sku": "", "message": f"not CSV, nothing was read from here on: {error}"})


def _open(body: bytes) -> tuple[Any, list[str]]:
    reader = csv_cells.reader_of(body)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
    except csv.Error:
        columns = []
    unknown = [name for name in columns if name not in COLUMNS + SHOPS_COLUMNS]
    if "sku" not in columns or unknown or len(set(columns)) < len(columns):
        raise Invalid(
            "The first line must name the columns.",
            details={"known": list(COLUMNS), "required": ["sku"], "unknown": [name[:40] for name in unknown[:20]]},
        )
    return reader, columns


_IN_TWO_WAYS = re.compile(r",\d{3}(?!\d)")


def _with_point(text: str) -> str:
    """A number with a point for its decimal comma, which spreadsheets of many countries write. Raises ValueError for
    one such as `1,000`, which is a thousand or one."""
    if _IN_TWO_WAYS.search(text):
        raise ValueError("can be read in two ways: write 1000, or 1.5")
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _units(text: str) -> Any:
    return quantity(_with_point(text))


def _price(text: str) -> Any:
    amount = money(_with_point(text))
    if decimal(amount) < 0:
        raise ValueError("must not be negative")
    return amount


def _threshold(text: str) -> Any:
    units = _units(text)
    if units < 0:
        raise ValueError("must not be negative")
    return units


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("must be yes, no or blank")
    return text.lower() == "yes"


def text_of(longest: int) -> Callable[[str], str]:
    """A check for a line of text: trimmed, not blank, no control characters, at most `longest` characters."""

    def checked(text: str) -> str:
        text = text.strip()
        if not text:
            raise ValueError("must not be blank")
        if len(text) > longest:
            raise ValueError(f"must not be longer than {longest} characters")
        if any(letter < " " or letter == "\x7f" for letter in text):
            raise ValueError("must not hold control characters")
        return text

    return checked


_CONVERT: dict[str, Callable[[str], Any]] = {
    "sku": lambda text: without_apostrophes(text).strip(),
    "name": without_apostrophes,
    "price": _price,
    "stock": _units,
    "low_stock_threshold": _threshold,
    "archived": _yes_or_no,
}


def _values(columns: list[str], cells: list[str]) -> Document:
    if len(cells) > len(columns):
        raise ValueError(f"has {len(cells)} cells, the first line names {len(columns)} columns")
    values: Document = {}
    for name, text in zip(columns, cells, strict=False):
        if text.strip() and name in _CONVERT:
            try:
                values[name] = _CONVERT[name](text if name == "name" else text.strip(" "))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    if not values.get("sku"):
        raise ValueError("sku: is missing")
    return values


def known_products(db: Db, skus: list[str]) -> dict[str, ProductDocument]:
    """The products that these SKUs, current or former, find."""
    wanted = set(skus)
    found = collections.products(db).find({"skus": {"$in": sorted(wanted)}})
    return {sku: product for product in found for sku in product["skus"] if sku in wanted}


def _check_new_texts(values: Document, product: ProductDocument | None) -> None:
    """Check what a person wrote. What is stored already may be longer, or have line breaks: a shop sent it."""
    for name, longest in (("sku", MAX_SKU), ("name", MAX_NAME)):
        known = product and (name == "sku" or values.get("name") == product["name"])
        if name in values and not known:
            try:
                values[name] = text_of(longest)(values[name])
            except ValueError as error:
                raise Invalid(f"{name}: {error}") from None


def changes_of(values: Document, product: ProductDocument | None) -> Document | None:
    """What a row changes of a product: the new values by column, `stock` among them where it is a count; nothing where
    all is so already, None where the product is created. Raises Invalid where the row can't be applied. Pure."""
    _check_new_texts(values, product)
    units = values.get("stock")
    if units is not None and units < 0 and not (product and product["stock"] == units):
        raise Invalid("stock was counted, so it must not be negative")
    if product is None:
        return None
    stored: Document = {"archived": False, **product}
    return {name: value for name, value in values.items() if name != "sku" and stored.get(name) != value}


def apply_row(db: Db, values: Document, product: ProductDocument | None, by: str, report: Report) -> None:
    """Bring a product to what a row says. Raises PosError where it can't be applied."""
    changes = changes_of(values, product)
    if changes is None:
        report.events += staff_actions.add(db, values, by=by).events
        if values.get("archived"):
            report.events += staff_actions.change(db, values["sku"], {"archived": True}).events
        report.created += 1
        return
    details = {name: value for name, value in changes.items() if name != "stock"}
    if details:
        report.events += staff_actions.change(db, values["sku"], cast(ProductChanges, details)).events
    if "stock" in changes:
        report.events += staff_actions.count(db, values["sku"], changes["stock"], by=by, note="CSV").events
        report.counted += 1
    if changes:
        report.updated += 1
    else:
        report.unchanged += 1
