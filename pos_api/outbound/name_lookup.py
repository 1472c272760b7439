"""Names of hosts looked up in threads of their own, so that a name server that does not answer keeps only its own
hosts waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from pos_api.outbound.errors import RequestError
from pos_api.outbound.unreachable import unreachable

LookUp: TypeAlias = Callable[[str], Sequence[str]]
"""The IP addresses of a host, the best first. Waits for them. Raises OSError."""

_LONGEST_SECONDS = 10.0
_KEPT_SECONDS = 10.0
_MOST_KEPT = 1000
_MOST_UNDER_WAY = 64
_NAME_SERVER_WORKS_FOR = 60.0
"""For so many seconds after another name was found, a name that can't be looked up is its owner's fault, not ours."""


def system_look_up(host: str) -> list[str]:
    """A `LookUp` by the system's resolver."""
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class NameLookups:
    """Looks names up for tasks of one event loop: each name once at a time, and again after 10 seconds at the soonest.

    The threads are daemons: the system's resolver can't be interrupted, and no process waits for it to end.
    """

    def __init__(self, look_up: LookUp = system_look_up) -> None:
        self._look_up = look_up
        self._kept: dict[str, tuple[float, Sequence[str]]] = {}
        self._under_way: dict[str, asyncio.Future[Sequence[str]]] = {}
        self._found_at = float("-inf")

    async def addresses(self, host: str) -> Sequence[str]:
        """The IP addresses of a host, at least one. Raises RequestError."""
        until, found = self._kept.get(host, (0.0, ()))
        if time.monotonic() < until:
            return found
        under_way = self._under_way.get(host) or self._begin(host)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await asyncio.shield(under_way)
        except TimeoutError:
            raise self._not_answered(f"No name server answers for {host}.") from None

    def _not_answered(self, message: str) -> RequestError:
        """No name server has answered: a fault of our own network, unless others were just found."""
        is_local = time.monotonic() - self._found_at > _NAME_SERVER_WORKS_FOR
        return RequestError("dns", message, is_local=is_local)

    def _begin(self, host: str) -> asyncio.Future[Sequence[str]]:
        if len(self._under_way) >= _MOST_UNDER_WAY:
            raise RequestError("dns", "Too many names are being looked up at the same time.", is_local=True)
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Sequence[str]] = loop.create_future()
        result.add_done_callback(lambda ended: ended.exception())  # perhaps nobody waits for it any longer

        def run() -> None:
            outcome = self._outcome(host)
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._end, host, result, outcome)

        try:
            threading.Thread(target=run, name=f"look up {host}", daemon=True).start()
        except RuntimeError:
            raise RequestError("dns", "This machine has no thread for looking up a name.", is_local=True) from None
        self._under_way[host] = result
        return result

    def _outcome(self, host: str) -> Sequence[str] | RequestError:
        try:
            return self._look_up(host) or RequestError("dns", f"There is no host {host}.")
        except Exception as error:
            return unreachable(error, host)

    def _end(self, host: str, result: asyncio.Future[Sequence[str]], outcome: Sequence[str] | RequestError) -> None:
        del self._under_way[host]
        if isinstance(outcome, RequestError):
            is_unanswered = outcome.cause == "dns" and outcome.is_local
            result.set_exception(self._not_answered(outcome.message) if is_unanswered else outcome)
            return
        now = self._found_at = time.monotonic()
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[host] = (now + _KEPT_SECONDS, outcome)
        result.set_result(outcome)
