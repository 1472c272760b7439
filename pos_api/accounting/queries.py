"""Entries as people read them: closed ones, drafts of days that are open, and what can't be booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pos_api.accounting import close, presentation, set_accounts
from pos_api.accounting.entered import entered_lines
from pos_api.accounting.entries import Mode
from pos_api.accounting.refresh import bring_up_to_date
from pos_api.database.client import Db, Document
from pos_api.errors import NotFound
from pos_api.stores.registry import Stores

Position = tuple[str, int]
"""Where a list of entries stands: date and number of its last entry."""
MOST_DRAFTS = 31
"""Days of a store whose drafts are shown: the latest."""
_NEWEST_FIRST = [("date", -1), ("number", -1)]
_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted, by date (both included), store, currency and reference; None asks for nothing."""

    since: str | None = None
    until: str | None = None
    store: str | None = None
    currency: str | None = None
    reference: str | None = None

    def query(self) -> Document:
        """The query for stored entries."""
        named = {"store": self.store, "currency": self.currency, "reference": self.reference}
        query: Document = {name: value for name, value in named.items() if value is not None}
        bounds = {"$gte": self.since, "$lte": self.until}
        if given := {operator: bound for operator, bound in bounds.items() if bound is not None}:
            query["date"] = given
        return query


def find(db: Db, wanted: Filter, limit: int, after: Position | None = None) -> list[Document]:
    """Up to `limit` stored entries, newest first, from `after` on."""
    query = wanted.query()
    if after is not None:
        date = {**query.get("date", {}), "$lte": min(after[0], query.get("date", {}).get("$lte", after[0]))}
        query |= {"date": date, "$nor": [{"date": after[0], "number": {"$gte": after[1]}}]}
    return list(db.accounting_entries.find(query).sort(_NEWEST_FIRST).limit(limit))


def get(db: Db, entry: str) -> Document:
    """One entry, as it is shown. Raises NotFound."""
    return presentation.closed_entry(_entry(db, entry), set_accounts.read(db)[0])


def _entry(db: Db, entry: str) -> Document:
    """An entry by its id, or by its number: ids have those of orders in them, which may have a slash."""
    by_number = entry.isascii() and entry.isdecimal() and len(entry) <= _LONGEST_NUMBER
    found = db.accounting_entries.find_one({"number": int(entry)} if by_number else {"_id": entry})
    if found is None:
        raise NotFound(f"There is no entry {entry[:80]!r}.")
    return found


def shown(db: Db, entries: list[Document]) -> list[Document]:
    """Stored entries as they are shown."""
    accounts, _ = set_accounts.read(db)
    return [presentation.closed_entry(each, accounts) for each in entries]


def sources(db: Db, entry: str, limit: int, after: str | None = None) -> list[Document]:
    """Up to `limit` of the orders, payments and cash sessions that an entry has something of, and what, from `after`
    on. Raises NotFound."""
    found = _entry(db, entry)
    query: Document = {"entry": found["_id"], "token": found["token"]}
    if after is not None:
        query["source"] = {"$gt": after}
    return list(db.accounting_lines.find(query).sort([("source", 1)]).limit(limit))


def numbers_of(db: Db, entries: Iterable[str]) -> dict[str, int]:
    """The numbers of these entries, by their ids."""
    found = db.accounting_entries.find({"_id": {"$in": list(entries)}}, {"number": 1})
    return {each["_id"]: each["number"] for each in found}


def of_source(db: Db, source: str) -> list[str]:
    """The ids of the entries that have something of an order (`order:default:1`), a payment or a cash session."""
    return list(dict.fromkeys(each["entry"] for each in entered_lines(db, {"source": source})))


def drafts(db: Db, stores: Stores, wanted: Filter, mode: Mode) -> list[Document]:
    """The entries that open days would have if they were closed now, newest first: of each store the latest
    MOST_DRAFTS days."""
    bring_up_to_date(db, stores)
    accounts, _ = set_accounts.read(db)
    found: list[Document] = []
    for store in stores.all():
        if wanted.store not in (None, store.id):
            continue
        days = close.open_days(db, store.id, wanted.until or "9999", wanted.since or "")[-MOST_DRAFTS:]
        for day in days:
            entries = close.entries_now(db, store, day, mode)
            found += [presentation.draft_entry(each, accounts) for each in entries if _is_wanted(each.currency, wanted)]
    if wanted.reference is not None:
        found = [each for each in found if each["reference"] == wanted.reference]
    return sorted(found, key=lambda each: (each["date"], each["id"]), reverse=True)


def _is_wanted(currency: str, wanted: Filter) -> bool:
    return wanted.currency in (None, currency)


def refused(db: Db, stores: Stores, limit: int) -> list[Document]:
    """Up to `limit` orders, payments and cash sessions that can't be booked, each with the reason."""
    bring_up_to_date(db, stores)
    found = db.accounting_sources.find({"refused": {"$exists": True}}).sort("_id", 1).limit(limit)
    return [presentation.refusal(each) for each in found]


def refused_count(db: Db, most: int) -> int:
    """How many can't be booked, as it was known when the books were last brought up to date; `most` + 1 where it is
    more than `most`."""
    return db.accounting_sources.count_documents({"refused": {"$exists": True}}, limit=most + 1)
