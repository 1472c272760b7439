"""How attempts ended is written to the database, several at once, and so that it survives a crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import UpdateMany, UpdateOne

from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.outbox.collections import deliveries, subscriptions
from pos_api.outbox.delivering.attempts import Attempted
from pos_api.outbox.delivering.loading import hold
from pos_api.outbox.delivering.queue import Due
from pos_api.outbox.model import LOG_LENGTH, DeliveryState, StoredDelivery, lane_of, made_due

_MADE_DUE_AT_ONCE = 32
"""Of those that a delivery has held back."""


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended and what follows: `due_at` is when the delivery is attempted again, None where it has ended.
    `behind` are those of its lane that were at hand, which are held back. Where it is not `counted`, the schedule goes
    on as if the attempt had not been."""

    subscription: str
    due: Due
    attempted: Attempted
    state: DeliveryState
    due_at: datetime | None = None
    behind: Sequence[Due] = ()
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """An update of a subscription by the process that has its lease under this token."""

    subscription: str
    token: int
    update: Document


def record(db: Db, results: Sequence[Result]) -> bool:
    """Write how these ended, in this order; returns whether others were made due. Done again, it changes nothing that
    it has changed already."""
    steps: list[Any] = []
    others_are_due = False
    for group in in_groups(results):
        if len(group) > 1:
            steps.append(_step_of_all(group))
            continue
        (result,) = group
        if result.due_at is None and result.due.holds:
            released = _release(db, result)
            others_are_due = others_are_due or bool(released)
            steps += released  # first: a crash in between loses nothing so
        steps.append(_step(result))
        if result.due_at is not None and result.behind:
            steps += hold(result.due.id, (due.id for due in result.behind), result.due_at)
    deliveries(db).with_options(write_concern=DURABLE).bulk_write(steps)
    return others_are_due


def change_subscriptions(db: Db, changes: Iterable[Change]) -> None:
    """Write what became of subscriptions, where this process still has their leases."""
    steps = [UpdateOne({"_id": each.subscription, "lease.token": each.token}, each.update) for each in changes]
    if steps:
        subscriptions(db).with_options(write_concern=DURABLE).bulk_write(steps, ordered=False)


def in_groups(results: Iterable[Result]) -> Iterator[list[Result]]:
    """These in their order, those in a row together that one statement can write: they have ended in the same way and
    hold no others, and there is one at most of a lane, as the order within a statement is MongoDB's."""
    group: list[Result] = []
    lanes: set[tuple[str, str]] = set()
    for each in results:
        lane = (each.subscription, each.due.resource)
        if group and (lane in lanes or not _end_alike(group[0], each)):
            yield group
            group, lanes = [], set()
        group.append(each)
        lanes.add(lane)
    if group:
        yield group


def _end_alike(one: Result, other: Result) -> bool:
    same = (one.state, one.due.attempts, one.counted) == (other.state, other.due.attempts, other.counted)
    return same and not any(each.due_at is not None or each.due.holds for each in (one, other))


def _step_of_all(group: Sequence[Result]) -> UpdateMany:
    """The update of a group's deliveries. MongoDB does it in half the time that an update of each takes. Where the
    connection breaks off, pymongo does not repeat it by itself."""
    ids = [each.due.id for each in group]
    attempts = [each.attempted.attempt for each in group]
    attempt = {"$arrayElemAt": [{"$literal": attempts}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
    changes: Document = {
        "log": {"$slice": [{"$concatArrays": ["$log", [attempt]]}, -LOG_LENGTH]},
        "state": group[0].state,
        "ended_at": now(),
    }
    if group[0].counted:
        changes["attempts"] = {"$add": ["$attempts", 1]}
    waiting = {"_id": {"$in": ids}, "attempts": group[0].due.attempts, "state": "waiting"}
    return UpdateMany(waiting, [{"$set": changes}, {"$unset": ["due_at", "lane", "holds", "held"]}])


def _step(result: Result) -> UpdateOne:
    """The update of the delivery. One that was resent meanwhile counts from the start, and stays as it is."""
    pushed = {"log": {"$each": [result.attempted.attempt], "$slice": -LOG_LENGTH}}
    update: Document = {"$push": pushed, "$set": {"state": result.state}}
    if result.counted:
        update["$inc"] = {"attempts": 1}
    if result.due_at is None:
        update["$set"]["ended_at"] = now()
        update["$unset"] = {"due_at": "", "lane": "", "holds": "", "held": ""}
    else:
        update["$set"]["due_at"] = result.due_at
    return UpdateOne({"_id": result.due.id, "attempts": result.due.attempts, "state": "waiting"}, update)


def _release(db: Db, result: Result) -> list[UpdateOne]:
    """The steps that make the next of a lane due; those behind them stay held back, and the last one holds them."""
    lane = lane_of(result.subscription, result.due.resource)
    held = {"lane": lane, "held": True, "_id": {"$ne": result.due.id}}
    found = list(deliveries(db).find(held, {"_id": 1}).sort("position", 1).limit(_MADE_DUE_AT_ONCE))
    moment = now()
    steps = [UpdateOne(_still_held(each), made_due(moment)) for each in found]
    if len(found) == _MADE_DUE_AT_ONCE:
        last = made_due(moment)
        last["$set"]["holds"] = True
        steps[-1] = UpdateOne(_still_held(found[-1]), last)
    return steps


def _still_held(delivery: StoredDelivery) -> Document:
    """A write may arrive late, from a process that was cut off: another may have sent it by then."""
    return {"_id": delivery["_id"], "held": True}
