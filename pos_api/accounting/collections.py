"""The collections of the books, in the order in which a backup reads them while the service works: a note that a day
is closed comes before its entries, and an entry before its lines; so what is in a backup is whole, and what came
meanwhile is made again."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection, present

COLLECTIONS = (
    Collection(
        "accounting_exports",
        "which entries were exported in which file",
        (IndexModel("key", unique=True), IndexModel("format")),
    ),
    Collection(
        "accounting_closings",
        "which days of a store were closed, by whom, and with which entries",
        (
            IndexModel([("day", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("store", ASCENDING), ("day", DESCENDING), ("_id", DESCENDING)]),
        ),
    ),
    Collection(
        "accounting_entries",
        "the entries of the books, numbered and chained",
        (
            IndexModel("number", unique=True),
            IndexModel([("date", DESCENDING), ("number", DESCENDING)]),
            IndexModel([("store", ASCENDING), ("date", DESCENDING), ("number", DESCENDING)]),
            IndexModel([("reference", ASCENDING), ("date", DESCENDING), ("number", DESCENDING)]),
        ),
    ),
    Collection(
        "accounting_lines",
        "what each entry has of each order, payment and cash session",
        (
            IndexModel("source"),
            IndexModel([("entry", ASCENDING), ("source", ASCENDING)]),
            IndexModel("number"),
            IndexModel("date"),
        ),
    ),
    Collection("accounting_state", "the accounts, and who closes a day at the moment"),
    Collection("accounting_progress", "up to when changes were noted for the books", in_backup=False),
    Collection(
        "accounting_sources",
        "what each order, payment and cash session means in the books as it is now",
        (
            IndexModel([("store", ASCENDING), ("days", ASCENDING)]),
            IndexModel([("store", ASCENDING), ("open", ASCENDING)]),
            IndexModel(
                [("store", ASCENDING), ("changed_on", ASCENDING)],
                name="changed_on",
                partialFilterExpression={"changed": True},
            ),
            IndexModel("payments"),
            present("refused"),
        ),
    ),
)
