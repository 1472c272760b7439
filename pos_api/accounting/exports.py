"""Exports: which entries were exported in which file. An export has a number, and its files can be had again, with the
very same bytes: entries never change, and all else that the files are written from is kept with the export."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.errors import DuplicateKeyError

from pos_api.accounting import chain, set_accounts
from pos_api.accounting.exporting import sie, tables
from pos_api.accounting.exporting.model import Company, Export, ExportedEntry, ExportedLine, ExportFile
from pos_api.accounting.queries import Filter
from pos_api.common.money import decimal
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import DURABLE, Db, Document
from pos_api.errors import NotFound
from pos_api.staff import audit

WRITERS: Mapping[str, Callable[[Export], list[ExportFile]]] = {
    "sie": sie.write,
    "csv": tables.write_csv,
    "xero": tables.write_xero,
    "quickbooks": tables.write_quickbooks,
}
_ATTEMPTS = 50
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Exported:
    """An export: its number, and the file with its name."""

    number: int
    name: str
    content: bytes


def export(db: Db, config: Config, format: str, wanted: Filter, *, new: bool = False) -> Exported:
    """The entries that are wanted as a file of a format (see WRITERS), in the order of their numbers; with `new` only
    those that were in no file of this format yet. The same entries in the same format are the same export, with its
    number and its bytes. Raises NotFound where there are none, Invalid where they can't be written so."""
    entries = list(db.accounting_entries.find(wanted.query()).sort("number", 1))
    if new:
        before = db.accounting_exports.find({"format": format}, {"numbers": 1})
        known = {number for each in before for number in each["numbers"]}
        entries = [entry for entry in entries if entry["number"] not in known]
    if not entries:
        raise NotFound("There are no entries to export." if not new else "There are no entries that are new.")
    numbers = [entry["number"] for entry in entries]
    key = chain.digest([format, numbers])
    known_export = db.accounting_exports.find_one({"key": key})
    if known_export is None:
        accounts, _ = set_accounts.read(db)
        record: Document = {
            "key": key,
            "format": format,
            "numbers": numbers,
            "exported_on": now().date().isoformat(),
            "names": dict(accounts.names),
            "company": [config.accounting_company, config.accounting_orgnr, config.accounting_year_starts],
        }
        _files(record, entries)  # what can't be written is no export
        known_export = _remember(db, record)
    return _exported(known_export, entries)


def again(db: Db, number: int) -> Exported:
    """The file of an export. Raises NotFound."""
    record = db.accounting_exports.find_one({"_id": number})
    if record is None:
        raise NotFound(f"There is no export {number}.")
    entries = list(db.accounting_entries.find({"number": {"$in": record["numbers"]}}).sort("number", 1))
    return _exported(record, entries)


def listed(db: Db, limit: int, after: int | None = None) -> list[Document]:
    """Up to `limit` exports, the newest first, from `after` on."""
    query = {} if after is None else {"_id": {"$lt": after}}
    return [_shown(each) for each in db.accounting_exports.find(query).sort("_id", -1).limit(limit)]


def _shown(record: Document) -> Document:
    return {
        "number": record["_id"],
        "format": record["format"],
        "entries": len(record["numbers"]),
        "first_entry": record["numbers"][0],
        "last_entry": record["numbers"][-1],
        "exported_at": record["exported_at"],
        "by": record["by"],
    }


def _remember(db: Db, record: Document) -> Document:
    """Store an export with the next number; somebody else may have stored it meanwhile."""
    collection = db.accounting_exports.with_options(write_concern=DURABLE)
    for _ in range(_ATTEMPTS):
        last = collection.find_one(sort=[("_id", -1)])
        numbered = {
            "_id": last["_id"] + 1 if last else 1,
            **record,
            "exported_at": now(),
            "by": audit.actor().get("name", ""),
        }
        try:
            collection.insert_one(numbered)
            return numbered
        except DuplicateKeyError:
            if known := collection.find_one({"key": record["key"]}):
                return known
    raise RuntimeError("An export could not be numbered.")


def _exported(record: Document, entries: Sequence[Document]) -> Exported:
    files = _files(record, entries)
    name = f"books-{record['format']}-{record['_id']}"
    if len(files) == 1:
        return Exported(record["_id"], name + files[0].suffix, files[0].content)
    return Exported(record["_id"], f"{name}.zip", _zipped(name, files))


def _files(record: Mapping[str, Any], entries: Sequence[Document]) -> list[ExportFile]:
    company = Company(*record["company"])
    exported = [_entry(each) for each in entries]
    return WRITERS[record["format"]](Export(exported, company, record["exported_on"], record["names"]))


def _entry(stored: Document) -> ExportedEntry:
    lines = [
        ExportedLine(each["account"], each["description"], decimal(each["amount"]), each["orders"])
        for each in stored["lines"]
    ]
    names = ("number", "date", "store", "currency", "reference", "description")
    return ExportedEntry(
        stored["_id"], **{name: stored[name] for name in names}, lines=lines, corrects=stored["corrects"]
    )


def _zipped(name: str, files: Sequence[ExportFile]) -> bytes:
    """The files in one, with the same bytes each time."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for file in files:
            packed.writestr(zipfile.ZipInfo(name + file.suffix, _ZIP_TIME), file.content)
    return content.getvalue()
