"""The collections of payments."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection, present
from pos_api.outbox.collections import unpublished

_NEWEST_FIRST = [("listed_at", DESCENDING), ("_id", DESCENDING)]

COLLECTIONS = (
    Collection(
        "payments",
        "every payment, of whatever sender, with the order that it pays",
        (
            IndexModel(_NEWEST_FIRST),
            IndexModel([("store", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("status", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("method", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("order", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("search", ASCENDING), *_NEWEST_FIRST]),
            IndexModel("wanted"),
            present("tab"),
            present("changed_at"),
            unpublished(),
        ),
    ),
    Collection("tabs", "open and closed bills of ordering apps", ()),
)
