"""How far the sending of stock to stores is behind, for `/metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.stock import ledger
from pos_api.stock.store_sync import UNSENT, UNSENT_BY_AGE, refusals, states


def figures(db: Db) -> Mapping[str, Mapping[str, float]]:
    """Of each store with stock sync on: how many movements wait for it, the age of the oldest in seconds, how many
    requests have failed since the last that was answered, and of how many products it did not take a movement."""
    found = states(db).find({"on": True}, {"failures": 1}).sort("_id", 1)
    return {
        each["_id"]: {
            "waiting": ledger.movements(db).count_documents({"unsent.store": each["_id"]}, hint=UNSENT),
            "oldest_waiting_seconds": _oldest_age(db, each["_id"]),
            "failures": each.get("failures", 0),
            "refusals": refusals(db).count_documents({"store": each["_id"]}),
        }
        for each in found
    }


def _oldest_age(db: Db, store: str) -> float:
    waiting = {"unsent.store": store}
    oldest = ledger.movements(db).find_one(waiting, {"at": 1}, sort=[("at", 1)], hint=UNSENT_BY_AGE)
    return max((now() - oldest["at"]) / timedelta(seconds=1), 0.0) if oldest else 0.0
