"""Answers that go on while there is something new: they are sent from the event loop, so that one that is open takes
memory only, no thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

READ_WITHIN = 10.0
"""Seconds that a reader has to take what was sent, once no more of it fits into the connection's buffers."""
_LAST_WITHIN = 1.0


@runtime_checkable
class Stream(Protocol):
    """The body of such an answer, as the application returns it. It must not hold parts that its reader has not taken
    yet. A server that only knows WSGI (PEP 3333) takes it as an iterable, which may end early."""

    def parts(self) -> AsyncGenerator[bytes]:
        """The parts, each as soon as there is one."""


class OpenStreams:
    """The streams that this process sends."""

    def __init__(self) -> None:
        self._open: set[asyncio.Future[None]] = set()
        self._ending = False

    def end_all(self) -> None:
        """The process ends: all streams do so now, and those that begin later at once. Their readers ask again, which
        another process then answers."""
        self._ending = True
        for each in self._open:
            if not each.done():
                each.set_result(None)

    async def send(self, stream: Stream, receive: Receive, send: Send, drop: Callable[[], None]) -> None:
        """Send the parts of a stream, whose head is sent, until it ends, its reader leaves or the process ends. A
        reader that does not take them is dropped: `drop` closes its connection at once."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone = asyncio.ensure_future(receive())  # all that can still come is that the reader left
        self._open.add(ended)
        if self._ending:
            ended.set_result(None)
        taken = True
        try:
            async with aclosing(stream.parts()) as parts:
                while taken and (part := await _next(parts, gone, ended)) is not None:
                    taken = await _write(send, part, READ_WITHIN, ended)
            taken = taken and await _write(send, b"", _LAST_WITHIN)
        finally:
            self._open.remove(ended)
            gone.cancel()
        if not taken:
            drop()
            await asyncio.sleep(0)  # until the connection is closed


async def _next(parts: AsyncGenerator[bytes], *ends: asyncio.Future[Any]) -> bytes | None:
    """The next part; None where there is none, or one of these is done first."""
    coming = asyncio.ensure_future(anext(parts, None))
    try:
        await asyncio.wait((coming, *ends), return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() and not any(each.done() for each in ends) else None
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait((coming,))  # a generator can't be closed while it runs


async def _write(send: Send, part: bytes, seconds: float, *ends: asyncio.Future[None]) -> bool:
    """Send a part, blank for the end of the answer; False where its reader does not take it in time."""
    writing = asyncio.ensure_future(send({"type": "http.response.body", "body": part, "more_body": bool(part)}))
    await asyncio.wait((writing, *ends), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if writing.done():
        writing.result()
        return True
    writing.cancel()
    await asyncio.wait((writing,))
    return False


open_streams = OpenStreams()
