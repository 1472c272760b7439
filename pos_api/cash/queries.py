"""Cash sessions as people read them: newest first, with the cash that was expected.

What was expected is worked out when somebody looks. For a page the database adds up the movements of the time that its
sessions span, by the index of store and time, so it costs the same however long the history is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, TypeAlias, cast

from pos_api.cash import presentation
from pos_api.cash.expected_cash import ExpectedCash, Interval, expected_cash, intervals, of_currency, sums_by_kind
from pos_api.cash.model import CashMovement, CashSession
from pos_api.database.client import Db, Document
from pos_api.errors import NotFound

Position = tuple[datetime, str]
"""Where a list stands: `listed_at` and `_id` of its last session."""

CurrencyOf: TypeAlias = Callable[[str], str]
"""The currency that a store has now, blank where it has none: that of what its till sent before it had one."""

_NEWEST_FIRST = [("listed_at", -1), ("_id", -1)]
_OF_STORE = [("store", 1), *_NEWEST_FIRST]
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sessions are wanted, by store and by when they were opened, both ends included; None asks for nothing."""

    store: str | None = None
    since: datetime | None = None
    until: datetime | None = None


Found: TypeAlias = tuple[CashSession, ExpectedCash]
"""A stored session, and what was expected of it."""


def stream(db: Db, currency_of: CurrencyOf, wanted: Filter) -> Iterator[Document]:
    """All sessions that match, newest first, as they are shown; read as they are taken."""
    return map(shown, find_all(db, currency_of, wanted))


def find_all(db: Db, currency_of: CurrencyOf, wanted: Filter) -> Iterator[Found]:
    """All sessions that match, newest first; read as they are taken."""
    after: Position | None = None
    while found := find(db, currency_of, wanted, _CHUNK, after):
        yield from found
        after = position(found[-1])


def _stored(db: Db, session: str) -> CashSession:
    found = cast("CashSession | None", db.cash_sessions.find_one({"_id": session}))
    if found is None:
        raise NotFound(f"There is no cash session {session[:80]!r}.")
    return found


def show(db: Db, currency_of: CurrencyOf, session: CashSession) -> Document:
    """A stored session as it is shown."""
    return shown((session, expected_of(db, currency_of, session)))


def expected_of(db: Db, currency_of: CurrencyOf, session: CashSession) -> ExpectedCash:
    """What the drawer should have in a stored session."""
    return _expected_of_store(db, currency_of, [session])[0]


def open_now(db: Db, currency_of: CurrencyOf, store: str | None = None) -> list[Document]:
    """The session of each till, or of one, that is open at the moment, as they are shown: the last one of the till,
    while no closing of it is known."""
    found = [cast(CashSession, each["last"]) for each in db.cash_sessions.aggregate(open_pipeline(store))]
    return [show(db, currency_of, each) for each in sorted(found, key=lambda each: each["listed_at"], reverse=True)]


def open_pipeline(store: str | None) -> list[Document]:
    """The last session of each till, or of one, if it is not closed."""
    return [
        {"$match": {} if store is None else {"store": store}},
        {"$sort": dict(_OF_STORE)},  # as the index has them, so that it skips from store to store
        {"$group": {"_id": "$store", "last": {"$first": "$$ROOT"}}},
        {"$match": {"last.closed_at": None}},
    ]


def get(db: Db, currency_of: CurrencyOf, session: str) -> Document:
    """One session by its `store:id`, as it is shown, with until when its cash counts (`ends_at`, None while it is
    open), what came in and went out by kind, and the movements themselves, at most MOST_MOVEMENTS. Raises NotFound."""
    found = _stored(db, session)
    store = found["store"]
    [interval] = intervals([found], _next_opening(db, [found]))
    movements = _movements(db, store, interval) if interval else []
    expected = expected_cash(found, interval, movements, currency_of(store))
    own = of_currency(movements, expected.currency, currency_of(store))
    return shown((found, expected)) | presentation.movements(own[:MOST_MOVEMENTS], sums_by_kind(own), interval)


MOST_MOVEMENTS = 500


def position(found: Found) -> Position:
    """Where a list stands whose last session this is."""
    return found[0]["listed_at"], found[0]["_id"]


def shown(found: Found) -> Document:
    """A session as people see it."""
    return presentation.session(*found)


