"""Orders as people read them: lists by filter, newest first, and one with all that happened to it.

Every filter alone stays on an index that already has the list's order, so a page costs its rows, however many orders
there are; so do status and store together. Other filters race on theirs: MongoDB tries the candidates side by side and
takes the fastest, and a page looks at a number of orders only (`database.reach`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any

from pymongo.cursor import Cursor

from pos_api.catalogue import queries as products
from pos_api.common.text_search import starting_with, wanted_contact_words
from pos_api.common.warning_messages import EventWarning, from_stored
from pos_api.customers import queries as customers
from pos_api.database.client import Db, Document
from pos_api.database.reach import Position, end_at, reach
from pos_api.errors import Conflict, NotFound
from pos_api.orders import presentation
from pos_api.orders.status import status_name

_NEWEST_FIRST = [("created_at", -1), ("_id", -1)]
_PRODUCTS = (("held", "sku"), ("movements", "sku"), ("line_items", "product"))
"""Where an order names products by their `_id`."""

MOST_STATUSES = 100
_MOST_EAST, _MOST_WEST = timedelta(hours=14), timedelta(hours=12)
"""A calendar day starts 14 hours before UTC's in the Line Islands and ends 12 hours after it on Baker Island."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which orders are wanted; what is None asks for nothing.

    `since` and `until` are shop-local days (`2026-11-22`) or moments, both inclusive. `customer` is an e-mail address,
    a `store:#id`, or the shop's customer id; `words` are looked for in order number, id, name, company, e-mail address
    and telephone number, each as a whole word; of `typed`, which is still being written, the last word may be the
    beginning of one. `number` is a whole order number or id. Deleted orders are listed only when asked for, and then
    alone.
    """

    status: str | None = None
    store: str | None = None
    customer: str | None = None
    sku: str | None = None
    since: date | datetime | None = None
    until: date | datetime | None = None
    words: str | None = None
    typed: str | None = None
    number: str | None = None
    deleted: bool = False


def find(db: Db, wanted: Filter, limit: int, after: Position | None = None) -> tuple[list[Document], Position | None]:
    """Up to `limit` orders, newest first, from `after` on (`created_at` and `_id` of an order); and after which order
    there may be more, None where there are none. With several filters that may be so with fewer orders, or none."""
    query = _query(db, wanted)
    if after is not None:
        _start(query, after)
    last = reach(db.orders, _filters(query), "created_at")
    if last is not None:
        end_at(query, "created_at", last)
    found = list(_cursor(db, query).limit(limit + 1))
    if len(found) > limit:
        found.pop()
        last = (found[-1]["created_at"], found[-1]["_id"])
    return under_current_skus(db, list(map(presentation.in_list, found))), last


def stream(db: Db, wanted: Filter, read: Mapping[str, Any]) -> Iterator[Document]:
    """All orders that match, newest first, as they are stored, of each what `read` names; read as they are taken."""
    with _cursor(db, _query(db, wanted), read).batch_size(500) as cursor:
        yield from cursor


def known(db: Db, keys: Iterable[str]) -> set[str]:
    """Those of these `_id`s of which there is an order."""
    return {each["_id"] for each in db.orders.find({"_id": {"$in": list(keys)}}, {"_id": 1})}


def get(db: Db, order: str) -> Document:
    """One order by its sender's id or as `store:id`, with `movements` (its part of the stock ledger).

    Raises NotFound, and Conflict, naming the candidates, where several stores have an order of that id.
    """
    found = list(db.orders.find(with_id(db, order)))
    if not found:
        raise NotFound(f"There is no order {order[:80]!r}.")
    if len(found) > 1:
        candidates = sorted(each["_id"] for each in found)
        raise Conflict(f"Several stores have an order {order}; say which.", details={"candidates": candidates})
    document = found[0]
    movements = db.stock_movements.find({"order": document["_id"]}, {"_id": 0, "order": 0})
    ordered = sorted(movements, key=lambda each: (each["at"], each["sku"], each["n"]))
    return under_current_skus(db, [presentation.in_full(document, ordered)])[0]


def of_customer(db: Db, customer: str, limit: int) -> list[Document]:
    """The last orders of a customer (`_id` of `customers`), newest first, deleted ones left out."""
    cursor = _cursor(db, {"deleted_at": None, "customer": customer}).limit(limit)
    return under_current_skus(db, list(map(presentation.in_list, cursor)))


def suborders(db: Db, order: str, limit: int) -> list[Document]:
    """The sub-orders of an order (its `_id`), the oldest first: `id`, `number`, `status`, `total`, `currency`."""
    read = dict.fromkeys(("number", "order_id", "status", "total", "currency"), 1)
    found = db.orders.find({"parent": order}, read).sort("_id", 1).limit(limit)
    return [{**each, "id": each["_id"], "number": each.get("number") or str(each["order_id"])} for each in found]


def warnings_of(db: Db, order: str) -> list[EventWarning]:
    """What people should know about an order (its `_id`), with the codes and values that can be put in words."""
    stored = db.orders.find_one({"_id": order}, {"warnings": 1})
    return from_stored(stored["warnings"]) if stored else []


def statuses(db: Db) -> list[str]:
    """The statuses that orders have, in their order: of very many the first ones. It reads one index entry for each."""
    each_once: list[Document] = [{"$sort": {"status": 1}}, {"$group": {"_id": "$status"}}, {"$limit": MOST_STATUSES}]
    return sorted(each["_id"] for each in db.orders.aggregate(each_once, hint="status_1_store_1_created_at_-1__id_-1"))


def _stores(db: Db) -> list[str]:
    """The stores that have orders; it reads one index entry for each."""
    each_once: list[Document] = [{"$sort": {"store": 1}}, {"$group": {"_id": "$store"}}]
    return [each["_id"] for each in db.orders.aggregate(each_once, hint="store_1_created_at_-1__id_-1")]


def with_id(db: Db, order: str) -> Document:
    """The query for orders of a sender's id, or `store:id`; without a store, of any that has orders."""
    if ":" in order:
        return {"_id": order}
    ids = {order}
    if order.isascii() and order.isdigit() and len(order) < 20:  # a whole number, as most ids are
        ids.add(str(int(order)))
    return {"_id": {"$in": sorted(f"{store}:{each}" for store in _stores(db) for each in ids)}}


