"""What customers have spent, by currency, of the orders that count."""

from __future__ import annotations

from collections.abc import Collection

from pos_api.common.money import decimal
from pos_api.database.client import Db, Document
from pos_api.figures.measures import COUNTED

MOST_ADDED_UP = 1_000
"""Orders of a customer that a list adds up: the one that a till uses for whoever walks in may have half a million."""
MOST_OF_ONE = 10_000
"""Orders that are added up where only one customer is looked at."""


def with_many_orders(db: Db, customers: Collection[str]) -> set[str]:
    """Those of these customers who have more than MOST_ADDED_UP orders."""
    orders = {"from": "orders", "localField": "_id", "foreignField": "customer", "as": "orders"}
    counted: list[Document] = [{"$limit": MOST_ADDED_UP + 1}, {"$count": "number"}]
    found = db.customers.aggregate(
        [
            {"$match": {"_id": {"$in": list(customers)}}},
            {"$lookup": {**orders, "pipeline": counted}},
            {"$match": {"orders.number": {"$gt": MOST_ADDED_UP}}},
            {"$project": {"_id": 1}},
        ]
    )
    return {each["_id"] for each in found}


def spent_by(db: Db, customers: Collection[str]) -> dict[str, list[Document]]:
    """What each of these customers has spent, as `spent` has it, in one query; those without a counted order are
    absent."""
    found: dict[str, list[Document]] = {}
    grouped = {"customer": "$customer", "currency": {"$ifNull": ["$currency", ""]}}
    for each in db.orders.aggregate(_spending({"customer": {"$in": list(customers)}}, grouped)):
        row = _spent(each, each["_id"]["currency"])
        found.setdefault(each["_id"]["customer"], []).append(row)
    return found


def spent(db: Db, customer: str) -> list[Document] | None:
    """What a customer has spent, by currency: `orders_count` of the counted orders, `total_spent` less refunds; None
    where there are more than MOST_OF_ONE orders."""
    newest_first = [("customer", 1), ("created_at", -1), ("_id", -1)]
    if db.orders.count_documents({"customer": customer}, limit=MOST_OF_ONE + 1, hint=newest_first) > MOST_OF_ONE:
        return None
    found = db.orders.aggregate(_spending({"customer": customer}, {"$ifNull": ["$currency", ""]}))
    return [_spent(each, each["_id"]) for each in found]


def _spending(orders: Document, grouped: Document) -> list[Document]:
    return [
        {"$match": orders | COUNTED},
        {
            "$group": {
                "_id": grouped,
                "orders_count": {"$sum": 1},
                "total": {"$sum": "$total"},
                "refunded": {"$sum": {"$sum": "$refunds.amount"}},
            }
        },
        {"$sort": {"_id": 1}},
    ]


def _spent(group: Document, currency: str) -> Document:
    return {
        "currency": currency,
        "orders_count": group["orders_count"],
        "total_spent": decimal(group["total"]) - decimal(group["refunded"]),
    }
