"""Reading customers' subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pos_api.database.client import Db
from pos_api.subscriptions.model import Subscription

_NEWEST_FIRST = [("listed_at", -1), ("_id", -1)]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which subscriptions: of a store, in a status, of a customer (the provider's id); None for any."""

    store: str | None = None
    status: str | None = None
    customer: str | None = None

    def query(self) -> dict[str, Any]:
        """As MongoDB is asked for them."""
        wanted = {"store": self.store, "status": self.status, "customer": self.customer}
        return {name: value for name, value in wanted.items() if value is not None}


def find(db: Db, wanted: Filter, limit: int, before: tuple[datetime, str] | None = None) -> list[Subscription]:
    """Up to `limit` subscriptions, those first that began last, from behind the position `before` on: when the last one
    of the page before began, and its id."""
    query = wanted.query()
    if before is not None:
        began, last = before
        query |= {"listed_at": {"$lte": began}, "$nor": [{"listed_at": began, "_id": {"$gte": last}}]}
    found = db.customer_subscriptions.find(query).sort(_NEWEST_FIRST).limit(limit)
    return cast("list[Subscription]", list(found))


def stream(db: Db, wanted: Filter) -> Iterator[Subscription]:
    """All of these subscriptions, in the same order."""
    return cast("Iterator[Subscription]", iter(db.customer_subscriptions.find(wanted.query()).sort(_NEWEST_FIRST)))
