"""How deliveries ended is written while others go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from pos_api.database.client import Db
from pos_api.outbound.async_client import Answer
from pos_api.outbox.delivering.attempts import judge
from pos_api.outbox.delivering.dispatcher import Dispatcher
from pos_api.outbox.delivering.queue import Due, Queue
from pos_api.outbox.delivering.recorder import Recorder
from pos_api.outbox.delivering.recording import Result
from tests.outbox.delivering.test_queue import due, queue


class _Unused:
    async def post(self, *_: Any) -> Answer:
        raise AssertionError


def _sent(of: Queue, one: Due) -> tuple[Queue, Result]:
    """A delivery that was answered."""
    return of, Result(of.id, one, judge(204, None, {"seconds": 0.0}), "succeeded")  # type: ignore[typeddict-item]


def test_of_one_lane_nothing_is_written_before_what_ended_earlier(db: Db) -> None:
    """Or a crash in between would have the earlier one repeated after the later one; other lanes do not wait."""

    async def run() -> tuple[list[int], list[int]]:
        begun: list[int] = []
        first_may_end = asyncio.Event()

        async def in_thread(work: Callable[[], Any]) -> Any:
            begun.append(len(begun))
            if len(begun) == 1:
                await first_may_end.wait()
            return await asyncio.to_thread(work)

        ended = asyncio.Event()
        dispatcher = Dispatcher(_Unused(), ended.set, lambda: None, threading.Event())
        recorder = Recorder(db, dispatcher, ended, lambda: None, in_thread)
        of = queue(_id="sub_a")
        running = asyncio.create_task(recorder.run())

        async def end(*those: Due) -> None:
            dispatcher.results += [_sent(of, one) for one in those]
            ended.set()
            for _ in range(20):
                await asyncio.sleep(0)

        await end(due("a", 1))
        await end(due("a", 2))
        same_lane = list(begun)
        await end(due("b", 1))
        other_lane = list(begun)
        first_may_end.set()
        async with asyncio.timeout(20):
            while dispatcher.results or recorder._batches:
                await asyncio.sleep(0.001)
        running.cancel()
        return same_lane, other_lane

    same_lane, other_lane = asyncio.run(run())
    assert same_lane == [0]
    assert other_lane == [0, 1]
