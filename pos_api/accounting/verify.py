"""Whether the books are as they were made: the chain of entries, and what each has of its sources."""

from __future__ import annotations

from collections.abc import Iterator

from pos_api.accounting import chain
from pos_api.accounting.stored import hashed_content
from pos_api.common.money import decimal
from pos_api.database.client import Db, Document


def problems(db: Db) -> Iterator[str]:
    """What is wrong with the entries, a sentence each: one that was changed or is missing, one whose lines were
    changed, and one that does not add up to 0."""
    yield from chain.problems(db.accounting_entries.find().sort("number", 1))
    for entry in db.accounting_entries.find().sort("number", 1):
        yield from _problems_of(entry, list(db.accounting_lines.find({"entry": entry["_id"]})))


def _problems_of(entry: Document, lines: list[Document]) -> Iterator[str]:
    name = f"Entry {entry['number']} ({entry['_id']})"
    own = [each for each in lines if each["token"] == entry["token"]]
    if chain.digest(hashed_content(own)) != entry["content"]:
        yield f"{name} has other lines than when it was made."
    if sum(decimal(each["amount"]) for each in entry["lines"]):
        yield f"{name} does not add up to 0."
