"""Closing a store's day: entries are made of it, and of what has changed of days that were closed before.

The lines of an entry are written first, the entry itself last; lines without their entry do not count and are deleted
once another entry has their number. So a crash anywhere leaves whole entries only, and closing again makes those that
are missing. The note that the day is closed follows all of them. No amount is entered twice, as what entries have of
each source is read again each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from pymongo.errors import DuplicateKeyError

from pos_api.accounting import chain, lease, z_reports
from pos_api.accounting.entered import entered_lines
from pos_api.accounting.entries import Day, Entry, Line, Mode, Source, entries_of_day, entry_id
from pos_api.accounting.lease import ClosedElsewhere, Lease
from pos_api.accounting.refresh import refresh
from pos_api.accounting.set_accounts import read as read_accounts
from pos_api.accounting.stored import (
    StoredSource,
    entry_document,
    hashed_content,
    line_documents,
    lines_of,
    source_of,
)
from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.database.client import Db, Document, make_durable
from pos_api.database.primary_term import ensure_one_term, one_primary
from pos_api.errors import Invalid
from pos_api.staff import audit
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

_AT_ONCE = 500
_RENEW_EVERY = 10.0
"""Seconds."""
_MOST_NAMED = 100
"""So many entries are named where it is noted that a day is closed; the day's own is the first."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing a day came to in one currency: the ids of its entries, also of those that an earlier attempt made
    before it ended; or that the day was closed before. It is not closed where there is nothing of it."""

    store: str
    date: str
    currency: str
    entries: tuple[str, ...]
    was_closed: bool = False
    is_closed: bool = True


def close_day(db: Db, stores: Stores, store: Store, date: str, mode: Mode) -> list[Closed]:
    """Close a store's day in every currency that it has anything of. Returns what that came to by currency, nothing
    where there is nothing of the day. Raises Invalid for a day that has not come yet, Conflict where another process is
    closing one."""
    if date > store.local_day(now()):
        raise Invalid(f"{date} has not come yet in the time zone of {store.id} ({store.timezone}).")
    with lease.closing(db) as held, one_primary(db):
        refresh(db, stores)
        writer = _Writer(db, held)
        found = _candidates(db, store.id, date)
        closed = [_close(db, writer, store, currency, date, mode, found) for currency in _currencies(found)]
        _note_entered(db, store.id, found, date, {each.currency for each in closed if not each.was_closed})
        writer.delete_left_lines()
        make_durable(db)
        return [each for each in closed if each.is_closed]


@dataclass(frozen=True, slots=True)
class _Found:
    """Sources that may have something to enter, as they were read, and what entries have of each, the first ones
    first."""

    stored: Sequence[StoredSource]
    sources: Sequence[Source]
    held: Mapping[str, Sequence[Line]]
    currency_of: Mapping[str, str]

    def held_in(self, currency: str) -> dict[str, list[Line]]:
        """What entries in a currency have of each source."""
        return {
            source: [line for line in lines if self.currency_of[line.entry] == currency]
            for source, lines in self.held.items()
        }

    def currencies_of(self, stored: StoredSource) -> set[str]:
        """The currencies in which a source has something, or had when it was entered."""
        entered = {self.currency_of[line.entry] for line in self.held.get(stored["_id"], ())}
        return entered | {each["currency"] for each in stored["bookings"]}


def _candidates(db: Db, store: str, date: str) -> _Found:
    """The sources that have bookings of a day, and those that changed since they were entered."""
    of_day = cast("list[StoredSource]", list(db.accounting_sources.find({"store": store, "days": date})))
    by_id = {each["_id"]: each for each in (*of_day, *_changed(db, store, date))}
    return _found(db, [by_id[source] for source in sorted(by_id)])


def _found(db: Db, stored: Sequence[StoredSource]) -> _Found:
    held: dict[str, list[Line]] = {}
    currency_of: dict[str, str] = {}
    for some in in_batches((each["_id"] for each in stored), _AT_ONCE):
        documents = sorted(entered_lines(db, {"source": {"$in": some}}), key=lambda each: each["number"])
        for document in documents:
            held.setdefault(document["source"], []).extend(lines_of(document))
            currency_of[document["entry"]] = document["currency"]
    return _Found(stored, [source_of(each) for each in stored], held, currency_of)


def _changed(db: Db, store: str, date: str) -> Iterator[StoredSource]:
    """The sources that changed since they were entered, up to a day, and have something to correct: bookings of a day
    that is closed, or lines in an entry. Of all others, such as what was imported, it is noted that they have not."""
    changed = db.accounting_sources.find({"store": store, "changed": True, "changed_on": {"$lte": date}})
    for some in in_batches(changed, _AT_ONCE):
        stored = cast("list[StoredSource]", some)
        closed = closed_keys(db, store, {key for each in stored for key in each["booked"]})
        entered = {each["source"] for each in entered_lines(db, {"source": {"$in": [each["_id"] for each in stored]}})}
        concerned, rest = list[StoredSource](), list[StoredSource]()
        for each in stored:
            is_concerned = each["_id"] in entered or date in each["days"] or not closed.isdisjoint(each["booked"])
            (concerned if is_concerned else rest).append(each)
        yield from concerned
        _update(db, rest, {"$unset": {"changed": ""}})


def _currencies(found: _Found) -> list[str]:
    """The currencies of which there may be something to enter."""
    booked = {booking.currency for source in found.sources for booking in source.bookings}
    return sorted(booked | set(found.currency_of.values()))


def _close(db: Db, writer: _Writer, store: Store, currency: str, date: str, mode: Mode, found: _Found) -> Closed:
    closing = f"{store.id}:{currency}:{date}"
    if db.accounting_closings.find_one({"_id": closing}) is not None:
        return Closed(store.id, date, currency, (), was_closed=True)
    day = _day(db, store.id, currency, date, mode, found)
    made = [writer.make(entry) for entry in _entries(db, day, found)]
    existing = sorted(each for each in day.entries if f":{currency}:{date}" in each)
    has_bookings = any((each.day, each.currency) == (date, currency) for of in found.sources for each in of.bookings)
    if is_closed := bool(made or existing or has_bookings):
        report = z_reports.of_day(db, store, date, currency, [each for each in found.stored if date in each["days"]])
        named = sorted([*existing, *made], key=lambda each: (each != entry_id(store.id, currency, date), each))
        noted = {"store": store.id, "currency": currency, "day": date, "entries": named[:_MOST_NAMED]}
        closed = {"z_report": report, "closed_at": now(), "by": audit.actor().get("name", "")}
        writer.held.renew()  # only the holder of the lease may know which days are closed
        ensure_one_term(db)
        db.accounting_closings.insert_one({"_id": closing, **noted, **closed})
    return Closed(store.id, date, currency, (*existing, *made), is_closed=is_closed)


def entries_now(db: Db, store: Store, date: str, mode: Mode) -> list[Entry]:
    """The entries of the day itself that closing it would make now, in every currency in which it is open. Writes
    nothing."""
    stored = cast("list[StoredSource]", list(db.accounting_sources.find({"store": store.id, "days": date})))
    all_found = _found(db, stored)
    of_day = [replace(each, bookings=tuple(b for b in each.bookings if b.day == date)) for each in all_found.sources]
    held = {source: [line for line in lines if line.of_day == date] for source, lines in all_found.held.items()}
    found = replace(all_found, sources=of_day, held=held)
    entries: list[Entry] = []
    for currency in _currencies(found):
        if db.accounting_closings.find_one({"_id": f"{store.id}:{currency}:{date}"}) is None:
            entries += _entries(db, _day(db, store.id, currency, date, mode, found), found)
    return entries


def _entries(db: Db, day: Day, found: _Found) -> list[Entry]:
    accounts, _ = read_accounts(db)
    return entries_of_day(day, found.sources, found.held_in(day.currency), accounts)


def _day(db: Db, store: str, currency: str, date: str, mode: Mode, found: _Found) -> Day:
    closed = _closed_days(db, store, currency, found)
    taken = {each["_id"] for each in db.accounting_entries.find({"store": store, "date": date}, {"_id": 1})}
    return Day(store, currency, date, mode, closed, taken)


def _closed_days(db: Db, store: str, currency: str, found: _Found) -> dict[str, str]:
    """Which of the days that these sources have anything of are closed, each with the id of its entry."""
    days = {booking.day or "" for source in found.sources for booking in source.bookings}
    days |= {line.of_day for lines in found.held.values() for line in lines}
    closed: dict[str, str] = {}
    for some in in_batches((f"{store}:{currency}:{day}" for day in days), _AT_ONCE):
        for closing in db.accounting_closings.find({"_id": {"$in": some}}, {"day": 1, "entries": 1}):
            of_day = entry_id(store, currency, closing["day"])
            closed[closing["day"]] = of_day if of_day in closing["entries"] else ""
    return closed


class _Writer:
    """Makes entries, one after the other, under a lease. It is to be made ahead of reading what is to be entered: an
    entry that somebody else makes afterwards has the number that its own first one would have, and only one of them can
    be stored."""

    def __init__(self, db: Db, held: Lease) -> None:
        self._db = db
        self.held = held
        last = last_entry(db)
        self._number: int = last["number"] if last else 0
        self._left: list[Document] = [{"number": self._number, "token": {"$ne": last["token"] if last else 0}}]
        self._hash: str = last["hash"] if last else chain.START
        self._renewed_at = float("-inf")

    def make(self, entry: Entry) -> str:
        """Store an entry with the next number; returns its id. Raises ClosedElsewhere where another process has the
        lease, or made an entry of this number meanwhile."""
        self._renew()
        number = self._number + 1
        documents = line_documents(entry, number, self.held.token)
        for some in in_batches(documents, _AT_ONCE):
            self._db.accounting_lines.insert_many(some, ordered=False)
        made = {"made_at": now(), "by": audit.actor().get("name", "")}
        content = chain.digest(hashed_content(documents))
        stored = chain.sealed(entry_document(entry, self.held.token, content, made), number, self._hash)
        ensure_one_term(self._db)  # or it may be without its lines
        try:
            self._db.accounting_entries.insert_one(stored)
        except DuplicateKeyError:
            raise ClosedElsewhere from None
        self._number, self._hash = number, stored["hash"]
        self._left[1:] = [
            {"number": {"$gt": self._left[0]["number"], "$lte": number}, "token": {"$ne": stored["token"]}}
        ]
        return entry.id

    def delete_left_lines(self) -> None:
        """Delete the lines that others left under the numbers of these entries. Those of later numbers stay: whoever
        wrote them may still store their entry."""
        self._db.accounting_lines.delete_many({"$or": self._left})

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at >= _RENEW_EVERY:
            self.held.renew()
            self._renewed_at = time.monotonic()


def last_entry(db: Db) -> Document | None:
    """The entry with the greatest number."""
    return db.accounting_entries.find_one(sort=[("number", -1)])


def _note_entered(db: Db, store: str, found: _Found, date: str, currencies: set[str]) -> None:
    """Note of the sources that the day is closed in these currencies, and that what changed of them is entered, also of
    other closed days; but not of those that changed since they were read, nor of what is in another currency."""
    of_day = [f"{date}:{currency}" for currency in sorted(currencies)]
    for some in in_batches(found.stored, _AT_ONCE):
        settled = [
            each
            for each in some
            if each.get("changed") and each["changed_on"] <= date and found.currencies_of(each) <= currencies
        ]
        late = closed_keys(db, store, {key for each in settled for key in each["open"]})
        ensure_one_term(db)
        _update(db, [each for each in some if date in each["days"]], {"$pull": {"open": {"$in": of_day}}})
        _update(db, settled, {"$unset": {"changed": ""}, "$pull": {"open": {"$in": sorted(late)}}})


def _update(db: Db, as_read: Sequence[StoredSource], update: Document) -> None:
    if as_read:
        these = [{"_id": each["_id"], "version": each["version"]} for each in as_read]
        db.accounting_sources.update_many({"$or": these}, update)


def closed_keys(db: Db, store: str, days: Iterable[str]) -> set[str]:
    """Which of these days, each with its currency (`2026-11-22:SEK`), are closed."""
    closings = {
        f"{store}:{currency}:{day}": f"{day}:{currency}" for day, _, currency in (d.partition(":") for d in days)
    }
    found = db.accounting_closings.find({"_id": {"$in": list(closings)}}, {"_id": 1}) if closings else ()
    return {closings[each["_id"]] for each in found}


# --- several days -------------------------------------------------------------------------------------------------


def close_until(
    db: Db, stores: Stores, store: Store, until: str, mode: Mode, is_enough: Callable[[], bool] = lambda: False
) -> Iterator[Closed]:
    """Close every day of a store before this one that has anything and is not closed, the earliest first, and then this
    one, with what is to be corrected. Ends between two days once it `is_enough`. Raises as `close_day`."""
    refresh(db, stores)
    for date in sorted({*open_days(db, store.id, until), until}):
        if is_enough():
            return
        yield from close_day(db, stores, store, date, mode)


def open_days(db: Db, store: str, until: str, since: str = "") -> list[str]:
    """The days of a store, from one to another, that have bookings in a currency in which they are not closed."""
    between = {"$gte": since, "$lt": _after(until)}
    pipeline: list[Document] = [
        {"$match": {"store": store, "open": {"$elemMatch": between}}},
        {"$project": {"open": 1}},
        {"$unwind": "$open"},
        {"$match": {"open": between}},
        {"$group": {"_id": "$open"}},
    ]
    found = {str(each["_id"]) for each in db.accounting_sources.aggregate(pipeline)}
    return sorted({each.partition(":")[0] for each in found - closed_keys(db, store, found)})


def _after(day: str) -> str:
    """What comes in order after all of a day (`2026-11-22:SEK`) and before all of the next."""
    return f"{day};"