def under_current_skus(db: Db, orders: list[Document], known: Mapping[str, str] | None = None) -> list[Document]:
    """These orders with their products' current SKUs in place of the `_id`s by which the ledger knows them. The others
    are asked for than those that are `known`."""
    rows = [
        (row, field) for order in orders for name, field in _PRODUCTS for row in order.get(name, ()) if field in row
    ]
    openings = [order["opening"] for order in orders if "opening" in order]
    named = {*(row[field] for row, field in rows), *chain.from_iterable(openings)}
    current = {**(known or {}), **products.current_skus(db, named.difference(known or ()))}
    for row, field in rows:
        row[field] = current.get(row[field], row[field])
    for order in orders:
        if "opening" in order:
            order["opening"] = [current.get(product, product) for product in order["opening"]]
    return orders


# --- the query ------------------------------------------------------------------------------------------------------


def _query(db: Db, wanted: Filter) -> Document:
    query: Document = {"deleted_at": {"$exists": True} if wanted.deleted else None}
    if wanted.customer is not None:
        query["customer"] = {"$in": customers.keys(db, wanted.customer, wanted.store)}
    if wanted.words is not None:
        query["search"] = {"$all": wanted_contact_words(wanted.words)}
    if wanted.typed is not None:
        query["$and"] = starting_with(wanted.typed)
    if wanted.number is not None:
        query |= _with_number(db, wanted.number.strip())
    if wanted.sku is not None:
        query |= _with_sku(db, wanted.sku)
    if wanted.store is not None:
        query["store"] = wanted.store
    if wanted.status is not None:
        query["status"] = status_name(wanted.status)
        query.setdefault("store", {"$in": _stores(db)})  # which the index has before the time
    _between(query, wanted)
    return query


