"""Reports of stores about one thing, kept together. See `senders.reports` for what they are for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pos_api.database.client import Db

MOST_REPORTS = 1_000
"""So many are kept about one thing; what is more can't be used."""


class TooManyReportsError(ValueError):
    """Raised where a thing has MOST_REPORTS already."""


class StoredReport(TypedDict):
    """A report as it is kept; see `senders.reports.KnownReport`."""

    id: str
    name: str
    content: Mapping[str, Any]
    at: datetime | None
    received_at: datetime
    cause: str


class StoredReports(TypedDict):
    """All reports about one thing. `_id` is `store:thing`; `count` is how many were added."""

    _id: str
    store: str
    count: int
    reports: list[StoredReport]


def add(db: Db, key: str, store: str, report: StoredReport, most: int | None = None) -> StoredReports:
    """Keep a report about the thing `key`, unless it is there already; returns all about it. Raises
    TooManyReportsError, where there are `most`."""
    most = most or MOST_REPORTS
    room = {"_id": key, "reports.id": {"$ne": report["id"]}, f"reports.{most - 1}": {"$exists": False}}
    added = {"$push": {"reports": report}, "$inc": {"count": 1}, "$setOnInsert": {"store": store}}
    for _ in range(2):  # two processes may both insert the first one
        try:
            found = db.reports.find_one_and_update(room, added, upsert=True, return_document=ReturnDocument.AFTER)
            return cast("StoredReports", found)
        except DuplicateKeyError:
            known = cast("StoredReports", db.reports.find_one({"_id": key}))
            if any(each["id"] == report["id"] for each in known["reports"]):
                return known
    raise TooManyReportsError(f"There are {most:,} reports about it already.")


def drop(db: Db, key: str, ids: Collection[str]) -> None:
    """Keep these reports about the thing `key` no longer. `count` stays: it never falls."""
    db.reports.update_one({"_id": key}, {"$pull": {"reports": {"id": {"$in": list(ids)}}}})


def causes(db: Db, key: str) -> list[str]:
    """The keys of the inbox entries that brought the reports about the thing `key`, the first one first."""
    known = db.reports.find_one({"_id": key}, {"reports.cause": 1}) or {"reports": []}
    return list(dict.fromkeys(each["cause"] for each in known["reports"]))
