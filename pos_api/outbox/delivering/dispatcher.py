"""Which delivery is sent next, and what follows from how it ended. All of it runs in one event loop; the database is
asked and written elsewhere.

At most MOST_ON_WAY deliveries are on their way: sent, and not yet known to the database as ended. So a process that is
killed repeats so many at most. The subscriptions share them one by one, and those whose receivers can't be reached, for
which requests take long, have a small share of their own.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pos_api import metrics
from pos_api.common.time import now
from pos_api.logs import get_logger
from pos_api.outbox.delivering import health
from pos_api.outbox.delivering.attempts import Attempted, Client, attempt, moment_of, not_sent
from pos_api.outbox.delivering.queue import Due, Queue
from pos_api.outbox.delivering.recording import Change, Result
from pos_api.outbox.delivering.schedule import next_attempt
from pos_api.outbox.envelopes import message_of
from pos_api.outbox.model import StoredEvent

MOST_ON_WAY = 32
FEW = 96
"""When so few lanes are ready, more are to be read, so that they are there before the last is sent; each subscription
has its part of them, at least one."""
_MOST_TROUBLED = 8
"""Of those, for subscriptions whose receivers can't be reached."""

_random = random.SystemRandom()
log = get_logger(__name__)


class Dispatcher:
    """Sends what is in the queues, until `stopping` is set. `ended` is called whenever there is a result to record, and
    `wants_more` when only few lanes of a queue that had more are ready."""

    def __init__(
        self, client: Client, ended: Callable[[], None], wants_more: Callable[[], None], stopping: threading.Event
    ) -> None:
        self._client = client
        self._wants_more = wants_more
        self._stopping = stopping
        self._ended = ended
        self._waiting: deque[Queue] = deque()
        """Queues with something to send, in the order in which they are looked at."""
        self._waiting_troubled: dict[Queue, None] = {}
        self._on_way = 0
        self._troubled_on_way = 0
        self._requests = 0
        """Of those on their way, how many have not ended."""
        self._has_stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.queues: dict[str, Queue] = {}
        self.secrets: Mapping[str, list[str]] = {}
        self.events: dict[str, StoredEvent] = {}
        self.results: list[tuple[Queue, Result]] = []
        self.changed: dict[str, Queue] = {}
        """Queues whose health may have to be written."""
        self.switched_off: dict[str, str] = {}
        """Subscriptions to be switched off, with the reason."""

    @property
    def few(self) -> int:
        """So few ready lanes of a queue are a reason to read more for it."""
        return max(FEW // max(len(self.queues), 1), 1)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way: all that was sent has ended."""
        return not self._requests

    def enqueue(self, queue: Queue) -> None:
        """It may have something to send."""
        if queue.ready and not queue.queued and self.queues.get(queue.id) is queue:
            queue.queued = True
            self._waiting.append(queue)

    def dispatch(self) -> None:
        """Send what may be sent now."""
        moment, wall = time.monotonic(), now()
        while self._waiting and self._on_way < MOST_ON_WAY and not (self._has_stopped or self._stopping.is_set()):
            queue = self._waiting.popleft()
            queue.queued = False
            wait = queue.wait(moment, wall, alone=not self._waiting)
            if wait == math.inf or self.queues.get(queue.id) is not queue:
                continue  # whatever changes that puts it back
            if wait > 0:
                asyncio.get_running_loop().call_later(wait, self._look_again, queue)
            elif queue.troubled and self._troubled_on_way >= _MOST_TROUBLED:
                self._waiting_troubled[queue] = None
            else:
                self._begin(queue, moment)
                self.enqueue(queue)

    def recorded(self, results: Iterable[tuple[Queue, Result]]) -> None:
        """The database knows how these ended."""
        for queue, result in results:
            queue.recorded(result.due)
            self._on_way -= 1

    async def stop(self, seconds: float) -> None:
        """Send nothing more, and wait so long for what is on its way; the rest is dropped, and is due for others."""
        self._has_stopped = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look_again(self, queue: Queue) -> None:
        self.enqueue(queue)
        self.dispatch()

    def _begin(self, queue: Queue, moment: float) -> None:
        due, troubled = queue.begin(moment), queue.troubled
        if len(queue.ready) == self.few:
            self._wants_more()
        self._on_way += 1
        self._requests += 1
        self._troubled_on_way += troubled
        task = asyncio.create_task(self._send(queue, due, troubled=troubled))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, queue: Queue, due: Due, *, troubled: bool) -> None:
        try:
            attempted = await self._attempt(queue, due)
        finally:
            self._requests -= 1
            self._troubled_on_way -= troubled
        if result := self._settle(queue, due, attempted):
            self.results.append((queue, result))
            self._ended()
        else:
            self._on_way -= 1
        if troubled and self._waiting_troubled:
            longest = next(iter(self._waiting_troubled))
            del self._waiting_troubled[longest]
            self.enqueue(longest)
        self.enqueue(queue)
        if queue.pause_ends > time.monotonic() or queue.ready:
            self.dispatch()

    async def _attempt(self, queue: Queue, due: Due) -> Attempted:
        subscription = queue.subscription
        event, secrets = self.events.get(due.event), self.secrets.get(queue.id)
        if event is None:
            return not_sent(subscription, "no_event", "The event is no longer kept.")
        if not secrets:
            unreadable = not_sent(subscription, "no_secret", "The secret can't be read with SECRETS_KEYS.")
            return replace(unreadable, verdict="own_fault")
        try:
            return await attempt(self._client, subscription, secrets, message_of(event, subscription["payload"]))
        except Exception as error:
            log.error("an event could not be sent", subscription=queue.id, error=type(error).__name__)
            return not_sent(subscription, "internal", "The request could not be made.")

    def _settle(self, queue: Queue, due: Due, attempted: Attempted) -> Result | None:
        """What follows from an attempt; None where there is nothing to record."""
        metrics.sent(attempted.verdict, attempted.attempt["seconds"])
        at = moment_of(attempted)
        if attempted.verdict == "own_fault":
            log.warning("events can't be sent just now", subscription=queue.id, problem=attempted.text)
            queue.put_back(due, time.monotonic())
            queue.health = health.not_charged(queue.health, at, attempted.text)
            self.changed[queue.id] = queue
            return None
        if attempted.verdict == "succeeded":
            queue.ended(due)
            queue.window.succeeded()
            queue.health = health.succeeded(queue.health, at)
            self.changed[queue.id] = queue
            return Result(queue.id, due, attempted, "succeeded")
        if attempted.attempt.get("cause") == "no_event":
            queue.ended(due)
            return Result(queue.id, due, attempted, "failed")
        self._fail(queue, due, attempted, at)
        if attempted.verdict == "gone":
            queue.postponed(due)
            self._switch_off(queue, health.GONE_REASON)
            return Result(queue.id, due, attempted, "waiting", at, counted=False)
        due_at = next_attempt(due.attempts + 1, at, _random.random(), attempted.retry_after)
        if due_at is None:
            queue.ended(due)
            return Result(queue.id, due, attempted, "failed")
        return Result(queue.id, due, attempted, "waiting", due_at, behind=queue.postponed(due))

    def _fail(self, queue: Queue, due: Due, attempted: Attempted, at: datetime) -> None:
        """Note a failure of the subscription, and what follows from it."""
        before = queue.health
        queue.health = health.failed(
            before,
            at,
            due.resource,
            attempted.text,
            unreachable=attempted.unreachable,
            began_at=attempted.attempt["at"],
            retry_after=attempted.pause,
        )
        self.changed[queue.id] = queue
        if attempted.unreachable:
            queue.window.unreachable()
        if queue.health.paused_until != before.paused_until:
            queue.drop_waiting()
        if health.is_to_be_switched_off(queue.health, at):
            self._switch_off(queue, health.OFF_REASON)

    def _switch_off(self, queue: Queue, reason: str) -> None:
        queue.subscription = {**queue.subscription, "active": False}
        queue.drop_waiting()
        self.switched_off[queue.id] = reason


def changes_to_write(
    queues: Iterable[Queue], switched_off: Mapping[str, str], *, all: bool = False
) -> list[tuple[Queue, health.Health, Change]]:
    """The updates of subscriptions that are due, each with its queue and the health that is stored by it. Those to be
    switched off come with the reason."""
    due: list[tuple[Queue, health.Health, Change]] = []
    for queue in queues:
        update: dict[str, Any] = health.changes(queue.stored_health, queue.health, all=all)
        if reason := switched_off.get(queue.id):
            moment = now()
            off = {"active": False, "disabled_at": moment, "disabled_reason": reason, "updated_at": moment}
            update.setdefault("$set", {}).update(off)
        if update:
            due.append((queue, queue.health, Change(queue.id, queue.token, update)))
    return due
