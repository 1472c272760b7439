"""The collections of the inbox."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from pos_api.database.collections import Collection, present
from pos_api.inbox.model import STALE
from pos_api.outbox.collections import unpublished

_FILTERED_BY = [(name, ASCENDING) for name in ("kind", "store", "topic", "received_at")]

COLLECTIONS = (
    Collection(
        "inbox",
        "every delivery as it came, and what became of it",
        (
            present("due_at"),
            present("attention_at", DESCENDING),
            IndexModel(  # of the few that need a look; an entry that ends well never enters it
                [("state", ASCENDING), ("attention_at", DESCENDING), ("_id", DESCENDING)],
                partialFilterExpression={"attention_at": {"$exists": True}},
            ),
            present("done_at"),
            IndexModel(  # of those that were ignored alone; what it is filtered by is in the index
                [("ignored_at", DESCENDING), ("_id", DESCENDING), *_FILTERED_BY],
                partialFilterExpression={"ignored_at": {"$exists": True}},
            ),
            IndexModel(  # of the few that are older than what is stored
                [("done_at", DESCENDING), ("_id", DESCENDING), *_FILTERED_BY],
                partialFilterExpression={"outcome": STALE},
            ),
            IndexModel(  # of those that were replayed with others
                [("replay", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"replay": {"$exists": True}}
            ),
            IndexModel("about"),
            IndexModel([("store", ASCENDING), ("received_at", DESCENDING), ("_id", DESCENDING)]),
            unpublished(),
        ),
        former_indexes=(
            "ignored_at_-1__id_-1_kind_1_store_1_topic_1",
            "done_at_-1__id_-1_kind_1_store_1_topic_1",
        ),
    ),
)