def find(db: Db, currency_of: CurrencyOf, wanted: Filter, limit: int, after: Position | None = None) -> list[Found]:
    """Up to `limit` sessions, newest first, from `after` on."""
    cursor = db.cash_sessions.find(_query(wanted, after)).sort(_NEWEST_FIRST).limit(limit)
    if wanted.store is not None:
        cursor = cursor.hint(_OF_STORE)
    found = cast("list[CashSession]", list(cursor))
    expected: dict[str, ExpectedCash] = {}
    for _, group in groupby(sorted(found, key=lambda each: each["store"]), key=lambda each: each["store"]):
        sessions = sorted(group, key=lambda each: (each["opened_at"] or each["listed_at"], each["_id"]))
        for session, known in zip(sessions, _expected_of_store(db, currency_of, sessions), strict=True):
            expected[session["_id"]] = known
    return [(session, expected[session["_id"]]) for session in found]


def _query(wanted: Filter, after: Position | None) -> Document:
    query: Document = {} if wanted.store is None else {"store": wanted.store}
    bounds: Document = {}
    if wanted.since is not None:
        bounds["$gte"] = wanted.since
    latest = [each for each in (wanted.until, after[0] if after else None) if each is not None]
    if latest:
        bounds["$lte"] = min(latest)
    if bounds:
        query["listed_at"] = bounds
    if after is not None:
        query["$nor"] = [{"listed_at": after[0], "_id": {"$gte": after[1]}}]
    return query


def _expected_of_store(db: Db, currency_of: CurrencyOf, sessions: list[CashSession]) -> list[ExpectedCash]:
    """What is expected of sessions of one store, which are all that there are between the first and the last."""
    known = intervals(sessions, _next_opening(db, sessions))
    store = sessions[0]["store"]
    movements = _sums(db, store, [each for each in known if each])
    times = [each["at"] for each in movements]
    expected = []
    for session, interval in zip(sessions, known, strict=True):
        first = bisect_left(times, interval.start) if interval else 0
        last = bisect_left(times, interval.end) if interval and interval.end else len(times)
        expected.append(expected_cash(session, interval, movements[first:last], currency_of(store)))
    return expected


def _next_opening(db: Db, sessions: list[CashSession]) -> datetime | None:
    """When the session that follows the last of these was opened; None where none was."""
    opened = [each for each in sessions if each["opened_at"]]
    if not opened:
        return None
    last = opened[-1]
    later = {
        "store": last["store"],
        "opened_at": {"$ne": None},
        "listed_at": {"$gte": last["listed_at"]},
        "$nor": [{"listed_at": last["listed_at"], "_id": {"$lte": last["_id"]}}],
    }
    following = db.cash_sessions.find(later, {"opened_at": 1}).hint(_OF_STORE).sort([("listed_at", 1), ("_id", 1)])
    return next((each["opened_at"] for each in following.limit(1)), None)


def _movements(db: Db, store: str, interval: Interval) -> list[CashMovement]:
    """The movements of this time, in order."""
    read = {"_id": 0, **dict.fromkeys(("at", "amount", "currency", "is_assumed", "kind", "external_id"), 1)}
    found = db.cash_movements.find({"store": store, "at": _span([interval])}, read).sort("at", 1)
    return cast("list[CashMovement]", list(found))


def _sums(db: Db, store: str, known: list[Interval]) -> list[CashMovement]:
    """What the movements of each of these intervals come to, as movements at its start: those into the drawer and out
    of it, by currency and by whether that it was cash is assumed. The database adds up, as there may be very many."""
    if not known:
        return []
    moments = sorted({each.start for each in known} | {each.end for each in known if each.end})
    of: Document = {"at": _latest_before("$at", moments), "currency": "$currency", "is_assumed": "$is_assumed"}
    found = db.cash_movements.aggregate(
        [
            {"$match": {"store": store, "at": _span(known)}},
            {"$group": {"_id": {**of, "is_in": {"$gt": ["$amount", 0]}}, "amount": {"$sum": "$amount"}}},
            {"$sort": {"_id.at": 1}},
        ]
    )
    return cast("list[CashMovement]", [{**each["_id"], "amount": each["amount"]} for each in found])


def _latest_before(moment: str, moments: Sequence[datetime]) -> Any:
    """An aggregation expression: the last of these moments, in their order, that is not after `moment`."""
    if len(moments) == 1:
        return moments[0]
    half = len(moments) // 2
    earlier, later = _latest_before(moment, moments[:half]), _latest_before(moment, moments[half:])
    return {"$cond": [{"$lt": [moment, moments[half]]}, earlier, later]}


def _span(known: Sequence[Interval]) -> Document:
    """The time that these intervals span."""
    span: Document = {"$gte": min(each.start for each in known)}
    ends = [each.end for each in known if each.end]
    if len(ends) == len(known):
        span["$lt"] = max(ends)
    return span
