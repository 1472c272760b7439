"""The process of `serve` that delivers events to subscribers and stock to stores, beside the web processes: what it
computes delays no request. The main process starts it, watches it and stops it as it does the others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pos_api.outbox.delivering.deliverer import STOP_SECONDS
from pos_api.outbox.wakeup import Pipe

_CHECK_SECONDS = 2.0
_NICENESS = 5
"""How much less of a busy processor this process gets than the web processes: where both want all of it, requests are
answered first, and what is to be delivered waits a little."""
_TOGETHER_SECONDS = 0.02
"""After it was woken, so that it is woken once for what many requests publish at a time."""


class Delivers(Protocol):
    """Threads that send to others what waits for them."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Send nothing more."""

    def join(self, timeout: float) -> None:
        """Wait so many seconds for what is on its way."""


def stop_all(delivering: Sequence[Delivers]) -> None:
    """Stop these; what is on its way may end meanwhile, for so long as the slowest may take."""
    until = time.monotonic() + 2 * STOP_SECONDS
    for each in delivering:
        each.stop()
    for each in delivering:
        each.join(max(until - time.monotonic(), 0.0))


class DeliveryProcess:
    """Delivers until SIGTERM, SIGINT or SIGQUIT, or until its main process (`main`, an id) is gone. `notify` is called
    every few seconds, so that the main process can see that it works."""

    def __init__(self, delivering: Sequence[Delivers], woken: Pipe, main: int, notify: Callable[[], None]) -> None:
        self._delivering = delivering
        self._woken = woken
        self._main = main
        self._notify = notify
        self._stopping = False

    def run(self) -> None:
        """Deliver until then; what is on its way may end within STOP_SECONDS."""
        os.nice(_NICENESS)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(signum, self._stop)
        for each in self._delivering:
            each.start()
        while not self._stopping and os.getppid() == self._main:
            self._notify()
            if self._woken.pass_on(_CHECK_SECONDS):
                time.sleep(_TOGETHER_SECONDS)
        stop_all(self._delivering)

    def _stop(self, _signum: int, _frame: Any) -> None:
        self._stopping = True
        self._woken.wake()
