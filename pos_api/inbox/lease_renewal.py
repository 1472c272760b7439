"""Leases of entries are renewed while the work on them goes on, so that nobody else begins the same work meanwhile.

One thread in each process does it, every few seconds, so an entry that takes milliseconds costs nothing more.
Work that takes longer than `LONGEST` hangs: its leases are not renewed any more, and a process that serves is ended, as
its worker thread would never take another entry. Its supervisor (gunicorn, systemd) starts another one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pymongo

from pos_api.database.client import Db
from pos_api.inbox import leases
from pos_api.logs import get_logger

EVERY = 3.0
_RENEWAL_TIMEOUT = 2.0
LONGEST = 180.0
"""Seconds. A hundred of the largest orders at once take about one minute."""

log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Work:
    """Entries that are being worked on, and since when (`time.monotonic`). Who has the lock may renew their leases."""

    db: Db
    lease: str
    keys: list[str]
    longest: float
    since: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Renewal:
    """The thread that renews. With `ends_process` it ends a process that hangs."""

    def __init__(self) -> None:
        self.ends_process = False
        self._current: set[_Work] = set()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @contextmanager
    def renewed(self, db: Db, lease: str, keys: Iterable[str], *, longest: float | None = None) -> Iterator[None]:
        """Inside, these entries stay leased to `lease`, which holds them already; for `longest` seconds, by default
        LONGEST. Afterwards nothing renews them."""
        if self._thread is None or not self._thread.is_alive():  # a thread does not survive a fork
            self._start()
        work = _Work(db, lease, list(keys), LONGEST if longest is None else longest)
        self._current.add(work)  # after the start, which fails where the system has no thread left
        try:
            yield
        finally:
            with work.lock:  # which waits for a renewal that is on its way
                self._current.remove(work)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="pos-leases", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY)
            for work in list(self._current):
                with work.lock:
                    if work in self._current:
                        self._renew(work)

    def _renew(self, work: _Work) -> None:
        lasting = time.monotonic() - work.since
        if lasting >= work.longest:
            log.error("work on events hangs", count=len(work.keys), seconds=round(lasting), first=work.keys[:1])
            if self.ends_process:
                os.kill(os.getpid(), signal.SIGKILL)
        elif lasting >= EVERY:
            try:
                with pymongo.timeout(_RENEWAL_TIMEOUT):
                    leases.renew(work.db, work.lease, work.keys)
            except Exception as error:  # the database is away, or its client is closed; the next attempt may succeed
                log.warning("leases could not be renewed", count=len(work.keys), error=type(error).__name__)


renewal = Renewal()
"""This process's."""
