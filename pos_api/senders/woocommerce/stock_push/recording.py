"""What became of movements at a store is written to the ledger. Done again, it changes nothing that it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pymongo import UpdateOne

from pos_api.common.quantity import Quantity
from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.stock import ledger
from pos_api.stock.model import Movement, SentMark, StoredStockRefusal, SyncOutcome
from pos_api.stock.store_sync import refusals

_NOT_TAKEN = frozenset({"refused", "unknown", "not_managed"})


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a movement at a store; `asked` is whether the store has said it."""

    movement: Movement
    outcome: SyncOutcome
    quantity: Quantity | None = None
    message: str = ""
    asked: bool = True


def record(db: Db, store: str, results: Sequence[Result]) -> None:
    """Note what became of these movements, and that the store need not be sent them any more. A product of which it
    did not take one is noted first, so that a crash in between loses nothing. Raises PyMongoError."""
    refused = [each for each in results if each.asked and each.outcome in _NOT_TAKEN]
    if refused:
        refusals(db).bulk_write([_refusal(store, each) for each in refused])
    if results:
        ledger.movements(db).bulk_write([_sent(store, each) for each in results], ordered=False)


def _sent(store: str, result: Result) -> UpdateOne:
    mark: SentMark = {"store": store, "outcome": result.outcome, "at": now()}
    if result.quantity is not None:
        mark["quantity"] = result.quantity
    if result.message:
        mark["message"] = result.message
    unsent = {"_id": result.movement["_id"], "unsent.store": store}
    return UpdateOne(unsent, {"$pull": {"unsent": {"store": store}}, "$push": {"sent": mark}})


def _refusal(store: str, result: Result) -> UpdateOne:
    product = result.movement["sku"]
    refusal: StoredStockRefusal = {
        "_id": f"{store}:{product}",
        "store": store,
        "product": product,
        "outcome": result.outcome,
        "message": result.message,
        "seq": result.movement["seq"],
        "at": now(),
    }
    return UpdateOne({"_id": refusal["_id"]}, {"$set": refusal}, upsert=True)
