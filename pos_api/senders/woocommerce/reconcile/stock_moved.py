"""What moved here and not in the shop, from the ledger: it explains where the stock of the two differs."""

from __future__ import annotations

from typing import Any

from pos_api.catalogue.stock_management import MANAGED_AGAIN
from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Db, Document
from pos_api.stock.store_sync import ALIGNED, STORE_ALIGNED

_HERE, _OTHER_STORES = "counted, sold or adjusted here", "orders of other stores"
_NOT_TAKEN = {
    "refused": "refused by the shop",
    "unknown": "not known to the shop",
    "not_managed": "sent while the shop kept no stock of it",
    "not_sold": "not sold in the shop",
}


def moved_here(db: Db, store: str, product: str) -> dict[str, Quantity]:
    """Units by cause that moved here and not in the shop, since both were last the same. What the shop has still to be
    sent is not among them, nor what it was sent and has done; what it has not done is, with its reason."""
    both_same = {
        "sku": product,
        "$or": [{"reason": MANAGED_AGAIN}, {"reason": {"$in": [ALIGNED, STORE_ALIGNED]}, "cause": f"store:{store}"}],
    }
    start = db.stock_movements.find_one(both_same, {"seq": 1, "reason": 1}, sort=[("seq", -1)])
    first = 2 if start is None else start["seq"] + (start["reason"] != STORE_ALIGNED)
    units: dict[str, Quantity] = {}
    for each in db.stock_movements.aggregate(_sums(store, product, first)):
        cause = _cause(each["_id"])
        units[cause] = whole(units.get(cause, 0) + each["units"])
    return units


def _sums(store: str, product: str, first: int) -> list[Document]:
    """The pipeline that sums up the movements of a product from number `first` on, by what became of them."""
    order_of = {"$ifNull": [{"$first": {"$split": ["$order", ":"]}}, ""]}
    marks: Any = {"$concatArrays": [{"$ifNull": ["$sent", []]}, {"$ifNull": ["$unsent", []]}]}
    mark = {"$first": {"$filter": {"input": marks, "cond": {"$eq": ["$$this.store", store]}}}}
    return [
        {"$match": {"sku": product, "seq": {"$gte": first}}},
        {"$project": {"quantity": 1, "store_quantity": 1, "by": order_of, "mark": mark}},
        {"$match": {"by": {"$ne": store}, "mark.outcome": {"$ne": "applied"}}},
        # a mark without an outcome is of what has still to be sent
        {"$match": {"$or": [{"mark.outcome": {"$exists": True}}, {"mark": {"$exists": False}}]}},
        {
            "$group": {
                "_id": {"by_order": {"$ne": ["$by", ""]}, "outcome": "$mark.outcome", "message": "$mark.message"},
                "units": {"$sum": {"$cond": ["$mark", {"$ifNull": ["$store_quantity", "$quantity"]}, "$quantity"]}},
            }
        },
    ]


def _cause(group: Document) -> str:
    outcome, message = group.get("outcome"), group.get("message")
    if outcome not in _NOT_TAKEN:
        return _OTHER_STORES if group["by_order"] else _HERE
    return f"{_NOT_TAKEN[outcome]} ({message.removesuffix('.')})" if message else _NOT_TAKEN[outcome]
