"""Keeping rollups up to date with the orders, which write nothing for them.

Rollups form a tree. A leaf is a bucket of some orders of a store, which an order never leaves, whatever happens to it
(`orders.buckets`); a day is the sum of what buckets hold of it, and longer spans (see `queries`) of their days. So one
changed order costs the reading of its bucket, however busy the shop.

* `rollup_buckets` (`_id` as stored on its orders): `rollups` by day and currency, with the customers who are
  `returning`; `days`, every day it ever had orders of; `stale`; `token`; `measures`, the version of the measures.
* `rollup_days` (`_id` `store:day`): the day's figures by currency, which is all that most looks read of it.
* `rollup_spans` (`_id` `store:day`, and of longer spans): all rollups.

A bucket is marked `stale` with a fencing token (`state`) drawn after the change was seen, so that only who read under a
later one may take the mark off; the days come before that. This makes it safe in several processes and after a crash
anywhere. As a change can become visible after one that the server stamped later, changes are looked at again until they
are `_OVERLAP` old.

**Other measures.** `measures.VERSION` is raised when what is summed up changes. The first process of the new version
notes every order as changed, which marks each bucket stale for the new version (`state.noted`). Until all are counted,
there are no figures, as after an import. A process of the former version neither writes nor unmarks what is marked for
the new one, and shows no figures.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import cast

from bson import Timestamp, decode_iter
from pymongo import UpdateOne

from pos_api.common.batches import in_batches
from pos_api.common.money import decimal, decimal128
from pos_api.common.quantity import whole
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.figures import first_orders, measures
from pos_api.figures.adding_up import added_up
from pos_api.figures.measures import (
    AMOUNTS,
    FIGURE,
    IN_FIGURES,
    NOTHING,
    OF_ORDER,
    RETURNING,
    Rollup,
    limit_rows,
)
from pos_api.figures.state import NewerMeasures, draw_token, note_until, noted, start_over
from pos_api.figures.writes import write_newer
from pos_api.orders.buckets import BUCKET_SIZE

_BUCKETS_AT_ONCE = 64
_CHANGES_AT_ONCE = 2_000
_ORDERS_AT_ONCE = 500
"""In memory: MongoDB would send 16 MB at a time."""
_OVERLAP = timedelta(seconds=10)
_random = random.SystemRandom()


def refresh(db: Db, seconds: float = float("inf")) -> int:
    """Bring the rollups up to date with every order saved before this call; returns how many orders are left to count
    at most, which is more than 0 only when that took longer than so many seconds. What is done stays done.

    Safe in several processes at once, and after a crash anywhere. Raises NewerMeasures.
    """
    deadline = time.monotonic() + seconds
    left = _note_changes(db, deadline)
    stale = [bucket["_id"] for bucket in db.rollup_buckets.find({"stale": {"$exists": True}}, {"_id": 1})]
    if left:
        return left + len(stale) * BUCKET_SIZE
    for buckets in _shared_out(stale):
        _bring_up_to_date(db, buckets)
        if time.monotonic() > deadline:
            return db.rollup_buckets.count_documents({"stale": {"$exists": True}}) * BUCKET_SIZE
    return 0


def refresh_unless_newer(db: Db, seconds: float = float("inf")) -> int:
    """As `refresh`, where nobody waits for figures: 0 where a newer version of the service keeps them."""
    with suppress(NewerMeasures):
        return refresh(db, seconds)
    return 0


def rebuild(db: Db, store: str | None = None) -> Iterator[int]:
    """Count all orders anew, or those of one store; yields every few seconds how many are left at most, 0 at the end.
    A crash on the way leaves right figures: of all stores the next look goes on, of one store what is not marked yet is
    as it was. Raises NewerMeasures for one store; for all, the figures are this version's from now on."""
    if store is None:
        start_over(db)
    else:
        noted(db)
        every = db.orders.find({"store": store}, _OF_CHANGE, batch_size=_CHANGES_AT_ONCE)
        for orders in in_batches(every, _CHANGES_AT_ONCE):
            _mark_stale(db, orders)
    while left := refresh(db, _PROGRESS_SECONDS):
        yield left
    yield 0


_PROGRESS_SECONDS = 5.0


def _shared_out(buckets: list[str]) -> Iterator[list[str]]:
    """The buckets a few at a time, neighbours together, from anywhere on: several processes that start at once do not
    do the same."""
    parts = list(in_batches(sorted(buckets), _BUCKETS_AT_ONCE))
    first = _random.randrange(len(parts)) if parts else 0
    yield from parts[first:] + parts[:first]


