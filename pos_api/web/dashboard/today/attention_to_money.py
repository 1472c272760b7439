"""What needs a look of money: payments without an order, cash, and days that are to be closed in the books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from pos_api.accounting import close
from pos_api.accounting import queries as accounting
from pos_api.cash import queries as cash
from pos_api.database.client import Db
from pos_api.payments.queries import NO_ORDER
from pos_api.stores.model import Store
from pos_api.stores.registry import stored_currency
from pos_api.web.dashboard.languages import ngettext
from pos_api.web.dashboard.today.attention_to_payments import RECENT
from pos_api.web.dashboard.today.finding import MOST_COUNTED, Finding, at_most

_MOST_SESSIONS = 1_000
_MOST_DAYS = timedelta(days=31)
"""A store whose days nobody has closed for longer has its books elsewhere by now."""


def findings(db: Db, stores: list[Store], at: datetime) -> Iterator[Finding]:
    """What there is at this moment."""
    yield from _without_order(db, at)
    yield from _cash(db, at)
    yield from _days_to_close(db, stores, at)
    yield from _not_booked(db)


def _without_order(db: Db, at: datetime) -> Iterator[Finding]:
    query = {"order": None, "listed_at": {"$gte": at - RECENT}, "settles_debt": {"$ne": True}}  # a debt has no order
    count = db.payments.count_documents(query, hint="order_1_listed_at_-1__id_-1", limit=MOST_COUNTED + 1)
    if count:
        yield Finding(
            lambda: ngettext(
                "For %(count)s payment of the last 14 days no order is known.",
                "For %(count)s payments of the last 14 days no order is known.",
                count,
                count=at_most(count),
            ),
            "dashboard.payments.index",
            {"order": NO_ORDER},
        )


def _cash(db: Db, at: datetime) -> Iterator[Finding]:
    recent = cash.Filter(since=at - RECENT)
    found = list(islice(cash.find_all(db, lambda store: stored_currency(db, store), recent), _MOST_SESSIONS))
    count = sum(1 for _session, expected in found if expected.difference)
    if count:
        yield Finding(lambda: _differences(count, is_whole=len(found) < _MOST_SESSIONS), "dashboard.cash.index")


def _differences(count: int, *, is_whole: bool) -> str:
    if not is_whole:
        return ngettext(
            "At least %(num)s cash session of the last 14 days has a difference.",
            "At least %(num)s cash sessions of the last 14 days have a difference.",
            count,
        )
    return ngettext(
        "%(num)s cash session of the last 14 days has a difference.",
        "%(num)s cash sessions of the last 14 days have a difference.",
        count,
    )


def _days_to_close(db: Db, stores: list[Store], at: datetime) -> Iterator[Finding]:
    """Of stores whose days are closed here: where none ever was, the books are kept elsewhere."""
    count = 0
    for store in stores:
        first = db.accounting_closings.find_one({"store": store.id}, {"day": 1}, sort=[("day", 1)])
        if first:
            today = date.fromisoformat(store.local_day(at))
            since = max(first["day"], (today - _MOST_DAYS).isoformat())
            count += len(close.open_days(db, store.id, (today - timedelta(days=1)).isoformat(), since))
    if count:
        yield Finding(
            lambda: ngettext(
                "%(num)s day is to be closed in the books.", "%(num)s days are to be closed in the books.", count
            ),
            "dashboard.books.index",
            role="manager",
        )


def _not_booked(db: Db) -> Iterator[Finding]:
    count = accounting.refused_count(db, MOST_COUNTED)
    if count:
        yield Finding(
            lambda: ngettext(
                "%(count)s order or payment can't be booked.",
                "%(count)s orders and payments can't be booked.",
                count,
                count=at_most(count),
            ),
            "dashboard.books.index",
            role="manager",
            is_bad=True,
        )
