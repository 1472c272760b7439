"""What is worked out for one reader is shown to all others for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 500
_SHARE = 20
"""What took long is kept so many times as long, so that it never takes more than a twentieth of a process's time."""


@dataclass(slots=True)
class _Entry(Generic[T]):
    value: T | None = None
    until: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


class Kept(Generic[T]):
    """Values by key, each for so many seconds. Whoever asks while another one works a value out anew is given the one
    before, where there is one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Hashable, _Entry[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, worked out by `make` where there is none or it is too old. Raises what that raises."""
        entry = self._entries.get(key) or self._new(key)
        if time.monotonic() < entry.until:
            return entry.value  # type: ignore[return-value] # it was made
        if entry.lock.acquire(blocking=entry.value is None):
            try:
                if time.monotonic() >= entry.until:
                    began = time.monotonic()
                    entry.value = make()
                    ended = time.monotonic()
                    entry.until = ended + max(self._seconds, (ended - began) * _SHARE)
            finally:
                entry.lock.release()
        return entry.value  # type: ignore[return-value] # either it was made or there was one before

    def _new(self, key: Hashable) -> _Entry[T]:
        if len(self._entries) >= _MOST:
            self._entries.clear()
        return self._entries.setdefault(key, _Entry())
