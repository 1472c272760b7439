"""What ended, and how subscriptions fare, is written to the database while deliveries go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

from pymongo.errors import PyMongoError

from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.outbox.delivering import recording
from pos_api.outbox.delivering.dispatcher import Dispatcher, changes_to_write
from pos_api.outbox.delivering.queue import Queue
from pos_api.outbox.delivering.recording import Result

_ENOUGH = 8
"""So many results are written at once. Fewer are, too, where nothing else is on its way that they could be written
with, or after so many seconds:"""
_LONGEST_WAIT = 0.02
_WRITERS = 3
"""Batches written at the same time: while one waits for the disk, others end and are collected for the next."""
_PAUSE = 1.0
"""Seconds, after an error."""
_LONGEST_LAST_WRITE = 5.0
"""So many seconds are waited for the threads when the process is to stop."""

log = get_logger(__name__)
Ended: TypeAlias = tuple[Queue, Result]


class InThread(Protocol):
    """Calls a function in a thread of its own."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]:
        """Returns what the function returns, and raises what it raises."""


class Recorder:
    """Writes the dispatcher's results, in the event loop of the dispatcher: when `has_results` is set there are some.
    `look` is called when deliveries were made due by it. Of one lane nothing is written before all that ended earlier
    is written: after a crash it would be repeated too late."""

    def __init__(
        self, db: Db, dispatcher: Dispatcher, has_results: asyncio.Event, look: Callable[[], None], in_thread: InThread
    ) -> None:
        self._db = db
        self._dispatcher = dispatcher
        self._has_results = has_results
        self._look = look
        self._in_thread = in_thread
        self._batches: list[list[Ended]] = []
        """Those that are being written."""
        self._writes: set[asyncio.Future[Any]] = set()
        """Those that threads are at."""
        self._health_lock = asyncio.Lock()
        """Of a subscription an older health must not be written after a newer one."""

    async def run(self) -> None:
        """Write until cancelled. Should one of the writers fail, all end."""
        async with asyncio.TaskGroup() as writers:
            for _ in range(_WRITERS):
                writers.create_task(self._write_results())

    async def write_rest(self) -> None:
        """Write all that has ended and the health of all subscriptions, once `run` is cancelled and what its threads
        were writing is written. Raises PyMongoError."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=_LONGEST_LAST_WRITE)
        ended = [each for batch in self._batches for each in batch] + self._dispatcher.results  # some may be written
        await self._write(lambda: self._record(ended))
        await self.write_health(self._dispatcher.queues.values(), all=True)

    async def write_health(self, queues: Iterable[Queue], *, all: bool = False) -> None:
        """Write how these subscriptions fare, where that is due or `all` is wanted. Raises PyMongoError."""
        async with self._health_lock:
            due = changes_to_write(list(queues), self._dispatcher.switched_off, all=all)
            if not due:
                return
            await self._write(lambda: recording.change_subscriptions(self._db, [change for _, _, change in due]))
            for queue, written, _ in due:
                queue.stored_health = written
                if reason := self._dispatcher.switched_off.pop(queue.id, None):
                    log.warning("a subscription was switched off", subscription=queue.id, reason=reason)

    async def _write_results(self) -> None:
        while True:
            await self._has_results.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_WAIT):
                    while not self._is_enough():
                        self._has_results.clear()
                        await self._has_results.wait()
            self._has_results.clear()
            if batch := self._next_batch():
                await self._write_batch(batch)

    def _is_enough(self) -> bool:
        results = len(self._dispatcher.results)
        return results >= _ENOUGH or self._dispatcher.is_idle

    def _next_batch(self) -> list[Ended]:
        being_written = {_lane(each) for batch in self._batches for each in batch}
        results = self._dispatcher.results
        batch = [each for each in results if _lane(each) not in being_written]
        self._dispatcher.results = [each for each in results if _lane(each) in being_written]
        return batch

    async def _write_batch(self, batch: list[Ended]) -> None:
        self._batches.append(batch)
        while True:
            try:
                made_due = await self._write(lambda: self._record(batch))
                break
            except PyMongoError as error:
                log.warning("it can't be written how deliveries ended", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
        self._batches.remove(batch)
        if self._dispatcher.results:
            self._has_results.set()  # they may have waited for this one
        self._dispatcher.recorded(batch)
        self._dispatcher.dispatch()
        if made_due:
            self._look()
        await self._write_changed_health()

    async def _write(self, work: Callable[[], Any]) -> Any:
        """Call it in a thread, which goes on where whoever waits for it is cancelled."""
        write = asyncio.ensure_future(self._in_thread(work))
        self._writes.add(write)
        write.add_done_callback(self._is_written)
        return await asyncio.shield(write)

    def _is_written(self, write: asyncio.Future[Any]) -> None:
        self._writes.discard(write)
        if not write.cancelled():
            write.exception()  # or it would be logged where nobody waits any longer

    def _record(self, results: list[Ended]) -> bool:
        return recording.record(self._db, [result for _, result in results]) if results else False

    async def _write_changed_health(self) -> None:
        changed = list(self._dispatcher.changed.values())
        self._dispatcher.changed.clear()
        with suppress(PyMongoError):  # it is written with the next renewal
            await self.write_health(changed)


def _lane(ended: Ended) -> tuple[str, str]:
    queue, result = ended
    return queue.id, result.due.resource
