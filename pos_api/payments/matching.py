"""Payments are matched with the orders that they are for, whichever of the two comes first.

A payment is saved first, and then orders are looked for; an order is saved first, and then payments are looked for. So
one of the two always finds the other. What was matched is written only where the payment is as it was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from pymongo import ReturnDocument

from pos_api.common.text_search import wanted_contact_words
from pos_api.database.client import Db, Document
from pos_api.orders.model import Order
from pos_api.payments.model import Payment
from pos_api.payments.naming import meant_order, named, order_keys, order_names, search_words

_ATTEMPTS = 50
_MOST_CANDIDATES = 1_000
_NAMES = dict.fromkeys(("store", "order_id", "number", "transaction_id", "parent"), 1)


def match_payment(db: Db, payment: Payment) -> Payment:
    """Set the order that a stored payment is for; returns the payment as it is then."""
    for _ in range(_ATTEMPTS):
        orders = _orders_named(db, payment["wanted"])
        meant = meant_order(payment["wanted"], orders, payment["order"])
        if (meant.order, meant.candidates) == (payment["order"], tuple(payment.get("candidates", ()))):
            return payment
        changed: Document = {"order": meant.order, "candidates": list(meant.candidates)}
        order = next((each for each in orders if each["_id"] == meant.order), None)
        if order:
            names = order_names(order)
            words = search_words(payment["external_id"], payment["reference"], payment["wanted"], names)
            changed |= {"order_names": names, "search": words}
        as_read = {"_id": payment["_id"], "rev": payment["rev"]}
        now = {"$currentDate": {"changed_at": {"$type": "timestamp"}}}
        update: Document = {"$set": changed, "$inc": {"rev": 1}, **now}
        found: Any = db.payments.find_one_and_update(as_read, update, return_document=ReturnDocument.AFTER)
        if found is None:
            found = db.payments.find_one({"_id": payment["_id"]})
        else:
            return cast("Payment", found)
        payment = cast("Payment", found)
    raise RuntimeError(f"{payment['_id']!r} kept changing while its order was looked for")


def match_payments(db: Db, orders: Iterable[Order]) -> None:
    """Match the payments that name these orders as they are now."""
    orders_by_key: dict[str, set[str]] = defaultdict(set)
    for order in orders:
        for key in filter(None, order_keys(order)):
            orders_by_key[key].add(order["_id"])
    for payment in db.payments.find({"wanted": {"$in": list(orders_by_key)}}):
        found = set().union(*(orders_by_key.get(key, ()) for key in payment["wanted"]))
        if found != {payment["order"]}:
            match_payment(db, cast("Payment", payment))


def _orders_named(db: Db, wanted: Iterable[str]) -> list[Order]:
    """The orders that have one of the names that a payment wants; a few of other stores may be among them."""
    ways: list[Document] = []
    for store, kind, name in named(wanted):
        if kind == "transaction":
            ways.append({"transaction_id": name})
            continue
        ways.append({"_id": f"{store}:{name}"})
        if words := wanted_contact_words(name):
            ways.append({"search": {"$all": words}, "number": {"$in": [name, f"#{name}"]}})
    if not ways:
        return []
    return cast("list[Order]", list(db.orders.find({"$or": ways}, _NAMES).limit(_MOST_CANDIDATES)))
