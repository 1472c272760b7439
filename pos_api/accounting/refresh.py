"""Keeping up what orders, payments and cash sessions mean in the books, without a write by those who change them.

What has changed is found by `changed_at`, as figures do (`figures.rollup`), so it costs the same however long the
history is. A source is written only where it is as it was when this began to read what it is worked out from: so what
was worked out from an older state never replaces what was worked out from a newer one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bson import Timestamp
from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from pos_api.accounting.stored import StoredSource, as_entered, booking_document, dated, source_of
from pos_api.accounting.working_out import BookingContext, WorkedOut
from pos_api.common.batches import in_batches
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.database.turns import is_due
from pos_api.database.write_errors import only_collisions
from pos_api.errors import Unavailable
from pos_api.stores.registry import Stores

_AT_ONCE = 500
_PATIENCE = 10.0
_RETRY_AFTER = 5
_ATTEMPTS = 50
_OVERLAP = timedelta(seconds=10)
"""A change can become visible after one that the server stamped later; so these are looked at again."""
_VERSION = 1
"""Of what is worked out. Raise it with every change that gives other bookings for the same orders and payments: all are
then worked out anew, and what is entered already is corrected."""
_NOTED = {"_id": f"noted:{_VERSION}"}
_WANTED = {"_id": "wanted"}
"""There while somebody waits for sources that are worked out in the background."""
_MOST_IN_REQUEST = 1_000
_MOST_COUNTED = 20_000
_EVERY = 15.0
"""Seconds between two times in the background, in however many processes."""
_OF_CHANGE: dict[str, Document] = {
    "orders": {"changed_at": 1},
    "payments": {"changed_at": 1, "order": 1},
    "cash_sessions": {"changed_at": 1, "store": 1, "listed_at": 1},
    "cash_movements": {"changed_at": 1, "store": 1, "at": 1},
}


def refresh(db: Db, stores: Stores, seconds: float = float("inf")) -> int:
    """Bring all sources up to date with what was saved before this call; returns how many orders, payments … are left,
    which is more than 0 only when that took longer than so many seconds. What is done stays done. Safe in several
    processes at once, and after a crash anywhere."""
    deadline = time.monotonic() + seconds
    context = BookingContext(db, stores)
    for collection in _OF_CHANGE:
        if left := _refresh_from(db, context, collection, deadline):
            return left
    _retry_refused(db, context)
    return 0


def bring_up_to_date(db: Db, stores: Stores) -> None:
    """As `refresh`, where somebody waits for an answer. Where very much has changed, as after an import, that is done
    in the background. Raises Unavailable until it is, or where it takes longer than some seconds."""
    if is_much := _changed(db, _MOST_IN_REQUEST) > _MOST_IN_REQUEST:
        db.accounting_progress.update_one(_WANTED, {"$set": {}}, upsert=True)
    if left := _changed(db, _MOST_COUNTED) if is_much else refresh(db, stores, _PATIENCE):
        if left > _MOST_COUNTED:
            most = f"{_MOST_COUNTED:,}"
            message = f"The books are being brought up to date; more than {most} orders are left to work out."
        else:
            message = f"The books are being brought up to date; up to {left:,} orders are left to work out."
        raise Unavailable(message, retry_after=_RETRY_AFTER)


def _changed(db: Db, most: int) -> int:
    """How much of a collection has changed since it was noted last, of the one of which it is most; `most` + 1 for
    more than that."""
    noted = db.accounting_progress.find_one(_NOTED) or {}
    return max(db[each].count_documents(_since(noted, each), limit=most + 1) for each in _OF_CHANGE)


def _since(noted: Document, collection: str) -> Document:
    return {"changed_at": {"$gte": noted[collection]} if collection in noted else {"$exists": True}}


def _retry_refused(db: Db, context: BookingContext) -> None:
    """Work out again what can't be booked, where stores or accounts are not as they were when that was done last."""
    settings = context.digest()
    if (db.accounting_progress.find_one(_NOTED) or {}).get("settings") == settings:
        return
    refused = db.accounting_sources.find({"refused": {"$exists": True}}, {"_id": 1})
    for some in in_batches(refused, _AT_ONCE):
        _work_out(db, context, [each["_id"] for each in some])
    db.accounting_progress.update_one(_NOTED, {"$set": {"settings": settings}}, upsert=True)


