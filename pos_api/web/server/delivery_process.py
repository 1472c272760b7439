"""The process of `serve` that delivers events to subscribers, beside the web processes: what it computes delays no
request. The main process starts it, watches it and stops it as it does the others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from pos_api.outbox.delivering.deliverer import STOP_SECONDS, Deliverer
from pos_api.outbox.wakeup import Pipe

_CHECK_SECONDS = 2.0


class DeliveryProcess:
    """Delivers until SIGTERM, SIGINT or SIGQUIT, or until its main process (`main`, an id) is gone. `notify` is called
    every few seconds, so that the main process can see that it works."""

    def __init__(self, deliverer: Deliverer, woken: Pipe, main: int, notify: Callable[[], None]) -> None:
        self._deliverer = deliverer
        self._woken = woken
        self._main = main
        self._notify = notify
        self._stopping = False

    def run(self) -> None:
        """Deliver until then; what is on its way may end within STOP_SECONDS."""
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(signum, self._stop)
        self._deliverer.start()
        while not self._stopping and os.getppid() == self._main:
            self._notify()
            self._woken.pass_on(_CHECK_SECONDS)
        self._deliverer.stop()
        self._deliverer.join(2 * STOP_SECONDS)

    def _stop(self, _signum: int, _frame: Any) -> None:
        self._stopping = True
        self._woken.wake()
