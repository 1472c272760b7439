"""Which deliveries are due is read from the database.

Of a lane (a subscription's deliveries about one resource) only the earliest that waits may be sent. Where that one is
not due yet, as it failed, those behind it are held back: they are made due long after it, so that no look finds them
again, and it carries a mark by which they are made due as it ends. So a look costs the same however much waits.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from pymongo import UpdateMany, UpdateOne

from pos_api.common.time import now
from pos_api.database.client import Db, Document
from pos_api.outbox.collections import deliveries, events, subscriptions
from pos_api.outbox.delivering.queue import Due
from pos_api.outbox.model import StoredDelivery, StoredEvent, Subscription

MOST = 300
"""Deliveries read at a time."""
MOST_SUBSCRIPTIONS = 100
"""Asked for in one query: MongoDB merges so many ranges of an index without sorting what is in them."""
_MOST_TO_FIND = 100
_OTHERS, _MOST_OF_OTHERS = 16, 32
"""Where a look finds so much for some subscriptions that others may be left out, so many others are asked about one by
one, for so many deliveries each."""
_MOST_BEFORE = 4 * MOST
"""Read to find out whether something is left out between deliveries."""
HELD_FOR = timedelta(days=1)
"""After the next attempt of the first of their lane, those behind it are looked at again, whatever became of it."""

_FIELDS = dict.fromkeys(
    ("subscription", "event", "resource", "position", "attempts", "lane", "holds", "due_at", "held"), 1
)
_random = random.SystemRandom()
Found: TypeAlias = Mapping[str, list[Due]]
"""By subscription."""


def read_subscriptions(db: Db) -> dict[str, Subscription]:
    """All subscriptions, by id."""
    return {each["_id"]: each for each in subscriptions(db).find({})}


def with_due(db: Db, among: Collection[str]) -> set[str]:
    """Those of these subscriptions that have something due; not necessarily all of them, but any where there is any."""
    due = list(deliveries(db).find(_due(among), {"subscription": 1}).sort("due_at", 1).limit(_MOST_TO_FIND))
    found = {each["subscription"] for each in due}
    if len(due) == _MOST_TO_FIND:  # a few may have filled it
        for each in _others(among, found):
            if deliveries(db).find_one(_due([each]), {"_id": 1}):
                found.add(each)
    return found


def load(db: Db, among: Collection[str], known: Collection[str], limit: int = MOST) -> tuple[Found, bool]:
    """Deliveries that may be sent now, the longest due first, without those `known` already; and whether more may be
    due. What has to wait for an earlier one that is not due yet is held back; of a lane nothing is returned that comes
    after one that is neither returned nor `known`."""
    due = _find_due(db, among, known, limit)
    is_full = len(due) >= limit
    if is_full:  # a few subscriptions may have filled it
        for other in _others(among, {each["subscription"] for each in due}):
            due += _find_due(db, [other], known, _MOST_OF_OTHERS)
    firsts = _firsts(db, {each["lane"] for each in due})
    moment = now()
    behind = {each["_id"]: each for each in due if _is_blocked(firsts.get(each["lane"], each), moment)}
    if behind:
        _hold_back(db, behind.values(), firsts)
    due = _without_gaps(db, [each for each in due if each["_id"] not in behind], known, firsts)
    loaded = {each["_id"] for each in due}.union(known)
    may_go = {each["id"] for each in firsts.values() if not _is_blocked(each, moment)}
    missing = list(may_go - loaded)
    if missing:  # they did not come by the limit, or by clocks that differ
        due += deliveries(db).find({"_id": {"$in": missing}, "due_at": {"$exists": True}}, _FIELDS)
    found: dict[str, list[Due]] = defaultdict(list)
    for each in due:
        found[each["subscription"]].append(_of(each))
    return found, is_full


def read_events(db: Db, wanted: Collection[str]) -> dict[str, StoredEvent]:
    """Events by id; one that is no longer kept is missing."""
    return {each["_id"]: each for each in events(db).find({"_id": {"$in": list(wanted)}})} if wanted else {}


def read_erased(db: Db, at_hand: Collection[str]) -> tuple[dict[str, StoredEvent], set[str]]:
    """Those of these events that were erased, as they are now; and the ids of those that are there no more."""
    if not at_hand:
        return {}, set()
    kept = {each["_id"]: each for each in events(db).find({"_id": {"$in": list(at_hand)}}, {"erased_at": 1})}
    erased = [each for each, event in kept.items() if "erased_at" in event]
    return read_events(db, erased), set(at_hand).difference(kept)


def hold(first: str, behind: Iterable[str], until: datetime) -> list[UpdateOne | UpdateMany]:
    """The steps that hold deliveries back behind the first of their lane, which is due at `until`."""
    waiting = {"due_at": {"$exists": True}}
    held = {"$set": {"held": True, "due_at": until + HELD_FOR}}
    return [
        UpdateOne({"_id": first, **waiting}, {"$set": {"holds": True}}),
        UpdateMany({"_id": {"$in": list(behind)}, "due_at": {"$lt": until}}, held),  # it may arrive late
    ]


def _find_due(db: Db, among: Collection[str], known: Collection[str], limit: int) -> list[StoredDelivery]:
    query = {**_due(among), "_id": {"$nin": list(known)}}
    return list(deliveries(db).find(query, _FIELDS).sort("due_at", 1).limit(limit))


def _others(among: Collection[str], found: Collection[str]) -> list[str]:
    """A few of the subscriptions that were not found, by chance."""
    others = [each for each in among if each not in found]
    return _random.sample(others, min(_OTHERS, len(others)))


def _due(among: Collection[str]) -> Document:
    return {"subscription": {"$in": list(among)}, "due_at": {"$lte": now()}}


def _firsts(db: Db, lanes: Collection[str]) -> dict[str, Document]:
    """The first that waits of each lane; read from the index, one key for each lane."""
    if not lanes:
        return {}
    lanes_in_order: list[Document] = [{"$match": {"lane": {"$in": list(lanes)}}}, {"$sort": {"lane": 1, "position": 1}}]
    group = {"_id": "$lane", **{name: {"$first": f"${name}"} for name in ("due_at", "held")}, "id": {"$first": "$_id"}}
    found: Iterable[Document] = deliveries(db).aggregate([*lanes_in_order, {"$group": group}])  # type: ignore[assignment]
    return {each["_id"]: each for each in found}


def _without_gaps(
    db: Db, due: list[StoredDelivery], known: Collection[str], firsts: Mapping[str, Document]
) -> list[StoredDelivery]:
    """These without those that something else of their lane comes before, which the limit left out, or which a machine
    has written whose clock is ahead."""
    up_to: dict[str, int] = {}
    for each in due:
        lane = each["lane"]
        if lane in firsts and each["_id"] != firsts[lane]["id"]:
            up_to[lane] = max(up_to.get(lane, 0), each["position"])
    if not up_to:
        return due
    most = _MOST_BEFORE + len(known)
    parts: list[Document] = [{"lane": lane, "position": {"$lte": position}} for lane, position in up_to.items()]
    before = list(deliveries(db).find({"$or": parts}, {"lane": 1, "position": 1}).limit(most))
    if len(before) == most:  # it is not known what comes before them
        return [each for each in due if each["lane"] not in up_to or each["_id"] == firsts[each["lane"]]["id"]]
    at_hand = {each["_id"] for each in due}.union(known)
    gaps: dict[str, int] = {}
    for other in before:
        if other["_id"] not in at_hand:
            gaps[other["lane"]] = min(gaps.get(other["lane"], other["position"]), other["position"])
    return [each for each in due if each["lane"] not in gaps or each["position"] < gaps[each["lane"]]]


def _is_blocked(first: Any, moment: datetime) -> bool:
    """Whether the first of a lane waits for its next attempt. One that is held itself is what was held back by one that
    is gone."""
    return bool(first["due_at"] > moment and not first.get("held"))


def _hold_back(db: Db, due: Iterable[StoredDelivery], firsts: Mapping[str, Document]) -> None:
    behind: dict[str, list[str]] = defaultdict(list)
    for each in due:
        behind[each["lane"]].append(each["_id"])
    steps: list[Any] = []
    for lane, ids in behind.items():
        steps += hold(firsts[lane]["id"], ids, firsts[lane]["due_at"])
    deliveries(db).bulk_write(steps)


def _of(stored: StoredDelivery) -> Due:
    holds = stored.get("holds", False) or stored.get("held", False)
    return Due(stored["_id"], stored["event"], stored["resource"], stored["position"], stored["attempts"], holds)
