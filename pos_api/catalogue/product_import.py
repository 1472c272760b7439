"""A CSV file of products that is looked at before it is applied: what each row would change is worked out and kept, for
a day, and only that is applied. A row whose product has changed since it was looked at is left out, and says so.

It is applied in parts, as a long file takes minutes: each part does what it can in some seconds, and who asks comes
again. Whoever asks at the same time, and whatever ends in between, a row is applied once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

from pymongo import ReturnDocument

from pos_api.catalogue import product_csv
from pos_api.catalogue.model import ProductDocument
from pos_api.catalogue.product_csv import Report, Row, changes_of, known_products
from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import Invalid, NotFound, PosError
from pos_api.events import Event
from pos_api.staff import audit

_CHUNK = 500
_KEPT_FOR = timedelta(days=1)
_ABANDONED = timedelta(minutes=1)
"""A row that was begun so long ago was left by a process that ended."""
_PAUSE = 1.0
"""Seconds until it is looked again whether another process has applied the last rows."""
_WAITING = ("created", "updated")
"""States of rows that are still to be applied: what they will come to. The others: `refused` before, then `applied`,
`outdated` (the product has changed since it was looked at), `failed`; `begun` in between."""


def prepare(db: Db, body: bytes, *, name: str, by: str) -> str:
    """Keep what a file would change; returns the id of the import. Changes no product. Raises BadRequest, Invalid."""
    report, identifier = Report(), secrets.token_urlsafe(16)
    expires_at = now() + _KEPT_FOR
    counts = {"created": 0, "updated": 0, "unchanged": 0, "refused": 0}
    for some in in_batches(product_csv.rows_of(body, report), _CHUNK):
        known = known_products(db, [row.values["sku"] for row in some])
        _keep(db, identifier, expires_at, [_planned(row, known.get(row.values["sku"])) for row in some], counts)
    errors = [{**error, "state": "refused"} for error in report.errors]
    for rows_left_out in in_batches(iter(errors), _CHUNK):
        _keep(db, identifier, expires_at, rows_left_out, counts)
    header = {"_id": identifier, "by": by, "name": name[:200], "at": now(), "expires_at": expires_at, "counts": counts}
    db.product_imports.insert_one(header)
    return identifier


def _keep(db: Db, identifier: str, expires_at: Any, rows: list[Document], counts: dict[str, int]) -> None:
    for row in rows:
        counts[row["state"]] += 1
    kept = [{**row, "import": identifier, "expires_at": expires_at} for row in rows if row["state"] != "unchanged"]
    if kept:
        db.product_import_rows.insert_many(kept)


def _planned(row: Row, product: ProductDocument | None) -> Document:
    """A row as it is kept: what it would come to, with each change of a product as it is now."""
    kept: Document = {"line": row.line, "sku": row.values["sku"], "values": row.values}
    try:
        changes = _changes(row.values, product)
    except Invalid as error:
        return {**kept, "state": "refused", "message": error.message}
    if changes is None:
        return {**kept, "state": "created", "changes": []}
    return {**kept, "state": "updated" if changes else "unchanged", "changes": changes}


def _changes(values: Document, product: ProductDocument | None) -> list[Document] | None:
    """Each field that a row changes, before and after; None where it makes the product."""
    changes = changes_of(values, product)
    if changes is None or product is None:
        return None
    stored: Document = {"archived": False, **product}
    return [{"field": name, "before": stored.get(name), "after": value} for name, value in changes.items()]


def get(db: Db, identifier: str) -> Document:
    """An import with `left`, how many rows are still to be applied. Raises NotFound."""
    header = db.product_imports.find_one({"_id": identifier})
    if header is None:
        raise NotFound("There is no such import any more: a file is kept for a day. Choose it again.")
    return {**header, "left": db.product_import_rows.count_documents(_left(identifier))}


def _left(identifier: str) -> Document:
    return {"import": identifier, "state": {"$in": [*_WAITING, "begun"]}}


def rows(db: Db, identifier: str, *, after: int | None = None, limit: int = 0) -> list[Document]:
    """The rows that change something or can't be applied, by their lines, from the one after `after` on."""
    query: Document = {"import": identifier}
    if after is not None:
        query["line"] = {"$gt": after}
    return list(db.product_import_rows.find(query).sort("line", 1).limit(limit))


def results(db: Db, identifier: str) -> dict[str, int]:
    """How many rows have ended how."""
    states = ("applied", "outdated", "failed", "refused")
    count = db.product_import_rows.count_documents
    return {state: count({"import": identifier, "state": state}) for state in states}


def apply_some(db: Db, identifier: str, *, by: str, seconds: float) -> list[Event]:
    """Apply rows for about so many seconds, and at least one; returns the events that they caused. Where others have
    all rows that are left, it waits a moment, as who asks comes again at once, and records nothing. Raises NotFound."""
    left, begun = get(db, identifier)["left"], _begun(db, identifier)
    first = next(begun, None)
    if first is None:
        time.sleep(_PAUSE if left else 0)
        return []
    report, until = Report(), time.monotonic() + seconds
    with audit.act(db, "products.imported", details={"import": identifier}) as details:
        for row in chain([first], begun):
            state, message = _apply(db, row, by, report)
            outcome = {"state": state, "message": message}
            db.product_import_rows.update_one({"_id": row["_id"]}, {"$set": outcome})
            if time.monotonic() > until:
                break
        details |= report.counts()
    return report.events


def _begun(db: Db, identifier: str) -> Iterator[Document]:
    """One row after the other that nobody else applies."""
    abandoned = {"state": "begun", "begun_at": {"$lt": now() - _ABANDONED}}
    while True:
        row = db.product_import_rows.find_one_and_update(
            {"import": identifier, "$or": [{"state": {"$in": list(_WAITING)}}, abandoned]},
            {"$set": {"state": "begun", "begun_at": now()}},
            sort=[("line", 1)],
            return_document=ReturnDocument.BEFORE,
        )
        if row is None:
            return
        yield row


def _apply(db: Db, row: Document, by: str, report: Report) -> tuple[str, str]:
    """Apply a row as it was looked at; returns its state and a message."""
    product = known_products(db, [row["sku"]]).get(row["sku"])
    try:
        changes = _changes(row["values"], product)
        if changes == []:  # a process that ended had applied it, or somebody else did the same
            return "applied", ""
        if (changes or []) != row["changes"] or (changes is None) != (row["changes"] == []):
            return "outdated", _difference(changes)
        product_csv.apply_row(db, row["values"], product, by, report)
    except PosError as error:
        return "failed", error.message
    return "applied", ""


def _difference(changes: list[Document] | None) -> str:
    if changes is None:
        return "The product is not there any more."
    now_there = ", ".join(f"{each['field']} {each['before']}" for each in changes)
    return f"It is there now with {now_there}."
