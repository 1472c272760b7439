"""The collections of cash sessions."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection, present
from pos_api.outbox.collections import unpublished

_NEWEST_FIRST = [("listed_at", DESCENDING), ("_id", DESCENDING)]

COLLECTIONS = (
    Collection(
        "cash_sessions",
        "each till's cash sessions, with what was counted",
        (
            IndexModel(_NEWEST_FIRST),
            IndexModel([("store", ASCENDING), *_NEWEST_FIRST]),
            present("changed_at"),
            unpublished(),
        ),
    ),
    Collection(
        "cash_movements",
        "cash that came into a till's drawer or left it",
        (IndexModel([("store", ASCENDING), ("at", ASCENDING)]), present("changed_at")),
    ),
)
