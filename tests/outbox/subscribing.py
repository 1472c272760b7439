"""Subscriptions that nobody delivers to: what they want is marked and published."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pos_api.database.client import Db
from pos_api.outbox.interest import interest_of


def subscribe(db: Db, *events: str, stores: Iterable[str] = (), known_to: Iterable[Db] = ()) -> None:
    """Add a subscription to these types of events, known at once to this handle of the database and the others."""
    name = f"sub_{db.webhook_subscriptions.count_documents({})}"
    db.webhook_subscriptions.insert_one({"_id": name, "events": [*events], "stores": [*stores]})
    for each in (db, *known_to):
        interest_of(each).refresh()


def published(db: Db, resource: str = "") -> list[dict[str, Any]]:
    """The events in the outbox whose resource begins so, by resource in their order, with their data as JSON."""
    found = db.outbox.find({"resource": {"$regex": f"^{resource}"}}).sort([("resource", 1), ("position", 1)])
    return [{**event, "data": json.loads(event["data"])} for event in found]


def ids(db: Db, resource: str = "") -> list[str]:
    """The ids of those."""
    return [event["_id"] for event in published(db, resource)]


def assert_nothing_is_left(db: Db) -> None:
    """No document is marked with an event that is not published."""
    for name in ("orders", "stock_movements"):
        assert db[name].count_documents({"unpublished.at": {"$exists": True}}) == 0, name
