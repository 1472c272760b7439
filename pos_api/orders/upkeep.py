"""Stored orders, brought to what is kept of orders now: after an upgrade, and when the setting ORDER_META has changed.

`upkeep` has one document, `orders`: what the last pass went by (`wanted`), and the last order it came to; none once it
has come to the end. A pass that a crash cut short goes on where it was; two at once do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias, cast

from pymongo import UpdateOne

from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.orders.model import Order
from pos_api.orders.status import closed_at

_VERSION = 2
"""To be raised with what is kept of an order, so that all are looked at once more."""
_BATCH = 500
_NEEDED = dict.fromkeys(
    (
        *("store", "rev", "meta", "order_key", "stage", "deleted_at", "erased_at", "closed_at"),
        *("created_at", "hour"),
    ),
    1,
)


KeptMeta: TypeAlias = Callable[[str, list[Document]], list[Document]]
"""Which entries of an order's meta data are kept, from its store and all that it has."""
LocalHour: TypeAlias = Callable[[str, datetime], int]
"""The hour of a moment on the clock of a store, which is named by its id."""


def run(
    db: Db,
    config: Config,
    kept_meta: KeptMeta,
    local_hour: LocalHour,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Go over all orders, in the order of their ids, unless that was done; `stopping` is asked before each batch.
    `kept_meta` is the rule of each store's sender, `local_hour` the clock of each store."""
    wanted = {"version": _VERSION, "order_meta": sorted(config.order_meta)}
    state = db.upkeep.find_one({"_id": "orders"}) or {}
    last: str | None = state.get("last") if state.get("wanted") == wanted else ""
    while last is not None and not stopping():
        last = _next_batch(db, kept_meta, local_hour, last, wanted)


@at_one_primary
def _next_batch(db: Db, kept_meta: KeptMeta, local_hour: LocalHour, after: str, wanted: Document) -> str | None:
    """Tidy the next batch, note how far that got, and return it, as `_tidy` does."""
    last = _tidy(db, kept_meta, local_hour, after)
    ensure_one_term(db)
    db.upkeep.update_one({"_id": "orders"}, {"$set": {"wanted": wanted, "last": last}}, upsert=True)
    return last


def _tidy(db: Db, kept_meta: KeptMeta, local_hour: LocalHour, last: str) -> str | None:
    """Tidy the next batch after `last`, and return its last order; None when there was none. An order that is saved by
    somebody else meanwhile is looked at again: its batch is done once more."""
    fields = {**_NEEDED, "status_history": {"$slice": -1}}
    batch = list(db.orders.find({"_id": {"$gt": last}}, fields).sort("_id", 1).limit(_BATCH))
    changes = [change for order in batch if (change := _change(order, kept_meta, local_hour))]
    if changes and db.orders.bulk_write(changes, ordered=False).matched_count < len(changes):
        return last
    return batch[-1]["_id"] if batch else None


def _change(order: Document, kept_meta: KeptMeta, local_hour: LocalHour) -> UpdateOne | None:
    """What brings an order to what is kept; None where it is so. Its `rev` stays, as nothing of the shop's changes."""
    changed: dict[str, Any] = {}
    removed: dict[str, str] = {}
    if "meta" in order and (meta := kept_meta(order["store"], order["meta"])) != order["meta"]:
        changed["meta"] = meta
    if "order_key" in order:
        removed["order_key"] = ""
    at = closed_at(cast("Order", order))
    if at and order.get("closed_at") != at:
        changed["closed_at"] = at
    dates: dict[str, Any] = {}
    if "hour" not in order:
        changed["hour"] = local_hour(order["store"], order["created_at"])
        dates["changed_at"] = {"$type": "timestamp"}  # figures count it again
    update = {name: each for name, each in (("$set", changed), ("$unset", removed), ("$currentDate", dates)) if each}
    return UpdateOne({"_id": order["_id"], "rev": order["rev"]}, update) if update else None
