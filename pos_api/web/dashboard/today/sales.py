"""The latest sales."""

from __future__ import annotations

from pos_api.common.quantity import whole
from pos_api.database.client import Db, Document
from pos_api.figures.measures import COUNTED

SHOWN = 10
_MOST_READ = 500
"""Orders that are looked at for them: many others, such as payments that failed, may have come since."""
_NEWEST_FIRST = {"created_at": -1, "_id": -1}
_READ: Document = {
    **dict.fromkeys(("store", "order_id", "number", "created_at", "status", "currency", "total"), 1),
    "items": {"$sum": "$line_items.quantity"},
}
_NAMES: Document = dict.fromkeys(("billing.first_name", "billing.last_name", "billing.company"), 1)


def latest(db: Db, store: str | None, *, with_names: bool) -> list[Document]:
    """The latest sales of all stores or one, newest first: what is shown of each, with the `buyer` only if that is
    asked for."""
    query = {} if store is None else {"store": store}
    found = db.orders.aggregate(
        [
            {"$match": query},
            {"$sort": _NEWEST_FIRST},
            {"$limit": _MOST_READ},
            {"$match": COUNTED},
            {"$limit": SHOWN},
            {"$project": {**_READ, **(_NAMES if with_names else {})}},
        ]
    )
    return [_shown(each) for each in found]


def latest_order(db: Db, store: str | None) -> Document | None:
    """The latest order of all stores or one, whether it is a sale or not: its `id`, `number` and `status`."""
    query: Document = {"deleted_at": None} if store is None else {"deleted_at": None, "store": store}
    fields = {"order_id": 1, "number": 1, "status": 1}
    found = db.orders.find_one(query, fields, sort=[("created_at", -1), ("_id", -1)])
    if found is None:
        return None
    return {"id": found["_id"], "number": found.get("number") or str(found["order_id"]), "status": found["status"]}


def _shown(order: Document) -> Document:
    billing = order.get("billing", {})
    name = " ".join(filter(None, (billing.get("first_name"), billing.get("last_name"))))
    return {
        "id": order["_id"],
        "store": order["store"],
        "number": order.get("number") or str(order["order_id"]),
        "at": order["created_at"],
        "status": order["status"],
        "items": whole(order["items"]),
        "total": order.get("total"),
        "currency": order.get("currency", ""),
        "buyer": name or billing.get("company", ""),
    }
