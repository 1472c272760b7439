"""Where the comparison of each store stands: when it is due, who has it, up to when all is in sync, the latest report.

A store is compared by one process at a time: it claims the store under a lease, which it renews meanwhile. Should the
process die, the store is due again when the lease runs out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NotRequired, TypedDict, cast

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.inbox.leases import new_lease
from pos_api.outbox.model import Unpublished

LEASE = timedelta(minutes=10)


class ComparisonMark(Unpublished):
    """The mark of what a comparison found out; of an outage with what is shown of it (`silence`)."""

    silence: NotRequired[Mapping[str, Any]]


class StoredComparison(TypedDict, total=False):
    """A document of `comparisons`: the state of a store's comparison with its shop.

    * `due_at`, when it is compared next, or while it is compared, when `lease` runs out;
    * `reconciled_until`, up to when its orders are known to be in sync;
    * `swept_at`, when everything was compared last;
    * `report`, the latest one, as the API shows it.
    """

    _id: str
    due_at: datetime
    lease: str
    reconciled_until: datetime
    swept_at: datetime
    report: dict[str, Any]
    unpublished: list[ComparisonMark]


def state_of(db: Db, store: str) -> StoredComparison:
    """What is stored about a store; empty where it was never compared."""
    return cast(StoredComparison, db.comparisons.find_one({"_id": store}) or {})


def save(db: Db, store: str, changes: StoredComparison, marks: Sequence[ComparisonMark] = ()) -> None:
    """Set these fields, and mark the comparison with what it found out."""
    update: Document = {"$set": changes}
    if marks:
        update["$push"] = {"unpublished": {"$each": list(marks)}}
    db.comparisons.update_one({"_id": store}, update, upsert=True)


def latest_report(db: Db, store: str) -> dict[str, Any] | None:
    """The latest report about a store, as the API shows it; None when it was never compared."""
    return (db.comparisons.find_one({"_id": store}, {"report": 1}) or {}).get("report")


def verdicts(db: Db) -> dict[str, tuple[bool, bool]]:
    """Of each store that was compared: whether it is in sync, and whether it is silent for far longer than usual."""
    found = db.comparisons.find({"report": {"$exists": True}}, {"report.in_step": 1, "report.silence.alarming": 1})
    reports = {each["_id"]: each["report"] for each in found}
    return {
        store: (bool(report.get("in_step")), bool((report.get("silence") or {}).get("alarming")))
        for store, report in reports.items()
    }


def reconciled_until(db: Db, store: str) -> datetime | None:
    """Up to when the store's orders are known to be in sync."""
    return (db.comparisons.find_one({"_id": store}, {"reconciled_until": 1}) or {}).get("reconciled_until")


# --- whose it is ------------------------------------------------------------------------------------------------------


def claim(db: Db, store: str) -> str | None:
    """The lease under which the store, which is due, is ours now; None where it is not due, or somebody else's."""
    due = {"_id": store, "$or": [{"due_at": {"$lte": now()}}, {"due_at": {"$exists": False}}]}
    lease = new_lease()
    try:
        db.comparisons.update_one(due, {"$set": {"due_at": now() + LEASE, "lease": lease}}, upsert=True)
    except DuplicateKeyError:
        return None
    return lease


def renew(db: Db, leases: Mapping[str, str]) -> None:
    """Keep these stores, each under its lease: one that takes hours would be read by every process at once."""
    due = {"$set": {"due_at": now() + LEASE}}
    if operations := [UpdateOne({"_id": store, "lease": lease}, due) for store, lease in leases.items()]:
        db.comparisons.bulk_write(operations, ordered=False)


def finish(db: Db, store: str, due_at: datetime, swept_at: datetime | None) -> None:
    """A comparison has ended: the store is nobody's, due again at `due_at`, and everything was compared at `swept_at`,
    where it was."""
    changes = {"due_at": due_at} | ({"swept_at": swept_at} if swept_at else {})
    db.comparisons.update_one({"_id": store}, {"$set": changes, "$unset": {"lease": ""}})


def release(db: Db, stores: Iterable[str]) -> None:
    """Give these stores back unfinished: they are due at once for whoever is next."""
    changes = {"$set": {"due_at": now()}, "$unset": {"lease": ""}}
    db.comparisons.update_many({"_id": {"$in": list(stores)}}, changes)
