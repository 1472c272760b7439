"""Events, subscriptions and deliveries as people look for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

from pymongo.collection import Collection

from pos_api.database.client import Db, Document
from pos_api.errors import NotFound
from pos_api.outbox.collections import deliveries, events, subscriptions
from pos_api.outbox.event_types import types_of
from pos_api.outbox.model import DeliveryState, StoredDelivery, StoredEvent, Subscription

MOST_BACKLOG = 10_000
"""A backlog is counted up to here."""

Position: TypeAlias = tuple[datetime, str]
"""After which row a page starts: the time that is sorted by, and the `_id`."""
Row = TypeVar("Row", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; None leaves a filter out. `type` may be a pattern (`order.*`); the times are when they came into
    the outbox."""

    type: str | None = None
    resource: str | None = None
    store: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries of a subscription; None leaves a filter out. The times are when they were begun."""

    state: DeliveryState | None = None
    type: str | None = None
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def find_events(db: Db, wanted: EventFilter, limit: int, after: Position | None = None) -> list[StoredEvent]:
    """Events, the newest first."""
    query = {"type": _types(wanted.type), "resource": wanted.resource, "store": wanted.store}
    return _newest_first(events(db), "written_at", query, (wanted.since, wanted.until), limit, after)


def get_event(db: Db, identifier: str) -> StoredEvent:
    """One event, by its id as it is stored or as it is sent. Raises NotFound."""
    found = events(db).find_one({"_id": {"$in": _event_ids(identifier)}})
    if found is None:
        raise NotFound("There is no such event; those that somebody wanted are kept for EVENT_DAYS.")
    return found


def find_deliveries(
    db: Db, subscription: str, wanted: DeliveryFilter, limit: int, after: Position | None = None
) -> list[StoredDelivery]:
    """A subscription's deliveries, the newest first."""
    query = {
        "subscription": subscription,
        "state": wanted.state,
        "type": _types(wanted.type),
        "event": wanted.event and {"$in": _event_ids(wanted.event)},
    }
    return _newest_first(deliveries(db), "created_at", query, (wanted.since, wanted.until), limit, after)


def event_of(db: Db, delivery: StoredDelivery) -> StoredEvent | None:
    """The event of a delivery; None where it is no longer kept."""
    return events(db).find_one({"_id": delivery["event"]})


def get_delivery(db: Db, subscription: str, identifier: str) -> StoredDelivery:
    """One delivery of a subscription. Raises NotFound."""
    found = deliveries(db).find_one({"_id": identifier, "subscription": subscription})
    if found is None:
        raise NotFound("The subscription has no such delivery.")
    return found


def find_subscriptions(
    db: Db, limit: int, after: Position | None = None, *, skip: int = 0, application: str | None = None
) -> list[Subscription]:
    """Subscriptions, the newest first, but for the first `skip`; with `application` those that the application of this
    store made."""
    query = {"application": application}
    return _newest_first(subscriptions(db), "created_at", query, (None, None), limit + skip, after)[skip:]


def count_subscriptions(db: Db, application: str | None = None) -> int:
    """How many there are; with `application` how many the application of this store made."""
    return subscriptions(db).count_documents({"application": application} if application else {})


def backlog(db: Db, subscription: str) -> int:
    """How many deliveries wait for a subscription, MOST_BACKLOG where it is that many or more."""
    waiting = {"subscription": subscription, "due_at": {"$exists": True}}
    return deliveries(db).count_documents(waiting, limit=MOST_BACKLOG)


def _event_ids(identifier: str) -> list[str]:
    """What an event's id may be stored as, of which some letters are encoded when it is sent (`webhook_id`)."""
    return [identifier, unquote(identifier)]


def _types(pattern: str | None) -> Document | str | None:
    if pattern is None or pattern == "*":
        return None
    types = types_of(pattern)
    return types[0] if len(types) == 1 else {"$in": types}


def _newest_first(
    collection: Collection[Row],
    moment: str,
    query: Mapping[str, Any],
    bounds: tuple[datetime | None, datetime | None],
    limit: int,
    after: Position | None,
) -> list[Row]:
    """Rows that match what of the `query` is not None, from and up to these times."""
    asked: Document = {name: value for name, value in query.items() if value is not None}
    since, until = bounds
    times = {operator: bound for operator, bound in (("$gte", since), ("$lte", until)) if bound is not None}
    if after is not None:
        at, identifier = after
        times["$lte"] = min(at, times.get("$lte", at))
        asked["$or"] = [{moment: {"$lt": at}}, {moment: at, "_id": {"$lt": identifier}}]
    if times:
        asked[moment] = times
    return list(collection.find(asked).sort([(moment, -1), ("_id", -1)]).limit(limit))
