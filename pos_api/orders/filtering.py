"""Which orders are wanted, as a query, and by which of its conditions the orders can be gone through."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pos_api.catalogue import queries as products
from pos_api.common.text_search import NO_WORDS, beginning_with, typed_words, wanted_contact_words
from pos_api.common.time import day_anywhere
from pos_api.customers import queries as customers
from pos_api.database import reach
from pos_api.database.client import Db, Document
from pos_api.database.reach import Way
from pos_api.orders.status import status_name

NEWEST_FIRST = [("created_at", -1), ("_id", -1)]
_INDEXES = {
    "customer": [("customer", 1), *NEWEST_FIRST],
    "search": [("search", 1), *NEWEST_FIRST],
    "skus": [("skus", 1), *NEWEST_FIRST],
    "status": [("status", 1), ("store", 1), *NEWEST_FIRST],
    "store": [("store", 1), *NEWEST_FIRST],
}


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


@dataclass(frozen=True, slots=True)
class Query:
    """A filter as conditions: those on words each alone (that a word is there, or the beginning of one), and all
    others."""

    others: Document
    words: list[Document] = field(default_factory=list)
    beginning: Document | None = None
    """That of `words` which many words may fit."""


def query_of(db: Db, wanted: Filter) -> Query:
    """The query of what is wanted."""
    others: Document = {"deleted_at": {"$exists": True} if wanted.deleted else None}
    if wanted.customer is not None:
        others["customer"] = {"$in": customers.keys(db, wanted.customer, wanted.store)}
    if wanted.number is not None:
        others |= _with_number(db, wanted.number.strip())
    if wanted.sku is not None:
        others |= _with_sku(db, wanted.sku)
    if wanted.store is not None:
        others["store"] = wanted.store
    if wanted.status is not None:
        others["status"] = status_name(wanted.status)
        others.setdefault("store", {"$in": _stores(db)})  # which the index has before the time
    _between(others, wanted)
    return _with_words(others, wanted)


def _with_words(others: Document, wanted: Filter) -> Query:
    text = wanted.words if wanted.words is not None else wanted.number
    if wanted.typed is not None:
        words, beginning = typed_words(wanted.typed)
    elif text is not None:
        words, beginning = wanted_contact_words(text), None
    else:
        return Query(others)
    conditions: list[Document] = [{"search": word} for word in words]
    if beginning is not None:
        begins = {"search": beginning_with(beginning)}
        return Query(others, [*conditions, begins], begins)
    return Query(others, conditions or [NO_WORDS])


def query_by(query: Query, way: Way) -> Document:
    """All conditions, for whoever goes this way. Of several words the planner would try the index of each, so the
    others are written as none that an index could answer."""
    if "search" not in way.query:
        return {**query.others, **({"$and": query.words} if query.words else {})}
    of_way = {"search": way.query["search"]}
    none_of = [{"$nor": [each]} for each in query.words if each != of_way]
    return {**query.others, **of_way, **({"$nor": none_of} if none_of else {})}


def ways_of(db: Db, query: Query) -> list[Way]:
    """The conditions that an index answers in the order of the list, each alone; all orders, where there is none. The
    beginning of a word is one as long as so few have it that they can be sorted."""
    others = query.others
    made = {"created_at": others["created_at"]} if "created_at" in others else {}
    if others["deleted_at"] is not None:
        is_whole = others.keys() <= {"deleted_at", "created_at", "day"} and not query.words
        return [Way({"deleted_at": others["deleted_at"], **made}, "deleted", is_whole)]
    words = [each for each in query.words if each is not query.beginning or _is_rare(db, each)]
    ways = [Way({**each, **made}, _INDEXES["search"]) for each in words]
    for name in ("customer", "skus", "status"):
        if name in others:
            with_store = {"store": others["store"]} if name == "status" else {}
            ways.append(Way({name: others[name], **with_store, **made}, _INDEXES[name]))
    if "store" in others and "status" not in others:
        ways.append(Way({"store": others["store"], **made}, _INDEXES["store"]))
    if not ways:
        return [Way(made, "created_at_-1__id_-1", is_whole=query.beginning is None)]
    is_whole = len(ways) == 1 and query.beginning is None and "$or" not in others
    return [replace(ways[0], is_whole=True)] if is_whole else ways


def _is_rare(db: Db, word: Document) -> bool:
    found = db.orders.find(word, {"created_at": 1}).hint(_INDEXES["search"]).skip(reach.MOST_LOOKED_AT).limit(1)
    return next(found, None) is None


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
    return {"$or": [same, with_id(db, number)]}


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


def _widest(operator: str, day: date) -> datetime:
    """The first or the last moment at which it can be that day anywhere: shops differ in their time zone, and a
    shop's own calendar day is the order's `day`."""
    first, end = day_anywhere(day)
    return first if operator == "$gte" else end


def _narrow(query: Document, operator: str, bound: datetime) -> None:
    """Bound `created_at`, keeping the narrower of two bounds."""
    bounds = query.setdefault("created_at", {})
    narrower = min if operator == "$lte" else max
    bounds[operator] = narrower(bounds.get(operator, bound), bound)