def _between(query: Document, wanted: Filter) -> None:
    """Bound when the orders were made."""
    for operator, bound in (("$gte", wanted.since), ("$lte", wanted.until)):
        if isinstance(bound, datetime):
            _narrow(query, operator, bound)
        elif bound is not None:
            query.setdefault("day", {})[operator] = bound.isoformat()
            _narrow(query, operator, _widest(operator, bound))


def _with_number(db: Db, number: str) -> Document:
    """Orders of this number, in capitals or not, or of this id. Their words find them, and more that is left out."""
    same = {"number": {"$regex": f"^{re.escape(number)}$", "$options": "i"}}
    return {"search": {"$all": wanted_contact_words(number)}, "$or": [same, with_id(db, number)]}


def _with_sku(db: Db, sku: str) -> Document:
    """Orders of the product that this SKU finds, whatever it was called on their lines, and lines of its SKUs that no
    product was known for; of an unknown SKU, lines that had it. An order's `skus` alone does not separate two products
    of which one took over a SKU of the other."""
    known = products.id_and_skus(db, sku)
    if known is None:
        return {"skus": sku}
    product, skus = known
    line = {"$or": [{"product": product}, {"product": None, "sku": {"$in": skus}}]}
    return {"skus": {"$in": sorted({product, *skus})}, "line_items": {"$elemMatch": line}}


def _start(query: Document, after: Position) -> None:
    """Begin after that order. Written as `$or`, the planner would take it for two indexes and a sort."""
    created_at, order = after
    _narrow(query, "$lte", created_at)
    query["$nor"] = [{"created_at": created_at, "_id": {"$gte": order}}]


def _widest(operator: str, day: date) -> datetime:
    """The first or the last moment at which it can be that day anywhere: shops differ in their time zone, and a
    shop's own calendar day is the order's `day`."""
    midnight = datetime.combine(day, time.min, UTC)
    return midnight - _MOST_EAST if operator == "$gte" else midnight + timedelta(days=1) + _MOST_WEST


def _narrow(query: Document, operator: str, bound: datetime) -> None:
    """Bound `created_at`, keeping the narrower of two bounds."""
    bounds = query.setdefault("created_at", {})
    narrower = min if operator == "$lte" else max
    bounds[operator] = narrower(bounds.get(operator, bound), bound)


_INDEXES = {
    "customer": [("customer", 1), *_NEWEST_FIRST],
    "search": [("search", 1), *_NEWEST_FIRST],
    "skus": [("skus", 1), *_NEWEST_FIRST],
    "status": [("status", 1), ("store", 1), *_NEWEST_FIRST],
    "store": [("store", 1), *_NEWEST_FIRST],
}


def _cursor(db: Db, query: Document, read: Mapping[str, Any] = presentation.LISTED) -> Cursor[Document]:
    cursor = db.orders.find(query, read).sort(_NEWEST_FIRST)
    hint = _hint(query)
    return cursor if hint is None else cursor.hint(hint)


def _indexed(query: Document) -> list[str]:
    """What of a query has an index of its own; that of the status has the store, too."""
    fields = [field for field in _INDEXES if field in query]
    return [field for field in fields if field != "store" or "status" not in fields]


def _filters(query: Document) -> list[Document]:
    """The conditions of a query that have to fit together and that no index has together, each alone from where the
    page starts; none where there is one only, and where the last word may be the beginning of one."""
    if query["deleted_at"] is not None or "$and" in query or "$or" in query:
        return []
    made = {"created_at": dict(query["created_at"])} if "created_at" in query else {}
    filters = []
    for field in _indexed(query):
        if field == "search":
            filters += [{"search": word, **made} for word in query["search"]["$all"]]
        elif field == "status":
            filters.append({"status": query["status"], "store": query["store"], **made})
        else:
            filters.append({field: query[field], **made})
    return filters if len(filters) > 1 else []


def _hint(query: Document) -> str | list[tuple[str, int]] | None:
    """The index to use where there is one right choice; None where several filters have to race."""
    if "$and" in query:  # the rarer a word's beginning, the better its own index; else that of all orders
        return None
    if query["deleted_at"] is not None:
        return "deleted"
    indexed = _indexed(query)
    if len(indexed) == 1:
        return _INDEXES[indexed[0]]
    return None if indexed else "created_at_-1__id_-1"
