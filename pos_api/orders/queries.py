"""Orders as people read them: lists by filter, newest first, and one with all that happened to it.

Every filter alone stays on an index that already has the list's order, so a page costs its rows, however many orders
there are; so do status and store together. Of other filters a page goes through the orders of the one that fewest fit,
and looks at a number of them only (`database.reach`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from pos_api.catalogue import queries as products
from pos_api.common.warning_messages import EventWarning, from_stored
from pos_api.database import reach
from pos_api.database.client import Db, Document
from pos_api.database.reach import Position
from pos_api.errors import Conflict, NotFound
from pos_api.orders import presentation
from pos_api.orders.filtering import NEWEST_FIRST, Filter, query_by, query_of, ways_of, with_id

_PRODUCTS = (("held", "sku"), ("movements", "sku"), ("line_items", "product"))
"""Where an order names products by their `_id`."""

MOST_STATUSES = 100


def find(db: Db, wanted: Filter, limit: int, after: Position | None = None) -> tuple[list[Document], Position | None]:
    """Up to `limit` orders, newest first, from `after` on (`created_at` and `_id` of an order); and after which order
    there may be more, None where there are none. With several filters that may be so with fewer orders, or none."""
    query = query_of(db, wanted)
    found, last = reach.find(_listed(db), ways_of(db, query), partial(query_by, query), limit, after)
    return under_current_skus(db, list(map(presentation.in_list, found))), last


def stream(db: Db, wanted: Filter, read: Mapping[str, Any]) -> Iterator[Document]:
    """All orders that match, newest first, as they are stored, of each what `read` names; read as they are taken."""
    query = query_of(db, wanted)
    way = reach.rarest(_listed(db), ways_of(db, query))
    with db.orders.find(query_by(query, way), read).sort(NEWEST_FIRST).hint(way.index).batch_size(500) as cursor:
        yield from cursor


def _listed(db: Db) -> reach.List:
    return reach.List(db.orders, "created_at", presentation.LISTED)


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
    query = {"deleted_at": None, "customer": customer}
    cursor = db.orders.find(query, presentation.LISTED).sort(NEWEST_FIRST).hint([("customer", 1), *NEWEST_FIRST])
    return under_current_skus(db, list(map(presentation.in_list, cursor.limit(limit))))


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
