"""The deliveries of this process: a thread with an event loop that sends them, and threads that read what is due and
write how it ended."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.outbox import wakeup
from pos_api.outbox.collections import subscriptions
from pos_api.outbox.delivering import leases
from pos_api.outbox.delivering.dispatcher import Dispatcher
from pos_api.outbox.delivering.queue import Queue
from pos_api.outbox.delivering.reader import Looked, Reader, Wanted
from pos_api.outbox.delivering.recorder import Recorder

POLL = 0.2
"""Seconds between two looks for what is due, where nothing is published in this process."""
_POLL_WITHOUT_SUBSCRIPTION = 2.0
_SHORTEST = 0.02
"""Seconds between two looks, however much is due."""
_TOGETHER, _MANY_TOGETHER = 0.075, 0.2
"""Seconds from one look to the next that is made because something was published, after one that found little or much:
what comes meanwhile is read, sent and recorded together, which costs less than one by one."""
_MUCH = 8
"""From so many deliveries on that a look finds, it has found much."""
_PAUSE = 1.0
"""Seconds, after an error."""
_MANY = 300
"""While a subscription has few lanes ready, more deliveries are wanted; not when it has so many deliveries."""
_IDLE_ROUNDS = 3
"""Renewals after which the lease of a subscription without anything due is given back."""
_THREADS = 5
"""One reads what is due, three write how deliveries ended, one renews leases."""
STOP_SECONDS = 5.0
"""So long what is on its way has to end when the process is to stop."""

T = TypeVar("T")
log = get_logger(__name__)


class Deliverer:
    """The thread. While there is no subscription it only looks for one; and nothing is sent before `must_wait` says
    that it need not wait any longer, which is asked until then."""

    def __init__(self, db: Db, config: Config, must_wait: Callable[[], bool] = lambda: False) -> None:
        self._db = db
        self._config = config
        self._must_wait = must_wait
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pos-deliverer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        wakeup.add(self._woken.set)
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; what is on its way may end within STOP_SECONDS."""
        self._stopping.set()
        wakeup.published()

    def join(self, timeout: float) -> None:
        """Wait so long for the thread to end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(_POLL_WITHOUT_SUBSCRIPTION)
            self._woken.clear()
            if self._stopping.is_set():
                break
            try:
                if subscriptions(self._db).find_one({}, {"_id": 1}) and not self._must_wait():
                    _run_loop(Delivering(self._db, self._config, self._stopping).run())
            except PyMongoError as error:
                log.warning("events can't be delivered", error=type(error).__name__)
            except Exception as error:
                log.error("events can't be delivered", error=type(error).__name__)
        wakeup.remove(self._woken.set)


class Delivering:
    """The work of the thread, in its event loop."""

    def __init__(self, db: Db, config: Config, stopping: threading.Event) -> None:
        self._db = db
        self._config = config
        self._stopping = stopping
        self._holder = uuid.uuid4().hex
        self._reader = Reader(db, config, self._holder)
        self._woken = asyncio.Event()
        self._few = asyncio.Event()
        """More deliveries are wanted."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pos-deliverer")
        self._dispatcher: Dispatcher
        self._recorder: Recorder
        self._leaving: dict[str, Queue] = {}
        """Those whose lease is lost, until what was on its way has ended."""

    async def run(self) -> None:
        """Deliver until the process is to stop."""
        from pos_api.outbound.async_client import GuardedClient  # here, as it takes long and most need none

        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(self._woken.set)

        wakeup.add(wake)
        try:
            async with GuardedClient(self._config.outbound_allow) as client:
                has_results = asyncio.Event()
                self._dispatcher = Dispatcher(client, has_results.set, self._wake_for_more, self._stopping)
                self._recorder = Recorder(self._db, self._dispatcher, has_results, self._woken.set, self._in_thread)
                await self._until_stopped()
        finally:
            wakeup.remove(wake)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _until_stopped(self) -> None:
        """Run the parts; should one of them fail, all end."""
        helpers = [asyncio.create_task(self._recorder.run()), asyncio.create_task(self._renew_leases())]
        reading = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait([reading, *helpers], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._dispatcher.stop(STOP_SECONDS)
        finally:
            for task in (reading, *helpers):
                task.cancel()
            await asyncio.gather(reading, *helpers, return_exceptions=True)
            await self._dispatcher.stop(0)
            await self._leave()

    async def _leave(self) -> None:
        """Record what has ended, and let others have the leases."""
        with suppress(PyMongoError):
            await self._recorder.write_rest()
            tokens = {queue.id: queue.token for queue in self._dispatcher.queues.values()}
            await self._in_thread(lambda: leases.give_back(self._db, self._holder, tokens))

    # --- what is due is read

    def _wake_for_more(self) -> None:
        self._few.set()
        self._woken.set()

    async def _read(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            self._few.clear()
            wanted = self._wanted()
            try:
                looked = await self._in_thread(lambda wanted=wanted: self._reader.look(wanted))  # type: ignore[misc]
            except PyMongoError as error:
                log.warning("it can't be read which events are due", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
                continue
            self._take_in(looked)
            self._dispatcher.dispatch()
            await asyncio.sleep(_SHORTEST)
            if not looked.more:
                await self._until_more_is_wanted(sum(map(len, looked.found.values())))

    async def _until_more_is_wanted(self, found: int) -> None:
        together = _MANY_TOGETHER if found >= _MUCH else _TOGETHER
        if await _is_set(self._few, together - _SHORTEST):
            return
        await _is_set(self._woken, POLL)

    def _wanted(self) -> Wanted:
        dispatcher, moment = self._dispatcher, now()
        known: set[str] = set()
        to_fill: list[str] = []
        probing: list[str] = []
        for queue in dispatcher.queues.values():
            at_hand = queue.begin_look()
            paused = queue.health.paused_until
            is_paused = queue.pause_ends > time.monotonic() or (paused is not None and paused > moment)
            if not queue.subscription["active"] or is_paused:
                continue
            if queue.health.probes and not queue.size:
                probing.append(queue.id)
                known |= at_hand
            elif not queue.health.probes and len(queue.ready) <= dispatcher.few and queue.size < _MANY:
                to_fill.append(queue.id)
                known |= at_hand
        return Wanted(frozenset({*dispatcher.queues, *self._leaving}), to_fill, probing, known, list(dispatcher.events))

    def _take_in(self, looked: Looked) -> None:
        dispatcher = self._dispatcher
        dispatcher.secrets = looked.secrets
        for held in looked.taken:
            queue = Queue(held.subscription, held.token, held.until)
            dispatcher.queues[queue.id] = queue
        for identifier, queue in list(dispatcher.queues.items()):
            if looked.subscriptions is None:
                continue
            if identifier not in looked.subscriptions:
                self._lose(queue)  # it was deleted
            else:
                queue.refresh(looked.subscriptions[identifier])
        dispatcher.events.update(looked.events)
        for event in looked.gone:
            dispatcher.events.pop(event, None)
        for identifier, found in looked.found.items():
            if queue := dispatcher.queues.get(identifier):  # type: ignore[assignment]
                queue.add(found)
        for queue in dispatcher.queues.values():
            dispatcher.enqueue(queue)
        self._drop_events()

    def _drop_events(self) -> None:
        """Keep only events that are about to be sent: a person whose data is in one may be erased."""
        queues = (*self._dispatcher.queues.values(), *self._leaving.values())
        used = {due.event for queue in queues for lane in queue.lanes.values() for due in lane}
        self._dispatcher.events = {each: event for each, event in self._dispatcher.events.items() if each in used}

    # --- leases

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(leases.RENEW_EVERY)
            self._leaving = {each: queue for each, queue in self._leaving.items() if not queue.is_empty}
            try:
                await self._give_back_idle()
                await self._renew()
                await self._recorder.write_health(self._dispatcher.queues.values(), all=True)
            except PyMongoError as error:
                log.warning("leases can't be renewed", error=type(error).__name__)
            self._dispatcher.dispatch()

    async def _renew(self) -> None:
        queues = dict(self._dispatcher.queues)
        if not queues:
            return
        renewed = await self._in_thread(lambda: leases.renew(self._db, self._holder, list(queues)))
        for identifier, queue in queues.items():
            if identifier in renewed:
                queue.until = renewed[identifier]
                self._dispatcher.enqueue(queue)
            else:
                self._lose(queue)

    async def _give_back_idle(self) -> None:
        for queue in self._dispatcher.queues.values():
            queue.idle_rounds = queue.idle_rounds + 1 if queue.is_idle else 0
        idle = [queue for queue in self._dispatcher.queues.values() if queue.idle_rounds >= _IDLE_ROUNDS]
        if idle:
            await self._recorder.write_health(idle, all=True)
            idle = [queue for queue in idle if queue.is_idle]  # more may have come meanwhile
            for queue in idle:
                self._lose(queue)
            tokens = {queue.id: queue.token for queue in idle}
            await self._in_thread(lambda: leases.give_back(self._db, self._holder, tokens))

    def _lose(self, queue: Queue) -> None:
        """Send nothing more of it. What is on its way ends."""
        if self._dispatcher.queues.get(queue.id) is queue:
            del self._dispatcher.queues[queue.id]
            queue.drop_waiting()
            if not queue.is_empty:
                self._leaving[queue.id] = queue

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    import uvloop  # here, as most processes need none

    uvloop.run(main)


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set within so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
