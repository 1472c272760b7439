"""What needs a look of money: payments, cash, and days that are to be closed in the books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from pos_api.accounting import close
from pos_api.accounting import queries as accounting
from pos_api.cash import queries as cash
from pos_api.database.client import Db
from pos_api.payments import account
from pos_api.payments.balance import Provider
from pos_api.payments.queries import NO_ORDER
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores, stored_currency
from pos_api.web.dashboard.languages import _, ngettext
from pos_api.web.dashboard.today.finding import MOST_COUNTED, Finding, at_most

_RECENT = timedelta(days=14)
_MOST_SESSIONS = 100
_MOST_ORDERS = 100
_MOST_DAYS = timedelta(days=31)
"""A store whose days nobody has closed for longer has its books elsewhere by now."""


def findings(db: Db, stores: Stores, at: datetime) -> Iterator[Finding]:
    """What there is at this moment."""
    yield from _discrepancies(db, stores, at)
    yield from _without_order(db, at)
    yield from _cash(db, at)
    yield from _days_to_close(db, stores.all(), at)
    yield from _not_booked(db)


def _discrepancies(db: Db, stores: Stores, at: datetime) -> Iterator[Finding]:
    providers = {store.id: _providers(stores, store) for store in stores.all() if store.paid_by}
    if not providers:
        return
    rows, more = account.contradicting(db, providers, {"$gte": at - _RECENT}, _MOST_ORDERS, None, at)
    count = len(rows)
    if count:
        yield Finding(
            lambda: (
                _("The payments of many orders of the last 14 days do not fit what their shop says.")
                if count == _MOST_ORDERS
                else ngettext(
                    "The payments of at least %(num)s order of the last 14 days do not fit what its shop says.",
                    "The payments of at least %(num)s orders of the last 14 days do not fit what their shop says.",
                    count,
                )
                if more  # there are more orders than were looked at
                else ngettext(
                    "The payments of %(num)s order of the last 14 days do not fit what its shop says.",
                    "The payments of %(num)s orders of the last 14 days do not fit what their shop says.",
                    count,
                )
            ),
            "dashboard.payments.discrepancies",
            is_bad=True,
        )


def _providers(stores: Stores, store: Store) -> dict[str, Provider]:
    takers = [stores.get(name) for name in store.paid_by]
    return {each.id: Provider(each.kind, each.added_at) for each in takers}


def _without_order(db: Db, at: datetime) -> Iterator[Finding]:
    query = {"order": None, "listed_at": {"$gte": at - _RECENT}, "settles_debt": {"$ne": True}}  # a debt has no order
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
    recent = cash.Filter(since=at - _RECENT)
    found = cash.find(db, lambda store: stored_currency(db, store), recent, _MOST_SESSIONS)
    count = sum(1 for _session, expected in found if expected.difference)
    if count:
        yield Finding(
            lambda: ngettext(
                "%(num)s cash session of the last 14 days has a difference.",
                "%(num)s cash sessions of the last 14 days have a difference.",
                count,
            ),
            "dashboard.cash.index",
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
