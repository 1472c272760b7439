"""Keeping sums up to date with the orders, which write nothing for them.

The sums form a tree. A leaf is a block of `BLOCK` order numbers of a store, which an order never leaves, whatever
happens to it; a day is the sum of what blocks hold of it, and longer spans (see `stats`) of their days. So one changed
order costs the reading of its block, however busy the shop.

* `stats_blocks` (`_id` `store:block`): `sums` by day and currency; `days`, every day it ever had orders of; `stale`.
* `stats_days` (`_id` `store:day`): the day's figures by currency, which is all that most looks read of it.
* `stats_sums` (`_id` `store:day`, and of longer spans): all sums.
* `stats_firsts` (`_id` `store:customer`): `order`, each customer's first counted one in a store, and `orders`, all that
    ever were it or might have been.
* `stats_turns`: `seen`, up to when changes were noted, by the server's `changed_at`; and the number of the last turn.

A turn is a number the database gives out, drawn before reading. What was read at a later turn is never replaced by what
was read at an earlier one, and a block is marked `stale` with a turn drawn after the change was seen, so that only who
read at a later one may take the mark off; the days come before that. This makes it safe in several processes and after
a crash anywhere. As a change can become visible after one that the server stamped later, changes are looked at again
until they are `_OVERLAP` old.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bson import Timestamp, decode_iter
from pymongo import DeleteOne, ReturnDocument, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from pos_api.common.batches import in_batches
from pos_api.common.quantity import whole
from pos_api.database.client import Db, Document
from pos_api.database.write_errors import only_collisions
from pos_api.figures.measures import (
    AMOUNTS,
    COUNTED,
    FIGURE,
    IN_FIGURES,
    NOT_COUNTED,
    OF_ORDER,
    RETURNING,
    Sums,
    limit_rows,
    total,
)

BLOCK = 64
"""Few enough that one changed order costs little, and so many that blocks are much fewer than orders."""

_BLOCKS_AT_ONCE = 64
_CHANGES_AT_ONCE = 2_000
_OVERLAP = timedelta(seconds=10)


def refresh(db: Db, seconds: float = float("inf")) -> int:
    """Bring the sums up to date with every order saved before this call; returns how many orders are left to count at
    most, which is more than 0 only when that took longer than so many seconds. What is done stays done.

    Safe in several processes at once, and after a crash anywhere.
    """
    deadline = time.monotonic() + seconds
    left = _note_changes(db, deadline)
    stale = [block["_id"] for block in db.stats_blocks.find({"stale": {"$exists": True}}, {"_id": 1})]
    if left:
        return left + len(stale) * BLOCK
    for blocks in _shared_out(stale):
        _bring_up_to_date(db, blocks)
        if time.monotonic() > deadline:
            return db.stats_blocks.count_documents({"stale": {"$exists": True}}) * BLOCK
    return 0


def _shared_out(blocks: list[str]) -> Iterator[list[str]]:
    """The blocks a few at a time, neighbours together, from anywhere on: several processes that start at once do not
    do the same."""
    parts = list(in_batches(sorted(blocks, key=_place_of_block), _BLOCKS_AT_ONCE))
    first = random.randrange(len(parts)) if parts else 0  # noqa: S311 - no secret
    yield from parts[first:] + parts[:first]


def _draw_turn(db: Db) -> int:
    drawn: Document | None = db.stats_turns.find_one_and_update(
        {"_id": "turn"}, {"$inc": {"number": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert drawn is not None
    turn: int = drawn["number"]
    return turn


def write_newer(collection: Collection[Document], operations: list[UpdateOne]) -> None:
    """Updates that insert where nothing is, and else spare what was read later: a collision means just that."""
    if not operations:
        return
    try:
        collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        only_collisions(error)


# --- blocks and days --------------------------------------------------------------------------------------------------


def _block_of(order: str) -> str:
    store, _, number = order.rpartition(":")
    return f"{store}:{int(number) // BLOCK}"


def _place_of_block(block: str) -> tuple[str, int]:
    store, _, number = block.rpartition(":")
    return store, int(number)


def _orders_of(block: str) -> Iterator[str]:
    store, number = _place_of_block(block)
    return (f"{store}:{number * BLOCK + n}" for n in range(BLOCK))


def _bring_up_to_date(db: Db, blocks: list[str]) -> None:
    """These blocks, those of them that are stale still, and then the days that have or had orders of theirs."""
    turn = _draw_turn(db)
    stale = {"_id": {"$in": blocks}, "stale": {"$exists": True}}
    blocks = [block["_id"] for block in db.stats_blocks.find(stale, {"_id": 1})]
    sums = _sums_of_blocks(db, blocks)
    write_newer(
        db.stats_blocks,
        [
            UpdateOne(
                {"_id": block, "turn": {"$lt": turn}},
                {
                    "$set": {"turn": turn, "sums": sums[block]},
                    "$addToSet": {"days": {"$each": sorted({each["day"] for each in sums[block]})}},
                },
            )
            for block in blocks
        ],
    )
    days: dict[str, set[str]] = defaultdict(set)
    for block in db.stats_blocks.find({"_id": {"$in": blocks}}, {"store": 1, "days": 1}):
        days[block["store"]].update(block["days"])
    for store, of_store in days.items():
        _sum_days(db, store, sorted(of_store))
    db.stats_blocks.update_many({"_id": {"$in": blocks}, "stale": {"$lt": turn}}, {"$unset": {"stale": ""}})


def _sums_of_blocks(db: Db, blocks: list[str]) -> dict[str, list[Document]]:
    """The sums of each block by day and currency, from its orders."""
    ids = [order for block in blocks for order in _orders_of(block)]
    firsts = {first["order"] for first in db.stats_firsts.find({"orders": {"$in": ids}}, {"order": 1})}
    sums: dict[str, dict[tuple[str, str], Sums]] = {block: defaultdict(Sums) for block in blocks}
    for batch in db.woocommerceorders.find_raw_batches({"_id": {"$in": ids}, **IN_FIGURES}, OF_ORDER):
        # one by one: with many in memory, Python's garbage collection would cost most
        for order in decode_iter(cast(bytes, batch)):
            of_block = sums[_block_of(order["_id"])]
            of_block[order["day"], order.get("currency", "")].add(order, order["_id"] in firsts)
    return {block: _of_block(by_day) for block, by_day in sums.items()}


def _of_block(by_day: dict[tuple[str, str], Sums]) -> list[Document]:
    rows = limit_rows([each.stored() for each in by_day.values()])
    return [
        {"day": day, "currency": currency, "rows": each} for (day, currency), each in zip(by_day, rows, strict=True)
    ]


def _sum_days(db: Db, store: str, days: list[str]) -> None:
    """Add up these days from the blocks. Their sums are written before their figures, whose `turn` thus says that the
    sums are of that turn or a later one."""
    turn = _draw_turn(db)
    by_day: dict[str, dict[str, list[Document]]] = {day: defaultdict(list) for day in days}
    summed = total({"store": store, "days": {"$in": days}}, {"sums.day": {"$in": days}})
    for row in db.stats_blocks.aggregate([*summed, _COUNT_RETURNING]):
        key = row.pop("_id")
        by_day[key["day"]][key["currency"]].append({"of": key["of"], "key": key["key"], **row})
    sums, figures = [], []
    for day, by_currency in by_day.items():
        older = {"_id": f"{store}:{day}", "turn": {"$lt": turn}}
        currencies = sorted(by_currency)
        rows = limit_rows([_but_figures(by_currency[currency]) for currency in currencies])
        of_day = [{"currency": currency, "rows": each} for currency, each in zip(currencies, rows, strict=True)]
        sums.append(UpdateOne(older, {"$set": {"turn": turn, "sums": of_day}}, upsert=True))
        shown = [{"currency": currency, **_figures_of_day(by_currency[currency])} for currency in currencies]
        place = {"store": store, "day": day}
        figures.append(UpdateOne(older, {"$set": {**place, "turn": turn, "currencies": shown}}, upsert=True))
    write_newer(db.stats_sums, sums)
    write_newer(db.stats_days, figures)


_IS_RETURNING = {"$eq": ["$_id.of", RETURNING]}
_COUNT_RETURNING = {
    "$group": {
        "_id": {
            **{name: f"$_id.{name}" for name in ("day", "currency", "of")},
            "key": {"$cond": [_IS_RETURNING, "", "$_id.key"]},
        },
        "title": {"$max": "$title"},
        "count": {"$sum": {"$cond": [_IS_RETURNING, 1, "$count"]}},
        "amount": {"$sum": "$amount"},
    }
}
"""A stage that makes one row of those who returned: they are counted once for each day."""


def _but_figures(rows: list[Document]) -> list[Document]:
    return [row for row in rows if row["of"] != FIGURE]


def _figures_of_day(rows: list[Document]) -> Document:
    figures = {row["key"]: row for row in rows if row["of"] == FIGURE}
    return {
        "orders_count": figures["orders_count"]["count"],
        "num_items_sold": whole(figures["num_items_sold"]["count"]),
        **{name: figures[name]["amount"] for name in AMOUNTS},
    }


# --- changes ----------------------------------------------------------------------------------------------------------


_OF_CHANGE = dict.fromkeys(
    ("store", "customer", "created_at", "order_id", "status", "deleted_at", "parent", "test_mode", "changed_at"), 1
)


def _note_changes(db: Db, deadline: float) -> int:
    """Mark the blocks of the orders changed since the last look; returns how many orders are left to note. How far it
    got is noted after the marks are set, so that a crash only makes it look again."""
    settled = Timestamp(_server_time(db) - _OVERLAP, 0)
    seen = db.stats_turns.find_one({"_id": "seen"})
    since = {"changed_at": {"$gte": seen["until"]}} if seen else {"changed_at": {"$exists": True}}
    changed = db.woocommerceorders.find(since, _OF_CHANGE).sort("changed_at", 1)
    anything = False
    for orders in in_batches(changed, _CHANGES_AT_ONCE):
        blocks = {_block_of(order["_id"]) for order in orders} | _follow_firsts(db, orders)
        turn = _draw_turn(db)
        db.stats_blocks.bulk_write([_mark(block, turn) for block in blocks], ordered=False)
        until = min(orders[-1]["changed_at"], settled)
        _note_seen(db, until)
        anything = True
        if time.monotonic() > deadline and (
            left := db.woocommerceorders.count_documents({"changed_at": {"$gt": orders[-1]["changed_at"]}})
        ):
            return left
    if anything:
        _note_seen(db, settled)
    return 0


def _server_time(db: Db) -> datetime:
    moment: datetime = db.command("hello")["localTime"]
    return moment.replace(tzinfo=UTC)


def _note_seen(db: Db, until: Timestamp) -> None:
    db.stats_turns.update_one({"_id": "seen"}, {"$max": {"until": until}}, upsert=True)


def _mark(block: str, turn: int) -> UpdateOne:
    store, _ = _place_of_block(block)
    new = {"store": store, "turn": 0, "days": [], "sums": []}
    return UpdateOne({"_id": block}, {"$max": {"stale": turn}, "$setOnInsert": new}, upsert=True)


def _follow_firsts(db: Db, orders: list[Document]) -> set[str]:
    """Bring `stats_firsts` in step with these changed orders; returns the blocks which that concerns."""
    earliest: dict[str, Document] = {}
    for order in orders:
        if order.get("customer") and _counts(order):
            name = f"{order['store']}:{order['customer']}"
            if name not in earliest or _place(order) < _place(earliest[name]):
                earliest[name] = order
    ids = {order["_id"] for order in orders}
    concerned = {"$or": [{"_id": {"$in": list(earliest)}}, {"orders": {"$in": list(ids)}}]}
    known = {first["_id"]: first for first in db.stats_firsts.find(concerned)}
    asked = {name for name, first in known.items() if not ids.isdisjoint(first["orders"])}
    for name, order in earliest.items():
        first = known.get(name)
        if first is None or first["order"] is None or _place(order) < _place(first):
            asked.add(name)
    candidates = {name: order["_id"] for name, order in earliest.items() if name in asked}
    return {_block_of(order) for order in _decide_firsts(db, asked, candidates)} if asked else set()


def _decide_firsts(db: Db, names: set[str], candidates: dict[str, str]) -> set[str]:
    """Find out and save who is first now; returns the orders that are, were or might have been.

    An order is put among a customer's `orders` before it is found to be first, so that who sees it change after that
    finds it there and decides again, at a later turn; whatever it was found to be before is then not saved. Where
    somebody has deleted an entry meanwhile, it is decided again.
    """
    concerned: set[str] = set()
    while names:
        turn, firsts, entries = _find_firsts(db, names, candidates)
        concerned.update(order for entry in entries.values() for order in entry["orders"])
        _save_firsts(db, turn, firsts, entries)
        there = {each["_id"] for each in db.stats_firsts.find({"_id": {"$in": list(names)}}, {"_id": 1})}
        names = {name for name, first in firsts.items() if first["order"] and name not in there}
        candidates = {name: firsts[name]["order"] for name in names}
    return concerned


def _find_firsts(
    db: Db, names: set[str], candidates: dict[str, str]
) -> tuple[int, dict[str, Document], dict[str, Document]]:
    """A turn, the first orders as they were at it, and the entries, which were read before and have all of these."""
    while True:
        write_newer(db.stats_firsts, [_enter(name, order) for name, order in candidates.items()])
        entries = {each["_id"]: each for each in db.stats_firsts.find({"_id": {"$in": list(names)}})}
        turn = _draw_turn(db)
        firsts = _firsts(db, names)
        candidates = {
            name: first["order"]
            for name, first in firsts.items()
            if first["order"] and (name not in entries or first["order"] not in entries[name]["orders"])
        }
        if not candidates:
            return turn, firsts, entries


def _save_firsts(db: Db, turn: int, firsts: dict[str, Document], entries: dict[str, Document]) -> None:
    """Save who is first. Of a customer without a counted order nothing is kept, as it may be somebody who was erased;
    unless an order was entered since `entries` were read, which was before the orders were looked at."""
    older = {"turn": {"$lt": turn}}
    changes: list[UpdateOne | DeleteOne] = [
        UpdateOne({"_id": name, **older}, {"$set": {**first, "turn": turn}}) for name, first in firsts.items()
    ]
    changes += [
        DeleteOne({"_id": name, "turn": turn, "entered": entries[name].get("entered")})
        for name, first in firsts.items()
        if first["order"] is None and name in entries
    ]
    db.stats_firsts.bulk_write(changes)


def _enter(name: str, order: str) -> UpdateOne:
    new = {"order": None, "turn": 0}
    entered = {"$addToSet": {"orders": order}, "$inc": {"entered": 1}}
    return UpdateOne({"_id": name}, {**entered, "$setOnInsert": new}, upsert=True)


def _counts(order: Document) -> bool:
    return order["status"] not in NOT_COUNTED and all(order.get(name) is None for name in IN_FIGURES)


def _place(order: Document) -> tuple[datetime, int]:
    return order["created_at"], order["order_id"]


def _firsts(db: Db, names: set[str]) -> dict[str, Document]:
    """The first counted order of each `store:customer`, `order` None where there is none. It reads all orders of these
    customers, whose first one is new or has changed."""
    first: dict[str, Any] = {"created_at": "$created_at", "order_id": "$order_id", "order": "$_id"}
    customers = sorted({name.partition(":")[2] for name in names})
    found = db.woocommerceorders.aggregate(
        [
            {"$match": {"customer": {"$in": customers}, **COUNTED}},
            {"$group": {"_id": {"$concat": ["$store", ":", "$customer"]}, "first": {"$min": first}}},
        ],
        hint={"customer": 1, "created_at": -1, "_id": -1},
    )
    firsts: dict[str, Document] = {name: {"order": None} for name in names}
    firsts.update((each["_id"], each["first"]) for each in found if each["_id"] in names)
    return firsts
