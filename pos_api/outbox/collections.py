"""The collections of the outbox."""

from __future__ import annotations

from typing import cast

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection as Stored

from pos_api.database.client import Db
from pos_api.database.collections import Collection, present
from pos_api.outbox.model import DeletedSubscription, StoredDelivery, StoredEvent, Subscription

_NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]
_WAITING = {"due_at": {"$exists": True}}

COLLECTIONS = (
    Collection("webhook_subscriptions", "who is sent which events, and how their deliveries fare"),
    Collection("webhook_subscriptions_deleted", "which were deleted, until their deliveries are deleted too"),
    Collection(
        "outbox",
        "events for which there was a subscription, for `EVENT_DAYS`",
        (
            IndexModel([("written_at", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("type", ASCENDING), ("written_at", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("resource", ASCENDING), ("written_at", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("store", ASCENDING), ("written_at", DESCENDING), ("_id", DESCENDING)]),
            IndexModel("about"),
            present("answers_due_at"),
        ),
    ),
    Collection(
        "webhook_deliveries",
        "each event for each subscription that wants it, with the attempts to deliver it",
        (
            IndexModel([("subscription", ASCENDING), ("due_at", ASCENDING)], partialFilterExpression=_WAITING),
            IndexModel([("lane", ASCENDING), ("position", ASCENDING)]),  # no partial one: those find no firsts quickly
            IndexModel([("subscription", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("subscription", ASCENDING), ("state", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("subscription", ASCENDING), ("type", ASCENDING), *_NEWEST_FIRST]),
            IndexModel([("event", ASCENDING)]),
        ),
    ),
)


def subscriptions(db: Db) -> Stored[Subscription]:
    """The collection of subscriptions."""
    return cast("Stored[Subscription]", db.webhook_subscriptions)


def deleted_subscriptions(db: Db) -> Stored[DeletedSubscription]:
    """The collection of the ids of subscriptions that were deleted."""
    return cast("Stored[DeletedSubscription]", db.webhook_subscriptions_deleted)


def events(db: Db) -> Stored[StoredEvent]:
    """The collection of events."""
    return cast("Stored[StoredEvent]", db.outbox)


def deliveries(db: Db) -> Stored[StoredDelivery]:
    """The collection of deliveries."""
    return cast("Stored[StoredDelivery]", db.webhook_deliveries)


def unpublished() -> IndexModel:
    """The index by which a domain's documents with unpublished events are found."""
    return present("unpublished.at")