def refresh_where_used(db: Db, stores: Stores, closes_by_itself: bool) -> None:
    """As `refresh`, by one process at a time, where days are closed here: so that what became known is of that day, and
    what can't be booked is seen; and where somebody waits for it."""
    used = closes_by_itself or db.accounting_closings.find_one({}, {"_id": 1})
    wanted = db.accounting_progress.find_one(_WANTED)
    if (used or wanted) and is_due(db.accounting_progress, "background", _EVERY):
        refresh(db, stores)
        db.accounting_progress.delete_one(_WANTED)


@at_one_primary
def _refresh_from(db: Db, context: BookingContext, collection: str, deadline: float) -> int:
    """As `refresh`, with what has changed in one collection."""
    server_time: datetime = db.command("hello")["localTime"]
    settled = Timestamp(server_time.replace(tzinfo=UTC) - _OVERLAP, 0)
    noted = db.accounting_progress.find_one(_NOTED) or {}
    changed = db[collection].find(_since(noted, collection), _OF_CHANGE[collection]).sort("changed_at", 1)
    anything = False
    for some in in_batches(changed, _AT_ONCE):
        _work_out(db, context, _SOURCES_OF[collection](db, some))
        newest = some[-1]["changed_at"]
        ensure_one_term(db)
        _note(db, collection, min(newest, settled))
        anything = True
        if time.monotonic() > deadline and (left := db[collection].count_documents({"changed_at": {"$gt": newest}})):
            return left
    if anything:
        _note(db, collection, settled)
    return 0


def _note(db: Db, collection: str, until: Timestamp) -> None:
    db.accounting_progress.update_one(_NOTED, {"$max": {collection: until}}, upsert=True)


# --- which sources are concerned ----------------------------------------------------------------------------------


def _of_orders(db: Db, orders: Sequence[Document]) -> set[str]:
    """The orders, and their payments so far as these were booked on their own."""
    keys = [order["_id"] for order in orders]
    payments = [f"payment:{each['_id']}" for each in db.payments.find({"order": {"$in": keys}}, {"_id": 1})]
    alone = db.accounting_sources.find({"_id": {"$in": payments}}, {"_id": 1}) if payments else ()
    return {*(f"order:{key}" for key in keys), *(each["_id"] for each in alone)}


def _of_payments(db: Db, payments: Sequence[Document]) -> set[str]:
    """The payments, the orders that they are of, and those that they were of before."""
    keys = [payment["_id"] for payment in payments]
    before = db.accounting_sources.find({"payments": {"$in": keys}}, {"_id": 1})
    orders = {f"order:{payment['order']}" for payment in payments if payment["order"]}
    return {*(f"payment:{key}" for key in keys), *orders, *(each["_id"] for each in before)}


def _of_sessions(db: Db, sessions: Sequence[Document]) -> set[str]:
    """The sessions, and the one before each: it ends at the latest when the next is opened."""
    found = {f"session:{session['_id']}" for session in sessions}
    return found.union(*(_sessions_until(db, each["store"], each["listed_at"]) for each in sessions))


def _of_movements(db: Db, movements: Sequence[Document]) -> set[str]:
    """The sessions in which cash moved."""
    return set[str]().union(*(_sessions_until(db, each["store"], each["at"]) for each in movements))


def _sessions_until(db: Db, store: str, moment: datetime) -> set[str]:
    earlier = {"store": store, "listed_at": {"$lte": moment}}
    found = db.cash_sessions.find(earlier, {"_id": 1}).sort([("listed_at", -1), ("_id", -1)]).limit(2)
    return {f"session:{each['_id']}" for each in found}


_SOURCES_OF = {
    "orders": _of_orders,
    "payments": _of_payments,
    "cash_sessions": _of_sessions,
    "cash_movements": _of_movements,
}


