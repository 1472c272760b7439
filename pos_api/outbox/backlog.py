"""How far deliveries are behind, and which subscriptions need somebody to look at them, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.outbox import removal
from pos_api.outbox.collections import deliveries, subscriptions
from pos_api.outbox.delivering.health import is_failing


def figures(db: Db) -> dict[str, float]:
    """How many deliveries wait, the age in seconds of the oldest that waits for an active subscription, and how many
    subscriptions are active, have failed only for a day or longer, and were switched off for that or by 410."""
    moment = now()
    known = list(subscriptions(db).find({}, {"active": 1, "failing_since": 1, "disabled_at": 1}))
    active = [each["_id"] for each in known if each["active"]]
    return {
        "waiting": _waiting(db) if known else 0.0,
        "oldest_waiting_seconds": _oldest_age(db, active),
        "active": len(active),
        "failing": sum(each["active"] and is_failing(each, moment) for each in known),
        "disabled": sum("disabled_at" in each and not each["active"] for each in known),
    }


def _waiting(db: Db) -> float:
    """How many wait, without what is left of deleted subscriptions."""
    left = removal.waiting(db)
    return float(max(deliveries(db).count_documents({"lane": {"$gt": ""}}) - left, 0))


def _oldest_age(db: Db, among: Iterable[str]) -> float:
    ages = [0.0]
    for subscription in among:
        waiting = {"subscription": subscription, "state": "waiting"}
        oldest = deliveries(db).find_one(waiting, {"created_at": 1}, sort=[("created_at", 1), ("_id", 1)])
        if oldest:
            ages.append((now() - oldest["created_at"]) / timedelta(seconds=1))
    return max(ages)
