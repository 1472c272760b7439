"""What one process has to deliver for one subscription: in lanes, one for each resource, of which only the first
delivery is sent at a time. No database is needed here."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pos_api.outbox.delivering.health import Health, health_of
from pos_api.outbox.delivering.window import RateLimit, Window
from pos_api.outbox.model import Subscription

LONGEST_REQUEST = 18.0
"""Seconds: the client's limit for a request, and some for a busy processor."""
_OWN_FAULT_PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds after a fault of this machine's own network."""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that may be sent. `holds`: later ones of its lane are held back in the database."""

    id: str
    event: str
    resource: str
    position: int
    attempts: int
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription that this process has the lease of, which it has until `until` (`time.monotonic()`)."""

    subscription: Subscription
    token: int
    until: float


@dataclass(slots=True, eq=False)
class Queue:
    """The deliveries of a subscription that are at hand, and what decides when they are sent."""

    subscription: Subscription
    token: int
    until: float
    health: Health = field(init=False)
    stored_health: Health = field(init=False)
    rate: RateLimit = field(init=False)
    window: Window = field(default_factory=Window)
    lanes: dict[str, deque[Due]] = field(default_factory=dict)
    """By resource; the first of a lane is ready, or on its way."""
    ready: deque[str] = field(default_factory=deque)
    on_way: dict[str, Due] = field(default_factory=dict)
    """Those that were sent, by resource; they are in their lanes, too."""
    unrecorded: set[str] = field(default_factory=set)
    """Ids of those that have ended, until that is in the database."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Lanes of which the database says what comes next, by the delivery that has to be recorded first; blank once it
    is."""
    own_faults: int = 0
    pause_ends: float = 0.0
    queued: bool = False
    """Whether the deliverer looks at it as soon as there is room."""
    idle_rounds: int = 0
    """How often in a row it was found empty."""

    def __post_init__(self) -> None:
        self.health = self.stored_health = health_of(self.subscription)
        self.rate = RateLimit(self.subscription["rate_limit"])

    @property
    def id(self) -> str:
        """The subscription's id."""
        return self.subscription["_id"]

    @property
    def troubled(self) -> bool:
        """Whether requests are likely to take long for nothing, whosever fault it is."""
        return self.health.troubled or self.own_faults > 0

    @property
    def size(self) -> int:
        """How many deliveries are at hand, those on their way included."""
        return sum(map(len, self.lanes.values()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is at hand, on its way or to be recorded."""
        return not self.lanes and not self.unrecorded

    @property
    def is_idle(self) -> bool:
        """Whether it is empty, and its breaker has not opened: its lease may be given back."""
        return self.is_empty and not self.health.probes

    def begin_look(self) -> set[str]:
        """The database is about to be asked. Returns the ids of those at hand, and of those whose end it does not know
        yet. What is found in lanes that change meanwhile is not to be believed (`add`)."""
        self.blocked = {resource: due for resource, due in self.blocked.items() if due}
        return self._ids()

    def recorded(self, due: Due) -> None:
        """The database knows how it ended."""
        self.unrecorded.discard(due.id)
        if self.blocked.get(due.resource) == due.id:
            self.blocked[due.resource] = ""

    def _ids(self) -> set[str]:
        return {due.id for lane in self.lanes.values() for due in lane} | self.unrecorded

    def refresh(self, subscription: Subscription) -> None:
        """Take over its settings as they are now; what people changed may have set its health back."""
        if subscription["updated_at"] != self.subscription["updated_at"]:
            if subscription["rate_limit"] != self.subscription["rate_limit"]:
                self.rate = RateLimit(subscription["rate_limit"])
            self.subscription = subscription
            self.health = self.stored_health = health_of(subscription)

    def add(self, found: Iterable[Due]) -> None:
        """Put deliveries at their place, by position. One that is earlier than what is on its way in its lane comes
        right after that."""
        known = self._ids()
        for due in found:
            if due.id in known or due.resource in self.blocked:
                continue
            known.add(due.id)
            lane = self.lanes.get(due.resource)
            if lane is None:
                self.lanes[due.resource] = deque([due])
                self.ready.append(due.resource)
                continue
            first = 1 if due.resource in self.on_way else 0
            place = len(lane)
            while place > first and lane[place - 1].position > due.position:
                place -= 1
            lane.insert(place, due)

    def wait(self, moment: float, wall: datetime, *, alone: bool) -> float:
        """Seconds until the next may begin: 0 for now, infinity where something else has to happen first."""
        if not self.ready or not self.subscription["active"]:
            return math.inf
        if self.until - moment < LONGEST_REQUEST:
            return math.inf  # a renewal is due
        room = 1 if self.health.probes else self.window.size(alone=alone)
        if len(self.on_way) >= room:
            return math.inf
        paused = self.health.paused_until
        pause = (paused - wall) / timedelta(seconds=1) if paused and paused > wall else 0.0
        return max(pause, self.pause_ends - moment, self.rate.wait(moment), 0.0)

    def begin(self, moment: float) -> Due:
        """Take the next; it is on its way from now on."""
        resource = self.ready.popleft()
        due = self.lanes[resource][0]
        self.on_way[resource] = due
        self.rate.begun(moment)
        return due

    def ended(self, due: Due) -> None:
        """It is delivered, or failed for good: the next of its lane is ready, unless others are held back in the
        database."""
        lane = self._end(due)
        if due.holds:
            self._block(due)
            return
        lane.popleft()
        if lane:
            self.ready.append(due.resource)
        else:
            del self.lanes[due.resource]

    def postponed(self, due: Due) -> list[Due]:
        """It is attempted again later: its lane is left to the database. Returns those behind it."""
        lane = self._end(due)
        self._block(due)
        return list(lane)[1:]

    def put_back(self, due: Due, moment: float) -> None:
        """It could not be sent for a fault of our own: it is tried again soon, and one at a time until that goes well.
        It is left to the database so long, with what waits: events may be erased meanwhile."""
        del self.on_way[due.resource]
        self.drop_waiting()
        self.window.unreachable()
        self.pause_ends = moment + _OWN_FAULT_PAUSES[min(self.own_faults, len(_OWN_FAULT_PAUSES) - 1)]
        self.own_faults += 1

    def drop_waiting(self) -> None:
        """Leave what is not on its way to the database: it is read again when it can be sent. A look that is under way
        was asked for without it, so what that finds in these lanes comes later than it."""
        for resource in self.lanes:
            self.blocked.setdefault(resource, "")
        self.ready.clear()
        self.lanes = {resource: deque([due]) for resource, due in self.on_way.items()}

    def _block(self, due: Due) -> None:
        del self.lanes[due.resource]
        self.blocked[due.resource] = due.id

    def _end(self, due: Due) -> deque[Due]:
        del self.on_way[due.resource]
        self.unrecorded.add(due.id)
        self.own_faults = 0
        return self.lanes[due.resource]