# --- working them out ---------------------------------------------------------------------------------------------


def _work_out(db: Db, context: BookingContext, sources: Iterable[str]) -> None:
    """Work these sources out anew, and save those that are not as they were. Each is worked out again where somebody
    else saved it meanwhile."""
    left = sorted(sources)
    for _ in range(_ATTEMPTS):
        if not left:
            return
        left = _try_to_work_out(db, context, left)
    raise RuntimeError(f"{left[0]!r} kept changing while it was worked out")


def _try_to_work_out(db: Db, context: BookingContext, sources: Sequence[str]) -> list[str]:
    """As `_work_out`; returns those that somebody else saved first."""
    stored = cast("list[StoredSource]", list(db.accounting_sources.find({"_id": {"$in": list(sources)}})))
    before = {each["_id"]: each for each in stored}  # read ahead of what they are worked out from
    keys: dict[str, list[str]] = {"order": [], "payment": [], "session": []}
    for source in sources:
        kind, _, key = source.partition(":")
        keys[kind].append(key)
    groups = {each["_id"].partition(":")[2]: each["groups"] for each in stored}
    found = {
        **{f"order:{key}": each for key, each in context.orders(keys["order"], groups).items()},
        **{f"payment:{key}": each for key, each in context.payments(keys["payment"]).items()},
        **{f"session:{key}": each for key, each in context.sessions(keys["session"]).items()},
    }
    operations = [_operation(context, source, before.get(source), each) for source, each in found.items()]
    return _save(db, [each for each in operations if each is not None])


def _operation(
    context: BookingContext, source: str, before: StoredSource | None, now: WorkedOut
) -> tuple[str, InsertOne[Document] | UpdateOne] | None:
    """How to save a source, None where it is as it was."""
    if before is None and not now.bookings and not now.refused:
        return None
    after = _after(context, source, before, now)
    if after == before:
        return None
    if before is None:
        return source, InsertOne(cast("Document", after))
    gone = {"$unset": {name: "" for name in before if name not in after}}
    update: Document = {"$set": after, **(gone if gone["$unset"] else {})}
    return source, UpdateOne({"_id": source, "version": before["version"]}, update, upsert=True)


def _after(context: BookingContext, source: str, before: StoredSource | None, now: WorkedOut) -> StoredSource:
    """The source as it is to be. One that can't be booked keeps the bookings that it had."""
    today = context.stores.get(now.store).local_day(now.changed_at)
    bookings: list[Document] = before["bookings"] if before else []
    known_on: dict[str, str] = before["known_on"] if before else {}
    closed = set(before["booked"]) - set(before["open"]) if before else set()
    if not now.refused:
        found, known_on = dated(now.bookings, known_on, today)
        kept = as_entered(found, source_of(before).bookings if before else (), closed)
        bookings = [booking_document(each) for each in kept]
    booked = sorted({f"{each['day']}:{each['currency']}" for each in bookings})
    after: StoredSource = {
        "_id": source,
        "store": now.store,
        "reference": now.reference,
        "bookings": bookings,
        "days": sorted({each["day"] for each in bookings}),
        "booked": booked,
        "open": [each for each in booked if each not in closed],
        "known_on": known_on,
        "groups": dict(now.groups),
        "payments": list(now.payments),
        "changed_on": before["changed_on"] if before else today,
        "version": before["version"] if before else 0,
    }
    if now.refused:
        after["refused"] = now.refused
    if before and before.get("changed"):
        after["changed"] = True
    if before is None or bookings != before["bookings"]:
        after |= {"changed_on": today, "changed": True}
    if after != before:
        after["version"] += 1
    return after


def _save(db: Db, operations: Sequence[tuple[str, Any]]) -> list[str]:
    if not operations:
        return []
    try:
        db.accounting_sources.bulk_write([operation for _, operation in operations], ordered=False)
    except BulkWriteError as error:
        return [operations[index][0] for index in only_collisions(error)]
    return []
