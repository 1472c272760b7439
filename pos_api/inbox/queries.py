"""Entries as people look for them: those that need a look, those that wait, those that were ignored, and one of them
with all that was sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from pymongo.errors import ExecutionTimeout

from pos_api.database import reach
from pos_api.database.client import Db, Document
from pos_api.database.reach import Position, Way
from pos_api.errors import NotFound, Unavailable
from pos_api.inbox.model import IGNORED, Noun, StoredEntry

NO_ENTRY = "There is no such event in the inbox."


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; None leaves a filter out. Without a state and an outcome (`ignored` or `stale`), those that need a
    look: parked and failed ones. The times are when they came, both inclusive."""

    state: str | None = None
    store: str | None = None
    topic: str | None = None
    kind: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def sorted_by(self) -> str:
        """The field that all entries of this filter have, and are sorted by."""
        if self.outcome is not None:
            return {IGNORED: "ignored_at"}.get(self.outcome, "done_at")
        return {"waiting": "due_at", "done": "received_at"}.get(self.state or "", "attention_at")

    def query(self) -> Document:
        """As a query on the collection."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        times = {operator: given.pop(name) for name, operator in _BOUNDS if name in given}
        if times:
            given["received_at"] = times
        return {self.sorted_by: {"$exists": True}} | given


_BOUNDS = (("since", "$gte"), ("until", "$lte"))


def find(
    db: Db, wanted: Filter, *, before: Position | None = None, limit: int = 0
) -> tuple[list[StoredEntry], Position | None]:
    """Up to `limit` entries that match (all, where it is 0), without their bodies, newest first, from behind `before`
    on; and behind which position there may be more, None where there are none. Of those that are done and of a topic or
    kind it looks at a number only (`database.reach`), so there may be more also with fewer entries, or none. A position
    is the field that is sorted by, and the `_id`. Raises Unavailable where too many would have to be looked at."""
    query, listed = wanted.query(), reach.List(db.inbox, wanted.sorted_by, {"body": 0, "headers": 0}, _LONGEST)
    if wanted.state == "done":
        query.setdefault("store", {"$in": list(last_received(db))})  # the index has them by store; they are merged
    try:
        if limit and listed.field == "received_at" and (wanted.topic is not None or wanted.kind is not None):
            found, last = reach.find(listed, [_by_store(query)], lambda _: query, limit, before)
        else:
            found, last = _whole(listed, query, limit, before)
    except ExecutionTimeout:
        raise Unavailable("That takes too long to find; ask for one store, or for a shorter time.") from None
    return cast(list[StoredEntry], found), last


def _by_store(query: Document) -> Way:
    """How entries that are done are gone through."""
    bounds = {name: bound for name, bound in query["received_at"].items() if name != "$exists"}
    of_stores = {"store": query["store"], **({"received_at": bounds} if bounds else {})}
    return Way(of_stores, [("store", 1), ("received_at", -1), ("_id", -1)])


def _whole(
    listed: reach.List, query: Document, limit: int, before: Position | None
) -> tuple[list[Document], Position | None]:
    """As `find`, of a list that an index has."""
    found = listed.rows.find(reach.between(query, listed.field, before), listed.read).sort(listed.order)
    rows = list(found.limit(limit and limit + 1).max_time_ms(listed.longest))
    if limit and len(rows) > limit:
        rows.pop()
        return rows, listed.position(rows[-1])
    return rows, None


_LONGEST = 5_000
"""Milliseconds that a list may take."""


_LONGEST_COUNT = 500
"""Milliseconds that a count may take; a page has several."""


def count(db: Db, wanted: Filter, most: int) -> int | None:
    """How many entries match, `most` + 1 where it is more than `most`; None where that takes too long to find."""
    try:
        return db.inbox.count_documents(wanted.query(), limit=most + 1, maxTimeMS=_LONGEST_COUNT)
    except ExecutionTimeout:
        return None


def of_replay(db: Db, replay: str, *, after: str = "", limit: int = 0) -> list[StoredEntry]:
    """The entries of a replay, without their bodies, by their keys, from the one after `after` on."""
    query = {"replay": replay, "_id": {"$gt": after}}
    found = db.inbox.find(query, {"body": 0, "headers": 0}).sort("_id", 1).limit(limit)
    return cast(list[StoredEntry], list(found))


def results_of_replay(db: Db, replay: str) -> dict[str, int]:
    """How many entries of a replay became what: the count of each outcome, of those that failed once more under
    `failed`, and of those that are not done yet under `waiting`."""
    became = {"$cond": [{"$eq": ["$state", "done"]}, "$outcome", "$state"]}
    found = db.inbox.aggregate([{"$match": {"replay": replay}}, {"$group": {"_id": became, "count": {"$sum": 1}}}])
    return {each["_id"]: each["count"] for each in found}


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


def behind(db: Db, about: str, noun: Noun, keys: Collection[str], limit: int) -> list[StoredEntry]:
    """The entries about a thing (`store:resource id`), and those of these keys, without what was sent: up to `limit`,
    the newest, the oldest of them first."""
    of_thing: Document = {"$or": [{"about": about, "noun": noun}, {"_id": {"$in": list(keys)}}]}
    newest_first = [("received_at", -1), ("_id", -1)]
    found = list(db.inbox.find(of_thing, {"body": 0, "headers": 0}).sort(newest_first).limit(limit))
    return cast(list[StoredEntry], found[::-1])
