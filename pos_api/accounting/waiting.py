"""What waits to be closed: the open days of a store, and what is to be corrected of days that are closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

from pos_api.accounting.close import closed_keys
from pos_api.accounting.entered import entered_lines
from pos_api.accounting.model import Purpose
from pos_api.accounting.stored import StoredSource, lines_of, source_of
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.stores.model import Store

MOST_SOURCES = 10_000
"""Of a store with more orders, payments and cash sessions of open days than this, the latest days are shown."""
LATEST_DAYS = 7
MOST_CORRECTED = 1_000


@dataclass(frozen=True, slots=True)
class OpenDay:
    """A day that is not closed in a currency, and of how many orders, payments and cash sessions it has anything."""

    day: str
    currency: str
    sources: int


@dataclass(frozen=True, slots=True)
class OpenDays:
    """The open days of a store, the earliest first; where `has_earlier`, there are some before these, which are not
    shown."""

    days: tuple[OpenDay, ...]
    has_earlier: bool = False


def open_days_of(db: Db, store: Store) -> OpenDays:
    """The days of a store that are not closed. What a look costs does not grow with how many there are: see
    MOST_SOURCES."""
    bound = ""
    wanted: Document = {"store": store.id, "open": {"$gt": bound}}
    if has_earlier := db.accounting_sources.count_documents(wanted, limit=MOST_SOURCES + 1) > MOST_SOURCES:
        bound = (date.fromisoformat(store.local_day(now())) - timedelta(days=LATEST_DAYS - 1)).isoformat()
    counted: list[Document] = [
        {"$match": {"store": store.id, "open": {"$gt": bound}}},
        {"$project": {"open": 1}},
        {"$unwind": "$open"},
        {"$match": {"open": {"$gt": bound}}},
        {"$group": {"_id": "$open", "sources": {"$sum": 1}}},
    ]
    found = {str(each["_id"]): int(each["sources"]) for each in db.accounting_sources.aggregate(counted)}
    closed = closed_keys(db, store.id, found)
    days = ((key, *key.partition(":")[::2]) for key in sorted(found.keys() - closed))
    return OpenDays(tuple(OpenDay(day, currency, found[key]) for key, day, currency in days), has_earlier)


def waiting_corrections(db: Db, store: str) -> list[Document]:
    """The orders, payments and cash sessions of a store of which entries of closed days have something else than they
    mean now: as `source`, `reference`, `changed_on` (the day from which on closing one corrects them) and `days`. At
    most MOST_CORRECTED that have changed are looked at, those that changed first first."""
    if db.accounting_closings.find_one({"store": store}, {"_id": 1}) is None:
        return []
    changed = db.accounting_sources.find({"store": store, "changed": True}).sort("changed_on", 1).limit(MOST_CORRECTED)
    stored = cast("list[StoredSource]", list(changed))
    closed = closed_keys(db, store, {key for each in stored for key in each["booked"]})
    held: dict[str, list[Document]] = defaultdict(list)
    for document in entered_lines(db, {"source": {"$in": [each["_id"] for each in stored]}}):
        held[document["source"]].append(document)
    found = ((each, _days_to_correct(each, held[each["_id"]], closed)) for each in stored)
    return [
        {"source": each["_id"], "reference": each["reference"], "changed_on": each["changed_on"], "days": days}
        for each, days in found
        if days
    ]


def _days_to_correct(stored: StoredSource, held: Iterable[Document], closed: Collection[str]) -> list[str]:
    """The closed days of which entries have something else of a source than it means. `closed` are closed days that it
    is booked on, as `2026-11-22:SEK`; all that it has lines of are closed, too."""
    left: dict[tuple[str, str, Purpose], Decimal] = defaultdict(Decimal)
    for document in held:
        for line in lines_of(document):
            left[line.of_day, document["currency"], line.purpose] -= line.amount
    entered = {(day, currency) for day, currency, _ in left}
    for booking in source_of(stored).bookings:
        key = booking.day or "", booking.currency
        if key in entered or ":".join(key) in closed:
            left[*key, booking.purpose] += booking.amount
    return sorted({day for (day, _, _), amount in left.items() if amount})
