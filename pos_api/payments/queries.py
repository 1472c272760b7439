"""Payments as people read them: lists by filter, newest first, one, and those of an order with what is owed.

Every filter alone stays on an index that already has the list's order, so a page costs its rows, however many payments
there are. With several a page goes through the payments of the one that fewest fit, and looks at a number of them only
(`database.reach`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import Any, cast

from pos_api.common.money import ZERO
from pos_api.common.text_search import wanted_contact_words
from pos_api.database import reach
from pos_api.database.client import Db, Document
from pos_api.database.reach import Position, Way
from pos_api.errors import NotFound
from pos_api.orders.filtering import with_id
from pos_api.orders.model import Order
from pos_api.payments import presentation
from pos_api.payments.model import PAID, Payment

_NEWEST_FIRST = [("listed_at", -1), ("_id", -1)]
NO_ORDER = "none"
"""What a filter by order has for payments that no order is known for."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which payments are wanted; what is None asks for nothing. `order` is an order's id, `store:id`, or NO_ORDER;
    `since` is included, `before` is not; `words` are looked for in the payment's ids and its order's names."""

    store: str | None = None
    status: str | None = None
    method: str | None = None
    order: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    words: str | None = None


def find(db: Db, wanted: Filter, limit: int, after: Position | None = None) -> tuple[list[Document], Position | None]:
    """Up to `limit` payments, newest first, from `after` on (`listed_at` and `_id` of a payment); and after which there
    may be more, None where there are none. With several filters that may be so with fewer payments, or none."""
    query = _query(db, wanted)
    found, last = reach.find(_listed(db), _ways(query), partial(_query_by, query), limit, after)
    return shown(db, found), last


def _listed(db: Db) -> reach.List:
    return reach.List(db.payments, "listed_at", presentation.LISTED)


def _ways(query: Document) -> list[Way]:
    """The conditions that an index answers in the order of the list, each alone; all payments, where there is none."""
    made = {"listed_at": query["listed_at"]} if "listed_at" in query else {}
    conditions = [{"search": word} for word in query["search"]["$all"]] if "search" in query else []
    conditions += [{name: query[name]} for name in ("order", "store", "status", "method") if name in query]
    ways = [Way({**each, **made}, [(name, 1), *_NEWEST_FIRST]) for each in conditions for name in each]
    if len(ways) < 2:
        return [replace(each, is_whole=True) for each in ways] or [Way(made, _NEWEST_FIRST, is_whole=True)]
    return ways


def _query_by(query: Document, way: Way) -> Document:
    """All conditions, for whoever goes this way. Of several words the planner would try the index of each, so the
    others are written as none that an index could answer."""
    if "search" not in way.query:
        return query
    none_of = [{"$nor": [{"search": word}]} for word in query["search"]["$all"] if word != way.query["search"]]
    return {**query, "search": way.query["search"], **({"$nor": none_of} if none_of else {})}


def stream(db: Db, wanted: Filter) -> Iterator[Document]:
    """All payments that match, newest first, read as they are taken."""
    query = _query(db, wanted)
    way = reach.rarest(_listed(db), _ways(query))
    cursor = db.payments.find(_query_by(query, way), presentation.LISTED).sort(_NEWEST_FIRST).hint(way.index)
    with cursor.batch_size(_PAGE) as found:
        while some := list(islice(found, _PAGE)):
            yield from shown(db, some)


def known(db: Db, keys: Iterable[str]) -> set[str]:
    """Those of these `_id`s of which there is a payment."""
    return {each["_id"] for each in db.payments.find({"_id": {"$in": list(keys)}}, {"_id": 1})}


def get(db: Db, payment: str, *, with_transactions: bool) -> Document:
    """One payment by its `_id`, with how it is matched with its order, the orders that it may mean as much as each
    other, and what was reported of it and when; with transaction ids only for who may see those of orders. Raises
    NotFound."""
    found = cast("Payment | None", db.payments.find_one({"_id": payment}))
    if found is None:
        raise NotFound(f"There is no payment {payment[:80]!r}.")
    order = cast("Order | None", db.orders.find_one({"_id": found["order"]}, _NAMES)) if found["order"] else None
    causes = [step["cause"] for step in found["changes"]]
    received = {each["_id"]: each["received_at"] for each in db.inbox.find({"_id": {"$in": causes}}, _RECEIVED)}
    history = presentation.history(found, order, received, with_transactions=with_transactions)
    return shown(db, [found])[0] | history


def order_of(db: Db, payment: Document) -> Document | None:
    """What identifies the order of a payment (as `get` gives it), and what it is of; None while none is known."""
    found = db.orders.find_one({"_id": payment["order"]}, _SUMMARY) if payment["order"] else None
    if found is None:
        return None
    named = {"id": found["_id"], "number": found.get("number") or str(found["order_id"])}
    amounts = {"total": found.get("total", ZERO), "currency": found.get("currency", "")}
    return {**named, **amounts, "is_test": "test_mode" in found, **{name: found[name] for name in ("store", "status")}}


def orders_of(db: Db, payments: Iterable[str]) -> dict[str, str]:
    """The orders of these payments, of those that have one; by payment."""
    found = db.payments.find({"_id": {"$in": list(payments)}, "order": {"$ne": None}}, {"order": 1})
    return {each["_id"]: each["order"] for each in found}


_SUMMARY = dict.fromkeys(("store", "number", "order_id", "status", "total", "currency", "test_mode"), 1)
_NAMES = {"store": 1, "order_id": 1, "number": 1, "transaction_id": 1}
_RECEIVED = {"received_at": 1}


def of_order(db: Db, order: str) -> list[Payment]:
    """The stored payments of an order, the oldest first: of very many the latest, and all that were made."""
    found = list(db.payments.find({"order": order}).sort(_NEWEST_FIRST).limit(_PAGE))
    if len(found) == _PAGE:  # claims that nobody has verified may be any number
        made = list(db.payments.find({"order": order, "status": {"$in": sorted(PAID)}}).sort(_NEWEST_FIRST))
        found = made + [each for each in found if each["status"] not in PAID]
        found.sort(key=lambda each: (each["listed_at"], each["_id"]), reverse=True)
    return cast("list[Payment]", found[::-1])


def of_orders(db: Db, orders: Iterable[str]) -> Mapping[str, list[Payment]]:
    """Those stored payments of these orders that were made, and of each order one of each store that nobody has
    verified, which can be any number; by order."""
    found: dict[str, list[Payment]] = defaultdict(list)
    of_these = {"$in": list(orders)}
    made = db.payments.find({"order": of_these, "status": {"$in": sorted(PAID)}})
    one_of_each: list[Document] = [
        {"$match": {"order": of_these, "status": "unverified"}},
        {"$group": {"_id": {"order": "$order", "store": "$store"}, "payment": {"$first": "$$ROOT"}}},
    ]
    unverified = (each["payment"] for each in db.payments.aggregate(one_of_each))
    for payment in chain(made, unverified):
        found[payment["order"]].append(cast("Payment", payment))
    return found


def shown(db: Db, payments: Iterable[Mapping[str, Any]]) -> list[Document]:
    """These stored payments as they are shown, with their tabs."""
    payments = list(payments)
    keys = [presentation.tab_key(each["store"], each["tab"]) for each in payments if "tab" in each]
    tabs = _tabs(db, keys)
    return [presentation.payment(each, tabs) for each in payments]


def with_tabs(db: Db, orders: list[Document]) -> list[Document]:
    """Orders as they are shown, with what is known of their tabs in place of the tabs' ids."""
    tabs = _tabs(db, [presentation.tab_key(each["store"], each["tab"]) for each in orders if each.get("tab")])
    return [
        {**each, "tab": presentation.tab(each["store"], each["tab"], tabs)} if each.get("tab") else each
        for each in orders
    ]


def _tabs(db: Db, keys: list[str]) -> Mapping[str, Document]:
    return {each["_id"]: each for each in db.tabs.find({"_id": {"$in": keys}})} if keys else {}


def _query(db: Db, wanted: Filter) -> Document:
    query: Document = {
        name: value
        for name, value in (("store", wanted.store), ("status", wanted.status), ("method", wanted.method))
        if value is not None
    }
    if wanted.order is not None:
        query["order"] = _order_condition(db, wanted.order)
    if wanted.words is not None:
        query["search"] = {"$all": wanted_contact_words(wanted.words)}
    bounds = {"$gte": wanted.since, "$lt": wanted.before}
    if given := {operator: bound for operator, bound in bounds.items() if bound is not None}:
        query["listed_at"] = given
    return query


def _order_condition(db: Db, order: str) -> Any:
    if order == NO_ORDER:
        return None
    if ":" in order:
        return order
    found = cast("Iterable[Order]", db.orders.find(with_id(db, order), {"_id": 1}).limit(_PAGE))
    return {"$in": [each["_id"] for each in found]}
