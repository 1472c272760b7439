"""Z-reports of stores' days: of a closed day as it was closed, of an open one as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import cast

from pos_api.accounting.model import ZERO
from pos_api.accounting.refresh import bring_up_to_date
from pos_api.accounting.stored import StoredSource, source_of
from pos_api.accounting.z_report import Receipt, z_report
from pos_api.cash import queries as cash
from pos_api.common.batches import in_batches
from pos_api.database.client import Db, Document
from pos_api.figures.measures import coupons_of
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

_AT_ONCE = 500
_LONGEST_SESSION = timedelta(days=14)


def z_reports(db: Db, stores: Stores, store: Store, day: str) -> list[Document]:
    """The Z-reports of a store's day, one for each currency; none where there is nothing of it."""
    bring_up_to_date(db, stores)
    wanted = {"store": store.id, "days": day}
    stored = cast("list[StoredSource]", list(db.accounting_sources.find(wanted)))
    booked = {each["currency"] for source in stored for each in source["bookings"] if each["day"] == day}
    closings = {each["currency"]: each for each in db.accounting_closings.find({"store": store.id, "day": day})}
    return [
        _closed(closings[currency])
        if currency in closings
        else {**_named(store, day, currency, "draft"), **of_day(db, store, day, currency, stored)}
        for currency in sorted(booked | closings.keys())
    ]


Position = tuple[str, str]
"""Where a list of closed days stands: the day and the `_id` of its last one."""


def closed_days(db: Db, store: str | None, limit: int, after: Position | None = None) -> list[Document]:
    """Up to `limit` closed days with what was sold on them, the latest first, from `after` on; of a store, or of
    all."""
    query: Document = {} if store is None else {"store": store}
    if after is not None:
        query |= {"day": {"$lte": after[0]}, "$nor": [{"day": after[0], "_id": {"$gte": after[1]}}]}
    return list(db.accounting_closings.find(query, _LISTED).sort([("day", -1), ("_id", -1)]).limit(limit))


_LISTED = dict.fromkeys(
    ("store", "day", "currency", "closed_at", "by", "z_report.sales_total", "z_report.refunds_total"), 1
)


def _named(store: Store, day: str, currency: str, status: str) -> Document:
    return {"store": store.id, "day": day, "currency": currency, "status": status, "closed_at": None, "by": None}


def _closed(closing: Document) -> Document:
    names = ("store", "day", "currency", "closed_at", "by")
    return {**{name: closing[name] for name in names}, "status": "closed", **closing["z_report"]}


def of_day(db: Db, store: Store, day: str, currency: str, stored: Sequence[StoredSource]) -> Document:
    """What the Z-report of a store's day says, from all sources that have bookings of it."""
    sources = [source_of(each) for each in stored]
    report = z_report(day, currency, sources, _receipts(db, (each["_id"] for each in stored)))
    return {**report, "cash_sessions": _sessions(db, store, day, currency)}


def _receipts(db: Db, sources: Iterable[str]) -> dict[str, Receipt]:
    keys = [source.partition(":")[2] for source in sources if source.startswith("order:")]
    read = {"paid_at": 1, "created_at": 1, "coupon_lines.discount": 1, "discount_total": 1}
    found: dict[str, Receipt] = {}
    for some in in_batches(keys, _AT_ONCE):
        for order in db.orders.find({"_id": {"$in": some}}, read):
            discount = coupons_of(order)
            found[f"order:{order['_id']}"] = Receipt(order.get("paid_at") or order["created_at"], discount or ZERO)
    return found


def _sessions(db: Db, store: Store, day: str, currency: str) -> list[Document]:
    """The cash sessions that were closed on a day: what was in the drawer, and what was missing."""
    start = store.moment(datetime.combine(datetime.fromisoformat(day), time.min))
    wanted = cash.Filter(store.id, start - _LONGEST_SESSION, start + timedelta(days=2))
    shown = [cash.shown(each) for each in cash.find(db, lambda _: store.currency, wanted, _AT_ONCE)]
    names = ("id", "opened_at", "closed_at", "opening_cash", "counted_cash", "expected_cash", "difference")
    return [
        {name: each[name] for name in names}
        for each in reversed(shown)
        if each["closed_at"] and store.local_day(each["closed_at"]) == day and each["currency"] in (currency, "")
    ]
