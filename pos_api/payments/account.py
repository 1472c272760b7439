"""An order's account: its payments, what is paid and owed of it, and where that contradicts what its shop says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import cast

from pos_api.common.money import ZERO, decimal128
from pos_api.database.client import Db, Document
from pos_api.database.reach import Position
from pos_api.orders.model import Order
from pos_api.payments import queries
from pos_api.payments.balance import Balance, Provider, balance, discrepancies

_READ = dict.fromkeys(
    (
        *("store", "stage", "counts_as_sale", "deleted_at", "received_at"),
        *("total", "tip", "currency", "refunds", "paid_at"),
        *("completed_at", "transaction_id", "payment_method", "payment_method_title", "test_mode", "tab", "parent"),
    ),
    1,
)
"""What of an order its account is worked out from."""
MOST_EXAMINED = 1_000
_AT_ONCE = 200


def of_order(db: Db, order: str, providers: Mapping[str, Provider], moment: datetime) -> Document:
    """`payments`, `paid`, `owed` and `discrepancies` of a stored order (its `_id`) at this moment. `providers` are the
    stores that take payments for its store."""
    stored = cast("Order", db.orders.find_one({"_id": order}, _READ))
    payments = queries.of_order(db, order)
    return {"payments": queries.shown(db, payments), **_texts(balance(stored, payments, providers, moment))}


def of_orders(
    db: Db, orders: Iterable[str], providers: Mapping[str, Mapping[str, Provider]], moment: datetime
) -> dict[str, Document]:
    """`paid`, `owed` and `discrepancies` of these stored orders (by `_id`) at this moment, in three queries.
    `providers` are those of each of their stores."""
    keys = list(orders)
    payments = queries.of_orders(db, keys)
    found = cast("Iterable[Order]", db.orders.find({"_id": {"$in": keys}}, _READ))
    return {
        order["_id"]: _texts(balance(order, payments.get(order["_id"], ()), providers[order["store"]], moment))
        for order in found
    }


def contradicting(
    db: Db,
    providers: Mapping[str, Mapping[str, Provider]],
    bounds: Mapping[str, datetime],
    limit: int,
    after: Position | None,
    moment: datetime,
) -> tuple[list[Document], Position | None]:
    """Orders whose payments contradict their shop, those made last first, from `after` on: up to `limit`, and of at
    most MOST_EXAMINED orders that are looked at. And where to go on: after the last that was looked at; None at the
    end.

    `providers` are those of each store whose orders are looked at; `bounds` are operators on when orders were made.
    """
    rows: list[Document] = []
    for _ in range(MOST_EXAMINED // _AT_ONCE):
        orders = _orders(db, providers, bounds, after)
        payments = queries.of_orders(db, [order["_id"] for order in orders])
        for order in orders:
            after = (order["created_at"], order["_id"])
            worked_out_from = order, payments.get(order["_id"], ()), providers[order["store"]], moment
            if discrepancies(*worked_out_from):
                rows.append(_row(order, balance(*worked_out_from)))
            if len(rows) == limit:
                return rows, after
        if len(orders) < _AT_ONCE:
            return rows, None
    return rows, after


def all_contradicting(
    db: Db, providers: Mapping[str, Mapping[str, Provider]], bounds: Mapping[str, datetime], moment: datetime
) -> Iterator[Document]:
    """All orders whose payments contradict their shop, those made last first, read as they are taken."""
    after: Position | None = None
    while True:
        rows, after = contradicting(db, providers, bounds, _AT_ONCE, after, moment)
        yield from rows
        if after is None:
            return


def _orders(db: Db, stores: Iterable[str], bounds: Mapping[str, datetime], after: Position | None) -> list[Order]:
    query: Document = {"store": {"$in": list(stores)}}
    made = dict(bounds)
    if after is not None:
        made["$lte"] = min(after[0], made.get("$lte", after[0]))
        query["$nor"] = [{"created_at": after[0], "_id": {"$gte": after[1]}}]
    if made:
        query["created_at"] = made
    read = {**_READ, "created_at": 1, "order_id": 1, "number": 1}
    found = db.orders.find(query, read).sort([("created_at", -1), ("_id", -1)]).limit(_AT_ONCE)
    return cast("list[Order]", list(found))


def _row(order: Order, found: Balance) -> Document:
    return {
        "order": order["_id"],
        "store": order["store"],
        "number": order.get("number") or str(order["order_id"]),
        "created_at": order["created_at"],
        "currency": order.get("currency", ""),
        "total": order.get("total", ZERO),
        **_texts(found),
    }


def _texts(found: Balance) -> Document:
    return {
        "paid": decimal128(found.paid),
        "owed": decimal128(found.owed),
        "discrepancies": [
            {"code": each.code, "message": each.message, "values": dict(each.values)} for each in found.discrepancies
        ],
    }
