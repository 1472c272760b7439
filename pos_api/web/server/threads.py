"""The threads that run the application for the event loop, each one call at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")
_Call = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]


class Threads:
    """At most `most` threads, each started when all others are busy, for one event loop.

    `concurrent.futures` has a future of its own for each call, with locks, which asyncio then copies to one of its:
    that takes as long as all else that the event loop does for a request.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._started = 0
        self._under_way = 0
        self._calls: SimpleQueue[_Call] = SimpleQueue()

    def call(self, function: Callable[..., Result], *arguments: Any) -> asyncio.Future[Result]:
        """Call a function in a thread; what it returns or raises is the future's. Only from the event loop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._under_way += 1
        if self._started < min(self._under_way, self._most):
            self._started += 1
            Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
        self._calls.put((loop, done, function, arguments))
        return done

    def _run(self) -> None:
        while True:
            loop, done, function, arguments = self._calls.get()
            result: Any = None
            error: BaseException | None = None
            try:
                result = function(*arguments)
            except BaseException as raised:
                error = raised
            if not loop.is_closed():  # the process ends
                loop.call_soon_threadsafe(self._end, done, result, error)
            del done, function, arguments, result, error  # a thread that waits holds no request

    def _end(self, done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._under_way -= 1
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)
