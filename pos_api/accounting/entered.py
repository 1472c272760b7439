"""What entries have of each order, payment and cash session: lines whose entry was made, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from pos_api.common.batches import in_batches
from pos_api.database.client import Db, Document

_AT_ONCE = 500


def entered_lines(db: Db, wanted: Document) -> Iterator[Document]:
    """The line documents that match and whose entry was made by who wrote them: a closing that ended before its entry
    was there may have left others."""
    for some in in_batches(db.accounting_lines.find(wanted), _AT_ONCE):
        numbers = sorted({each["number"] for each in some})
        entries = db.accounting_entries.find({"number": {"$in": numbers}}, {"number": 1, "token": 1})
        tokens = {each["number"]: each["token"] for each in entries}
        yield from (each for each in some if tokens.get(each["number"]) == each["token"])
