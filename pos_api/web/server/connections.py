"""The open connections of a process: how many there may be, which of them take too long, and what is logged."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from typing import Protocol

from pos_api.logs import get_logger
from pos_api.web.server.refusals import FULL, SLOW, Refusal
from pos_api.web.server.request_limits import MAX_CONNECTIONS

_AT_ONCE = 100
"""Connections refused before other requests are looked at again."""
_LOGGED_AT_ONCE = 20
"""Refused requests with a line of the log each, between two checks; what is more is logged together."""
_SPARE_FILES = 256
"""Files that a process needs besides the connections that count."""

log = get_logger(__name__)


class Connection(Protocol):
    """What is asked of a connection here."""

    loop: asyncio.AbstractEventLoop

    def waits(self) -> bool:
        """Whether its sender is waited for, rather than an answer made."""

    def arrives(self) -> bool:
        """Whether a body is arriving."""

    def check(self, moment: float) -> bool:
        """Refuse or drop it where a deadline has passed; True where its request is refused as too slow."""

    def refuse(self, refusal: Refusal) -> None:
        """Answer instead of the application, read no more, and close soon."""

    def abort(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections of this process, those that have waited longest first."""

    def __init__(self) -> None:
        self._open: dict[Connection, None] = {}
        self._limit = MAX_CONNECTIONS
        self._sweeping = False
        self.body_bytes = 0
        self._refused: Counter[str] = Counter()
        """Refused for no fault that its sender could correct, or too many at once, by code; logged together."""
        self._logged = 0
        """Refused since the last check, with a line each."""

    def add(self, connection: Connection) -> None:
        """One more. Above the limit the one that has waited longest for its sender is closed."""
        if not self._sweeping:
            self._sweeping = True
            self._limit = min(MAX_CONNECTIONS, max(raise_file_limit() - _SPARE_FILES, 64))
            self._sweep(connection.loop)
        self._open[connection] = None
        if len(self._open) > self._limit and (oldest := next((each for each in self._open if each.waits()), None)):
            oldest.abort()

    def remove(self, connection: Connection) -> None:
        """It was closed."""
        self._open.pop(connection, None)

    def renew(self, connection: Connection) -> None:
        """It waits from now on."""
        self._open.pop(connection, None)
        self._open[connection] = None

    def make_room(self) -> bool:
        """Refuse the body that has been arriving longest, for the sake of the others; False where there is none."""
        for connection in self._open:
            if connection.arrives():
                connection.refuse(FULL)
                return True
        return False

    def log(self, refusal: Refusal, request_id: str) -> None:
        """A line of the log, as long as nobody fills it with them."""
        if refusal in (SLOW, FULL) or self._logged >= _LOGGED_AT_ONCE:
            self._refused[refusal.code] += 1
        else:
            self._logged += 1
            log.warning("request refused", status=refusal.status, code=refusal.code, request_id=request_id)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        moment, late = time.monotonic(), 0
        for connection in list(self._open):
            late += connection.check(moment)
            if late == _AT_ONCE:
                break
        if self._refused:
            log.warning("requests refused", **self._refused)
            self._refused.clear()
        self._logged = 0
        loop.call_later(0.05 if late == _AT_ONCE else 1.0, self._sweep, loop)


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows it, and return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 1024
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft
