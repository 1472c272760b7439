"""What is read from the database now and then and known without a query in between: each process reads it again after
MAX_AGE seconds. Whoever changes it waits that long before he answers (`wait_until_known`): from the answer on every
process knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pos_api.database.client import Db

MAX_AGE = 2.0
"""Seconds."""

T = TypeVar("T")


class RecentlyRead(Generic[T]):
    """What `read` returned at most MAX_AGE ago; one for each database handle."""

    def __init__(self, db: Db, read: Callable[[Db], T]) -> None:
        self._db = db
        self._read = read
        self._read_at = float("-inf")
        self._value: T
        self._lock = threading.Lock()

    def value(self) -> T:
        """Read it where it is too old. While that fails it is an outage, which whoever applies something finds too:
        PyMongoError."""
        if time.monotonic() - self._read_at >= MAX_AGE:
            with self._lock:
                if time.monotonic() - self._read_at >= MAX_AGE:
                    self.refresh()
        return self._value

    def refresh(self) -> None:
        """Read it now."""
        began = time.monotonic()  # what is written while it is read may not be in it
        self._value = self._read(self._db)
        self._read_at = began


def wait_until_known() -> None:
    """Wait until every process has read what was just written."""
    time.sleep(MAX_AGE)
