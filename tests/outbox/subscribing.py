"""Subscriptions that nobody delivers to: what they want is marked and published."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pos_api.database.client import Db
from pos_api.outbox.interest import interest_of
from pos_api.stock.model import is_event
from tests.waiting import wait_until


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


def wait_until_nothing_is_left(db: Db) -> None:
    """Wait for a worker's thread, which writes deliveries and clears marks soon after the answer."""
    wait_until(lambda: not db.orders.count_documents({"unpublished.at": {"$exists": True}}))
    assert_nothing_is_left(db)


def assert_nothing_is_left(db: Db) -> None:
    """No document is marked with an event that is not published."""
    for name in ("orders", "stock_movements"):
        assert db[name].count_documents({"unpublished.at": {"$exists": True}}) == 0, name


def assert_events_are_complete(db: Db) -> None:
    """Each revision of each order is in the outbox as it was, and each movement of stock as the ledger has it. Each
    came after the earlier ones of its resource and has its delivery; no mark is left."""
    orders = {f"{each['_id']}:{rev}" for each in db.orders.find() for rev in range(1, each["rev"] + 1)}
    events = published(db, "order:")
    assert {f"{event['data']['id']}:{event['data']['rev']}" for event in events} == orders
    for event in events:
        assert event["_id"].startswith(f"order:{event['data']['id']}:{event['data']['rev']}"), event["_id"]
        assert event["position"] // 8 == event["data"]["rev"]
    moved = {f"stock:{each['sku']}:{each['seq']}": each for each in db.stock_movements.find() if is_event(each)}  # type: ignore[arg-type]
    changed = {event["_id"]: event["data"] for event in published(db, "stock:") if event["type"] == "stock.changed"}
    assert changed.keys() == moved.keys()
    for id, data in changed.items():
        assert {name: data[name] for name in _OF_MOVEMENT} == {name: moved[id].get(name) for name in _OF_MOVEMENT}
    _assert_in_order(db)
    deliveries = {each["event"] for each in db.webhook_deliveries.find()}
    assert deliveries == {each["_id"] for each in db.outbox.find({}, {"_id": 1})}
    assert_nothing_is_left(db)


_OF_MOVEMENT = ("seq", "quantity", "balance", "reason", "order")


def _assert_in_order(db: Db) -> None:
    last: dict[str, int] = {}
    for event in db.outbox.find({}, {"resource": 1, "position": 1}).sort("$natural", 1):
        assert last.get(event["resource"], -1) < event["position"], event["_id"]
        last[event["resource"]] = event["position"]
