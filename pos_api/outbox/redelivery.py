"""Deliveries are sent once more because somebody asks for it. They wait neither for their next attempt nor for the
circuit breaker; of a resource they still come in their order, so those before them are attempted first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.cursor import Cursor

from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.errors import NotFound
from pos_api.outbox import wakeup
from pos_api.outbox.collections import deliveries, events, subscriptions
from pos_api.outbox.model import StoredEvent, Subscription, delivery_id, lane_of, made_due, matches

MOST_AT_ONCE = 10_000
"""Events that one replay looks at, so that whoever asks for it is answered within seconds."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events are sent again, and from when on events are left for another replay; None where none are."""

    resent: int
    left_from: datetime | None


def resend(db: Db, identifier: str) -> None:
    """Send an event again, whatever became of its delivery, with all attempts of the schedule. Raises NotFound where
    there is no such delivery, or its event is no longer kept."""
    found = deliveries(db).find_one({"_id": identifier}, {"event": 1, "subscription": 1, "resource": 1})
    if found is None:
        raise NotFound("There is no such delivery.")
    if events(db).find_one({"_id": found["event"]}, {"_id": 1}) is None:
        raise NotFound("The event is no longer kept.")
    lane = lane_of(found["subscription"], found["resource"])
    deliveries(db).update_one({"_id": identifier}, _begun_anew(lane, now()))
    _make_due(db, [lane])
    _end_pause(db, found["subscription"])
    wakeup.published()


def replay(
    db: Db, subscription_id: str, since: datetime | None, until: datetime | None = None, *, missing: bool
) -> Replayed:
    """Send the kept events again that came into the outbox in that time and that the subscription wants, also those
    from before there was one; with `missing` only those that it has not received. It looks at the first MOST_AT_ONCE
    events of that time, and at those that came at the same moment as the last of them. Raises NotFound."""
    subscription = subscriptions(db).find_one({"_id": subscription_id})
    if subscription is None:
        raise NotFound("There is no such subscription.")
    asked: Document = {} if since is None else {"$gte": since}
    asked |= {} if until is None else {"$lte": until}
    left_from = _left_from(db, asked)
    count = 0
    for batch in in_batches(
        _wanted(db, subscription, asked if left_from is None else {**asked, "$lt": left_from}), _BATCH
    ):
        count += _send_again(db, subscription_id, batch, missing=missing)
    _end_pause(db, subscription_id)
    wakeup.published()
    return Replayed(count, left_from)


def due_now(db: Db, subscription_id: str) -> None:
    """Make all that waits for a subscription due now, and end a pause of its circuit breaker. Attempts that were made
    count. What is due already, which may be much, is not written."""
    moment = now()
    deliveries(db).update_many({"subscription": subscription_id, "due_at": {"$gt": moment}}, made_due(moment))
    _end_pause(db, subscription_id)
    wakeup.published()


def _left_from(db: Db, bounds: Document) -> datetime | None:
    """When the first event came that is more than may be looked at; None where all of that time may be."""
    last = _times(db, bounds).skip(MOST_AT_ONCE - 1).limit(1)
    for found in last:
        for later in _times(db, {**bounds, "$gt": found["written_at"]}).limit(1):
            return later["written_at"]
    return None


def _times(db: Db, bounds: Document) -> Cursor[StoredEvent]:
    asked = {"written_at": bounds} if bounds else {}
    return events(db).find(asked, {"written_at": 1}).sort([("written_at", 1), ("_id", 1)])


def _wanted(db: Db, subscription: Subscription, bounds: Document) -> Iterator[StoredEvent]:
    """Events of that time that match the subscription, in the order in which they came."""
    fields = ("type", "store", "resource", "position")
    asked = {"written_at": bounds} if bounds else {}
    for event in events(db).find(asked, dict.fromkeys(fields, 1)).sort([("written_at", 1), ("_id", 1)]):
        of_store = not subscription["stores"] or event["store"] in subscription["stores"]
        if of_store and any(matches(pattern, event["type"]) for pattern in subscription["events"]):
            yield event


def _send_again(db: Db, subscription: str, batch: Sequence[StoredEvent], *, missing: bool) -> int:
    """Begin the deliveries of these events anew, and make those that there are not."""
    received: set[str] = set()
    if missing:
        ids = [delivery_id(subscription, event["_id"]) for event in batch]
        done = deliveries(db).find({"_id": {"$in": ids}, "state": "succeeded"}, {"event": 1})
        received = {each["event"] for each in done}
    moment = now()
    steps: list[Any] = []
    for event in batch:
        if event["_id"] not in received:
            anew = _begun_anew(lane_of(subscription, event["resource"]), moment)
            anew["$setOnInsert"] = _new(subscription, event, moment)
            steps.append(UpdateOne({"_id": delivery_id(subscription, event["_id"])}, anew, upsert=True))
    if steps:
        deliveries(db).bulk_write(steps)
        _make_due(db, [lane_of(subscription, event["resource"]) for event in batch])
    return len(steps)


def _make_due(db: Db, lanes: Sequence[str]) -> None:
    """Make all due that waits in these lanes: what comes first there holds back the rest."""
    deliveries(db).update_many({"lane": {"$in": list(lanes)}}, made_due(now()))


def _begun_anew(lane: str, moment: datetime) -> Document:
    return {
        "$set": {"state": "waiting", "due_at": moment, "lane": lane, "attempts": 0},
        "$unset": {"ended_at": "", "held": ""},
    }


def _new(subscription: str, event: StoredEvent, moment: datetime) -> Document:
    fields = {name: event[name] for name in ("type", "store", "resource", "position")}
    return {**fields, "subscription": subscription, "event": event["_id"], "created_at": moment, "log": []}


def _end_pause(db: Db, subscription: str) -> None:
    """The process that delivers takes this over, as it does all changes of a subscription."""
    paused = {"_id": subscription, "paused_until": {"$exists": True}}
    subscriptions(db).update_one(paused, {"$set": {"paused_until": now(), "updated_at": now()}})
