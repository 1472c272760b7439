"""Each customer's first counted order in a store, which makes the customer a new one on its day.

`first_orders` (`_id` `store:customer`): `order`, the first one; `orders`, all that ever were it or might have been;
`entered`, how often one was added to these; `token`, the fencing token under which it was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime
from typing import Any

from pymongo import DeleteOne, UpdateOne

from pos_api.database.client import Db, Document
from pos_api.figures.measures import COUNTED, IN_FIGURES
from pos_api.figures.state import draw_token
from pos_api.figures.writes import insert_where_none, write_newer


def update(db: Db, orders: list[Document]) -> set[str]:
    """Bring `first_orders` up to date with these changed orders; returns the ids of the orders which that concerns."""
    earliest: dict[str, Document] = {}
    for order in orders:
        if order.get("customer") and _counts(order):
            name = f"{order['store']}:{order['customer']}"
            if name not in earliest or _place(order) < _place(earliest[name]):
                earliest[name] = order
    ids = {order["_id"] for order in orders}
    known = _known(db, earliest, ids)
    asked, concerned = _add(db, earliest.keys() - known.keys())
    for name, first in known.items():
        is_earlier = name in earliest and (first["order"] is None or _place(earliest[name]) < _place(first))
        if is_earlier or not ids.isdisjoint(first["orders"]):
            asked.add(name)
    candidates = {
        name: earliest[name]["_id"]
        for name in asked & earliest.keys()  # but for those that are entered already
        if name not in known or earliest[name]["_id"] not in known[name]["orders"]
    }
    return concerned | (_decide(db, asked, candidates) if asked else set())


def _known(db: Db, names: Iterable[str], orders: set[str]) -> dict[str, Document]:
    """The entries of these customers, and those that have one of these orders."""
    either = {"$or": [{"_id": {"$in": list(names)}}, {"orders": {"$in": list(orders)}}]}
    return {first["_id"]: first for first in db.first_orders.find(either)}


def _add(db: Db, names: Set[str]) -> tuple[set[str], set[str]]:
    """Find out and save who is first of customers without an entry; returns those that are to be decided on again, and
    the orders which this concerns.

    Whoever sees such an order change once its entry is there decides again. Where it has changed before that, or
    somebody else has added an entry, it is decided again here.
    """
    if not names:
        return set(), set()
    token = draw_token(db)
    firsts = {name: first for name, first in _firsts(db, names).items() if first["order"] is not None}
    seen = {first["order"]: first["changed_at"] for first in firsts.values()}
    new = [
        {"_id": name, **_kept(first), "orders": [first["order"]], "entered": 1, "token": token}
        for name, first in firsts.items()
    ]
    again = {firsts[name]["order"] for name in insert_where_none(db.first_orders, new)}
    now = db.orders.find({"_id": {"$in": list(seen)}}, {"changed_at": 1})
    again |= seen.keys() - {order["_id"] for order in now if order["changed_at"] == seen[order["_id"]]}
    return {name for name, first in firsts.items() if first["order"] in again}, set(seen)


def _decide(db: Db, names: set[str], candidates: dict[str, str]) -> set[str]:
    """Find out and save who is first now; returns the orders that are, were or might have been.

    An order is put among a customer's `orders` before it is found to be first, so that who sees it change after that
    finds it there and decides again, under a later token; whatever it was found to be before is then not saved. Where
    somebody has deleted an entry meanwhile, it is decided again.
    """
    concerned: set[str] = set()
    while names:
        token, firsts, entries = _find(db, names, candidates)
        concerned.update(order for entry in entries.values() for order in entry["orders"])
        if _save(db, token, firsts, entries):
            break
        there = {each["_id"] for each in db.first_orders.find({"_id": {"$in": list(names)}}, {"_id": 1})}
        names = {name for name, first in firsts.items() if first["order"] and name not in there}
        candidates = {name: firsts[name]["order"] for name in names}
    return concerned


def _find(db: Db, names: set[str], candidates: dict[str, str]) -> tuple[int, dict[str, Document], dict[str, Document]]:
    """A token, the first orders as they were at it, and the entries, which were read before and have all of these."""
    while True:
        entries = _enter(db, candidates)
        others = [name for name in names if name not in entries]
        entries |= {each["_id"]: each for each in db.first_orders.find({"_id": {"$in": others}})}
        token = draw_token(db)
        firsts = _firsts(db, names)
        candidates = {
            name: first["order"]
            for name, first in firsts.items()
            if first["order"] and (name not in entries or first["order"] not in entries[name]["orders"])
        }
        if not candidates:
            return token, firsts, entries


def _save(db: Db, token: int, firsts: dict[str, Document], entries: dict[str, Document]) -> bool:
    """Save who is first; returns whether all entries were there. Of a customer without a counted order nothing is kept,
    as it may be somebody who was erased; unless an order was entered since `entries` were read, which was before the
    orders were looked at."""
    older = {"token": {"$lt": token}}
    changes: list[UpdateOne | DeleteOne] = [
        UpdateOne({"_id": name, **older}, {"$set": {**_kept(first), "token": token}}) for name, first in firsts.items()
    ]
    changes += [
        DeleteOne({"_id": name, "token": token, "entered": entries[name].get("entered")})
        for name, first in firsts.items()
        if first["order"] is None and name in entries
    ]
    return db.first_orders.bulk_write(changes).matched_count == len(firsts)


def _enter(db: Db, candidates: dict[str, str]) -> dict[str, Document]:
    """Enter these orders of customers; returns the entries that are new."""
    entering = []
    for name, order in candidates.items():
        entered = {"$addToSet": {"orders": order}, "$inc": {"entered": 1}}
        entering.append(UpdateOne({"_id": name}, {**entered, "$setOnInsert": {"order": None, "token": 0}}, upsert=True))
    new = write_newer(db.first_orders, entering)
    return {name: {"_id": name, "orders": [candidates[name]], "entered": 1} for name in new}


def _counts(order: Document) -> bool:
    return bool(order["counts_as_sale"]) and all(order.get(name) is None for name in IN_FIGURES)


def _place(order: Document) -> tuple[datetime, bool, Any]:
    """Its place in time; of the same moment by the id, numbers before texts, as MongoDB compares them."""
    return order["created_at"], isinstance(order["order_id"], str), order["order_id"]


def _kept(first: Document) -> Document:
    return {name: value for name, value in first.items() if name != "changed_at"}


def _firsts(db: Db, names: Set[str]) -> dict[str, Document]:
    """The first counted order of each `store:customer`, `order` None where there is none, and when it changed last. It
    reads all orders of these customers, whose first one is new or has changed."""
    first = {**{name: f"${name}" for name in ("created_at", "order_id", "changed_at")}, "order": "$_id"}
    customers = sorted({name.partition(":")[2] for name in names})
    found = db.orders.aggregate(
        [
            {"$match": {"customer": {"$in": customers}, **COUNTED}},
            {"$group": {"_id": {"$concat": ["$store", ":", "$customer"]}, "first": {"$min": first}}},
        ],
        hint={"customer": 1, "created_at": -1, "_id": -1},
    )
    firsts: dict[str, Document] = {name: {"order": None} for name in names}
    firsts.update((each["_id"], each["first"]) for each in found if each["_id"] in names)
    return firsts
