"""Entries as people look for them: those that need a look, those that wait, those that were ignored, and one of them
with all that was sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from pos_api.database.client import Db, Document
from pos_api.errors import NotFound
from pos_api.inbox.model import IGNORED, StoredEntry

NO_ENTRY = "There is no such event in the inbox."


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; None leaves a filter out. Without a state and an outcome (the only one is `ignored`), those that
    need a look: parked and failed ones."""

    state: str | None = None
    store: str | None = None
    topic: str | None = None
    kind: str | None = None
    outcome: str | None = None

    @property
    def sorted_by(self) -> str:
        """The field that all entries of this filter have, and are sorted by."""
        if self.outcome == IGNORED:
            return "ignored_at"
        return "due_at" if self.state == "waiting" else "attention_at"

    def query(self) -> Document:
        """As a query on the collection."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {self.sorted_by: {"$exists": True}} | given


def find(
    db: Db, wanted: Filter, *, before: tuple[datetime, str] | None = None, limit: int = 0
) -> tuple[str, list[StoredEntry]]:
    """The entries that match, without their bodies, newest first, and the field that is sorted by. `before` is that
    field and the `_id` of the entry to start after."""
    sorted_by = wanted.sorted_by
    query = wanted.query()
    if before is not None:
        at, key = before
        query["$or"] = [{sorted_by: {"$lt": at}}, {sorted_by: at, "_id": {"$lt": key}}]
        query[sorted_by] = {"$lte": at}
    newest_first = [(sorted_by, -1), ("_id", -1)]
    found = db.inbox.find(query, {"body": 0, "headers": 0}).sort(newest_first).limit(limit)
    return sorted_by, cast(list[StoredEntry], list(found))


def get(db: Db, key: str) -> StoredEntry:
    """One entry, with all that was sent. Raises NotFound."""
    entry = db.inbox.find_one({"_id": key})
    if entry is None:
        raise NotFound(NO_ENTRY)
    return cast(StoredEntry, entry)


def latest_of(db: Db, store: str, limit: int) -> list[StoredEntry]:
    """The latest entries of a store, without their bodies, newest first, whatever became of them."""
    newest_first = [("received_at", -1), ("_id", -1)]
    found = db.inbox.find({"store": store}, {"body": 0, "headers": 0}).sort(newest_first).limit(limit)
    return cast(list[StoredEntry], list(found))


def last_received(db: Db) -> dict[str, datetime]:
    """When the latest entry of each store came, by store; it costs one look into the index for each store."""
    latest = {"$group": {"_id": "$store", "at": {"$first": "$received_at"}}}
    found = db.inbox.aggregate([{"$sort": {"store": 1, "received_at": -1, "_id": -1}}, latest])
    return {each["_id"]: each["at"] for each in found}
