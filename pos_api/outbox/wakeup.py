"""Whoever waits for events of this process is woken as soon as one is published, rather than at the next look; by a
pipe also in another process."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress

_waiting: set[Callable[[], None]] = set()


def add(wake: Callable[[], None]) -> None:
    """Call `wake` after each publishing, from the thread that publishes."""
    _waiting.add(wake)


def remove(wake: Callable[[], None]) -> None:
    """Call it no more."""
    _waiting.discard(wake)


def published() -> None:
    """Deliveries were written."""
    for wake in list(_waiting):
        wake()


class Pipe:
    """Between processes forked from the one that made it: any of them wakes the one that waits."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        for end in (self._read_end, self._write_end):
            os.set_blocking(end, False)

    def wake(self) -> None:
        """Wake the other process. It never waits: where the pipe is full, that process is going to be woken."""
        with suppress(BlockingIOError):
            os.write(self._write_end, b"!")

    def pass_on(self, seconds: float) -> bool:
        """Wait so long to be woken, and wake whoever waits in this process then; returns whether it was woken."""
        if not select.select([self._read_end], [], [], seconds)[0]:
            return False
        with suppress(BlockingIOError):  # another process was faster
            os.read(self._read_end, 65_536)
        published()
        return True