# --- buckets and days -------------------------------------------------------------------------------------------------


def _ours() -> Document:
    """Matches what is not of newer measures than ours."""
    return {"measures": {"$lte": measures.VERSION}}


@at_one_primary
def _bring_up_to_date(db: Db, buckets: list[str]) -> None:
    """These buckets, those of them that are stale still, and then the days that have or had orders of theirs."""
    token = draw_token(db)
    stale = {"_id": {"$in": buckets}, "stale": {"$exists": True}}
    buckets = [bucket["_id"] for bucket in db.rollup_buckets.find(stale, {"_id": 1})]
    rollups = _rollups_of_buckets(db, buckets)
    write_newer(db.rollup_buckets, [_bucket_update(bucket, rollups[bucket], token) for bucket in buckets])
    days: dict[str, set[str]] = defaultdict(set)
    for bucket in db.rollup_buckets.find({"_id": {"$in": buckets}}, {"store": 1, "days": 1}):
        days[bucket["store"]].update(bucket["days"])
    for store, of_store in days.items():
        _sum_days(db, store, sorted(of_store))
    counted = {"_id": {"$in": buckets}, "stale": {"$lt": token}, **_ours()}
    ensure_one_term(db)
    db.rollup_buckets.update_many(counted, {"$unset": {"stale": ""}})


def _bucket_update(bucket: str, rollups: list[Document], token: int) -> UpdateOne:
    days = sorted({each["day"] for each in rollups})
    return UpdateOne(
        {"_id": bucket, "token": {"$lt": token}, **_ours()},
        {
            "$set": {"token": token, "measures": measures.VERSION, "rollups": rollups},
            "$addToSet": {"days": {"$each": days}},
        },
    )


def _rollups_of_buckets(db: Db, buckets: list[str]) -> dict[str, list[Document]]:
    """The rollups of each bucket by day and currency, from its orders."""
    rollups: dict[str, dict[tuple[str, str], Rollup]] = {bucket: defaultdict(Rollup) for bucket in buckets}
    read = {**OF_ORDER, "rollup_bucket": 1}
    counted = {"rollup_bucket": {"$in": buckets}, **IN_FIGURES}
    for batch in db.orders.find_raw_batches(counted, read, hint=_BY_BUCKET, batch_size=_ORDERS_AT_ONCE):
        # one by one: with many in memory, Python's garbage collection would cost most
        for order in decode_iter(cast(bytes, batch)):
            rollups[order["rollup_bucket"]][order["day"], order.get("currency", "")].add(order)
    bought = [order for by_day in rollups.values() for each in by_day.values() for order in each.customers]
    firsts = {first["order"] for first in db.first_orders.find({"orders": {"$in": bought}}, {"order": 1})}
    return {bucket: _stored(by_day, firsts) for bucket, by_day in rollups.items()}


_BY_BUCKET = "rollup_bucket_1__id_1"


def _stored(by_day: dict[tuple[str, str], Rollup], firsts: set[str]) -> list[Document]:
    rows = limit_rows([each.stored(firsts) for each in by_day.values()])
    return [
        {"day": day, "currency": currency, "rows": limited, "returning": sorted(each.returning(firsts))}
        for ((day, currency), each), limited in zip(by_day.items(), rows, strict=True)
    ]


def _sum_days(db: Db, store: str, days: list[str]) -> None:
    """Add up these days from the buckets. Their rollups are written before their figures, whose `token` thus says that
    the rollups are of that token or a later one."""
    token = draw_token(db)
    of_days: Document = {"store": store, "days": {"$in": days}}
    sums = added_up(db.rollup_buckets, of_days, {"rollups.day": {"$in": days}}, "$rollups.day")
    returning = _returning(db, of_days)
    spans, figures = [], []
    for day in days:
        older = {"_id": f"{store}:{day}", "token": {"$lt": token}}
        rollups = [each.rollup for each in sums.get(day, []) if each.of != FIGURE]
        rollups += [_row_of_returning(currency, customers) for currency, customers in returning.get(day, {}).items()]
        spans.append(UpdateOne(older, {"$set": {"token": token, "rollups": rollups}}, upsert=True))
        shown = {each.currency: _figures_of_day(each.rows) for each in sums.get(day, []) if each.of == FIGURE}
        currencies = [{"currency": currency, **shown[currency]} for currency in sorted(shown)]
        of_day = {"store": store, "day": day, "token": token, "measures": measures.VERSION, "currencies": currencies}
        figures.append(UpdateOne({**older, **_ours()}, {"$set": of_day}, upsert=True))
    write_newer(db.rollup_spans, spans)
    ensure_one_term(db)
    write_newer(db.rollup_days, figures)


