"""Reading and writing stored orders. A save is guarded by `rev`: it fails where somebody else saved the order first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from bson import Timestamp
from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from pos_api.database.client import Db, Document
from pos_api.database.primary_term import ensure_one_term
from pos_api.database.write_errors import only_collisions
from pos_api.orders.model import Order

SAVE_ATTEMPTS = 50
"""So often an order is merged and saved anew because somebody else saved it first."""
_SERVER_TIME = Timestamp(0, 0)
"""MongoDB fills in its own time on inserts."""


def orders(db: Db) -> Collection[Order]:
    """The collection of stored orders."""
    return cast("Collection[Order]", db.orders)


def read_orders(db: Db, keys: list[str]) -> dict[str, Order]:
    """The stored orders of these `_id`s, by `_id`; of none it asks nothing."""
    return {order["_id"]: order for order in orders(db).find({"_id": {"$in": keys}})} if keys else {}


def write_orders(db: Db, changes: Iterable[tuple[Order | None, Order]]) -> set[str]:
    """Save these orders, each as it was and as it is to be; returns the `_id`s of those that someone else saved first.

    A new one collides on its `_id`. For a stored one the filter names the rev the change was made from: where that has
    changed it does not match, the upsert tries to insert, and collides too. So the bulk write says per order who lost.
    """
    changes = list(changes)
    if not changes:
        return set()
    ensure_one_term(db)  # or a part of an order that is lost may be saved as if it was all
    try:
        db.orders.bulk_write([_operation(before, after) for before, after in changes], ordered=False)
    except BulkWriteError as error:
        return {changes[index][1]["_id"] for index in only_collisions(error)}
    return set()


def _operation(before: Order | None, after: Order) -> InsertOne[Document] | UpdateOne:
    if before is None:
        return InsertOne({**after, "changed_at": _SERVER_TIME})
    old, new = cast("Document", before), cast("Document", after)
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    removed = {name: "" for name in old if name not in new}
    update: dict[str, Any] = {"$set": changed, "$currentDate": {"changed_at": {"$type": "timestamp"}}}
    if removed:
        update["$unset"] = removed
    return UpdateOne({"_id": after["_id"], "rev": before["rev"]}, update, upsert=True)
