"""Which process delivers for a subscription: the one that has its lease. All times are those of the database's clock,
so clocks of machines may differ."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any, cast

from pymongo.collection import Collection as Stored

from pos_api.database.client import DURABLE, Db
from pos_api.outbox.collections import subscriptions
from pos_api.outbox.delivering.queue import Held
from pos_api.outbox.model import Subscription

SECONDS = 30.0
"""How long a lease lasts that nobody renews."""
RENEW_EVERY = 5.0

_UNTIL = {"$add": ["$$NOW", int(SECONDS * 1000)]}
_FREE = ({"lease": {"$exists": False}}, {"$expr": {"$lt": ["$lease.until", "$$NOW"]}})


def take(db: Db, holder: str, wanted: Collection[str]) -> list[Held]:
    """Take the leases of those of these subscriptions that are active and that nobody else has; two round trips. A
    lease that this process has without knowing it, as an answer was lost, is taken anew."""
    began = time.monotonic()
    lease = {"holder": holder, "token": {"$add": [{"$ifNull": ["$lease.token", 0]}, 1]}, "until": _UNTIL}
    free = {"_id": {"$in": list(wanted)}, "active": True, "$or": [*_FREE, {"lease.holder": holder}]}
    if not _durable(db).update_many(free, [{"$set": {"lease": lease}}]).modified_count:
        return []
    return [Held(each, each["lease"]["token"], began + SECONDS) for each in _own(db, holder, wanted)]


def renew(db: Db, holder: str, held: Collection[str]) -> dict[str, float]:
    """Renew these leases; returns those that this process still has, each with when it ends (`time.monotonic()`)."""
    began = time.monotonic()
    own = {"_id": {"$in": list(held)}, "lease.holder": holder}
    _durable(db).update_many(own, [{"$set": {"lease.until": _UNTIL}}])
    return dict.fromkeys((each["_id"] for each in _own(db, holder, held)), began + SECONDS)


def give_back(db: Db, holder: str, tokens: Mapping[str, int]) -> None:
    """Let others deliver for these subscriptions at once, but for one whose lease this process has taken anew; the
    token stays, so that it grows on."""
    if tokens:
        own = [{"_id": each, "lease.holder": holder, "lease.token": token} for each, token in tokens.items()]
        _durable(db).update_many({"$or": own}, [{"$set": {"lease.until": "$$NOW", "lease.holder": ""}}])


def _own(db: Db, holder: str, among: Collection[str]) -> list[Subscription]:
    return list(_durable(db).find({"_id": {"$in": list(among)}, "lease.holder": holder}))


def _durable(db: Db) -> Stored[Subscription]:
    return cast("Stored[Any]", subscriptions(db)).with_options(write_concern=DURABLE)
