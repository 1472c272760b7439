"""Whether the books are as they were made: the chain of entries, and what each has of its sources."""

from __future__ import annotations

from collections.abc import Iterator

from pos_api.accounting import chain
from pos_api.accounting.stored import hashed_content
from pos_api.common.money import decimal
from pos_api.database.client import Db, Document


def problems(db: Db) -> Iterator[str]:
    """What is wrong with the entries, a sentence each: one that was changed or is missing, one whose lines were
    changed, and one that does not add up to 0. The last ones are missed by the days that were closed with them, and by
    the files that they are in."""
    yield from _missing(db)
    yield from chain.problems(db.accounting_entries.find().sort("number", 1))
    for entry in db.accounting_entries.find().sort("number", 1):
        yield from _problems_of(entry, list(db.accounting_lines.find({"entry": entry["_id"]})))


def _missing(db: Db) -> Iterator[str]:
    """The entries that a closed day or an export names and that are not there."""
    for closing in db.accounting_closings.find({}, {"entries": 1}):
        named = closing["entries"]
        there = {each["_id"] for each in db.accounting_entries.find({"_id": {"$in": named}}, {"_id": 1})}
        yield from (f"Entry {each} is missing, with which {closing['_id']} was closed." for each in set(named) - there)
    last = db.accounting_entries.find_one({}, {"number": 1}, sort=[("number", -1)])
    for export in db.accounting_exports.find({"numbers": {"$gt": last["number"] if last else 0}}, {"_id": 1}):
        yield f"Entries are missing that are in export {export['_id']}."


def _problems_of(entry: Document, lines: list[Document]) -> Iterator[str]:
    name = f"Entry {entry['number']} ({entry['_id']})"
    own = [each for each in lines if each["token"] == entry["token"]]
    if chain.digest(hashed_content(own)) != entry["content"]:
        yield f"{name} has other lines than when it was made."
    if sum(decimal(each["amount"]) for each in entry["lines"]):
        yield f"{name} does not add up to 0."