def _returning(db: Db, of_days: Document) -> dict[str, dict[str, set[str]]]:
    """The customers who returned, by day and currency, in the buckets that have these days."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    read = {"rollups.day": 1, "rollups.currency": 1, "rollups.returning": 1}
    for bucket in db.rollup_buckets.find(of_days, read):
        for each in bucket["rollups"]:
            if customers := each.get("returning"):
                found[each["day"]][each["currency"]].update(customers)
    return found


def _row_of_returning(currency: str, customers: set[str]) -> Document:
    row = {"of": RETURNING, "key": "", "title": "", "count": len(customers), "amount": decimal128(NOTHING)}
    return {"currency": currency, "rows": [row]}


def _figures_of_day(rows: list[Document]) -> Document:
    """These figures; amounts as texts, which are read many times as fast as Decimal128. While measures are changing
    there may be none of a new one yet: 0 stands for it until the day is summed up again, with the last of its
    buckets."""
    figures = {row["key"]: row for row in rows}
    none = {"count": 0, "amount": decimal128(NOTHING)}
    amounts = {name: f"{decimal(figures.get(name, none)['amount']):f}" for name in AMOUNTS}
    return {
        "orders_count": figures.get("orders_count", none)["count"],
        "num_items_sold": whole(figures.get("num_items_sold", none)["count"]),
        **amounts,
    }


# --- changes ----------------------------------------------------------------------------------------------------------


_OF_CHANGE = dict.fromkeys(
    (
        *("store", "customer", "created_at", "order_id", "counts_as_sale", "deleted_at", "parent", "test_mode"),
        *("changed_at", "rollup_bucket"),
    ),
    1,
)


def _note_changes(db: Db, deadline: float) -> int:
    """Mark the buckets of the orders changed since the last look; returns how many orders are left to note. How far it
    got is noted after the marks are set, so that a crash only makes it look again."""
    while (left := _note_changes_since(db, deadline)) is None:
        continue
    return left


@at_one_primary
def _note_changes_since(db: Db, deadline: float) -> int | None:
    """As `_note_changes`; None where all was begun anew meanwhile."""
    settled = Timestamp(_server_time(db) - _OVERLAP, 0)
    start = noted(db)
    since = {"$gte": start.until} if start.until else {"$exists": True}
    changed = db.orders.find({"changed_at": since}, _OF_CHANGE).sort("changed_at", 1).batch_size(_CHANGES_AT_ONCE)
    anything = False
    for orders in in_batches(changed, _CHANGES_AT_ONCE):
        _mark_stale(db, orders)
        newest = orders[-1]["changed_at"]
        ensure_one_term(db)
        if not note_until(db, start.generation, min(newest, settled)):
            return None
        anything = True
        if time.monotonic() > deadline and (left := db.orders.count_documents({"changed_at": {"$gt": newest}})):
            return left
    if anything and not note_until(db, start.generation, settled):
        return None
    return 0


def _server_time(db: Db) -> datetime:
    moment: datetime = db.command("hello")["localTime"]
    return moment.replace(tzinfo=UTC)


def _mark_stale(db: Db, orders: list[Document]) -> None:
    """Mark the buckets of these changed orders, and of those that their customers' first orders are or were in."""
    buckets = {order["rollup_bucket"]: order["store"] for order in orders}
    concerned = first_orders.update(db, orders) - {order["_id"] for order in orders}
    if concerned:
        elsewhere = {"_id": {"$in": list(concerned)}}
        for order in db.orders.find(elsewhere, {"store": 1, "rollup_bucket": 1}):
            buckets[order["rollup_bucket"]] = order["store"]
    token = draw_token(db)
    db.rollup_buckets.bulk_write([_mark(bucket, store, token) for bucket, store in buckets.items()], ordered=False)


def _mark(bucket: str, store: str, token: int) -> UpdateOne:
    marks = {"stale": token, "measures": measures.VERSION}
    new = {"store": store, "token": 0, "days": [], "rollups": []}
    return UpdateOne({"_id": bucket}, {"$max": marks, "$setOnInsert": new}, upsert=True)
