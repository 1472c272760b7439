"""Between the event loop that reads requests (ASGI) and the Flask application (WSGI), which runs in threads.

A thread is taken once the whole request is there, and is given back as soon as there is no more to be computed: a
sender that reads its answer slowly keeps none. A body over the limit is never held: the application reads it as it
arrives, in one of a few threads that are for such bodies alone. An answer that is a `streams.Stream` is sent without a
thread.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from pos_api.web.server.refusals import FULL, answer_parts
from pos_api.web.server.request_limits import BODY_LIMIT
from pos_api.web.server.streams import Stream, open_streams
from pos_api.web.server.threads import Threads

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PART = 65_536
"""Bytes of an answer that are computed at a time."""
_LARGE_AT_ONCE = 2
_LARGE_HELD = 8
"""Bodies over the limit that are read or wait for it; of each, 2 MiB can be in memory already."""
_JOINED = {"cookie": "; "}


@dataclass(slots=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    first: bytes
    rest: Iterator[bytes]
    complete: bool
    close: Callable[[], None]
    stream: Stream | None = None


class Gateway:
    """An ASGI application (spec 3.0, `http` and `lifespan`) that answers with a WSGI one (PEP 3333)."""

    def __init__(self, wsgi: Wsgi, threads: int, at_exit: Callable[[], None]) -> None:
        self._wsgi = wsgi
        self._threads = Threads(threads, "pos-web")
        self._large = Threads(_LARGE_AT_ONCE, "pos-web-large")
        self._at_exit = at_exit
        self._large_held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and (read := await _read(scope, receive)) is not None:
            body, more = read
            environment = environ(scope, body)
            if more:
                answer = await self._answer_large(scope, receive, environment, body)
            else:
                answer = await self._threads.call(self._call, environment)
            if answer.stream:
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                scope["state"]["is_stream"] = True  # for `http_protocol`
                await open_streams.send(answer.stream, receive, send, scope["state"]["drop"])
            else:
                await self._send(answer, receive, send)

    async def _answer_large(self, scope: Scope, receive: Receive, environment: dict[str, Any], body: bytes) -> _Answer:
        """The answer to a body over the limit, of which `body` is there; where too many wait, it is to be sent again.

        One counts until it is answered, also when its sender has left: what has arrived of it is held until then.
        """
        if self._large_held >= _LARGE_HELD:
            return _full()
        _let_arrive(environment, ArrivingBody(body, receive, asyncio.get_running_loop()), _declared(scope))
        self._large_held += 1
        try:
            return await self._large.call(self._call, environment)
        finally:
            self._large_held -= 1

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.get_running_loop().run_in_executor(None, self._at_exit)
        await send({"type": "lifespan.shutdown.complete"})

    async def _send(self, answer: _Answer, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.first, "more_body": not answer.complete})
        if answer.complete:
            return
        gone = asyncio.ensure_future(receive())  # all that can still come is that the sender left
        try:
            more = True
            while more and not gone.done():
                part, more = await self._threads.call(_take, answer.rest)
                await send({"type": "http.response.body", "body": part, "more_body": more})
        finally:
            gone.cancel()
            await self._threads.call(answer.close)

    def _call(self, environment: dict[str, Any]) -> _Answer:
        """Run the application, in a thread, until it has said its status and the first part of its body."""
        started: list[tuple[int, list[tuple[bytes, bytes]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            started[:] = [(int(status[:3]), pairs)]

        parts = self._wsgi(environment, start_response)
        if isinstance(parts, Stream):
            status, headers = started[0]
            return _Answer(status, headers, b"", iter(()), False, lambda: None, parts)
        close = getattr(parts, "close", lambda: None)
        try:
            rest = iter(parts)
            first, more = _take(rest)
            status, headers = started[0]
        except BaseException:
            close()
            raise
        if not more:
            close()
        return _Answer(status, headers, first, rest, not more, close)


def _full() -> _Answer:
    head, body = answer_parts(FULL)
    headers = [(name.lower().encode(), value.encode()) for name, value in head.items()]
    return _Answer(FULL.status, headers, body, iter(()), True, lambda: None)


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The WSGI environment of a request that has arrived whole.

    Nothing in it comes from this process's environment (SCRIPT_NAME), or from a header that says where the request
    comes from; headers with `_` in their name, which WSGI can't distinguish from those with `-`, are left out.
    """
    host, port = scope["server"] or ("", 0)
    environment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip()
        if "_" in name or name in ("content-length", "transfer-encoding"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        environment[key] = f"{environment[key]}{_JOINED.get(name, ',')}{value}" if key in environment else value
    environment["CONTENT_LENGTH"] = str(len(body))
    return environment


async def _read(scope: Scope, receive: Receive) -> tuple[bytes, bool] | None:
    """The body, and whether there is more of it as it is over the limit; None where the sender left, or was refused,
    before it was there."""
    limit = BODY_LIMIT if _declared(scope) <= BODY_LIMIT else -1
    parts, size = [], 0
    more = True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts), more


def _declared(scope: Scope) -> int:
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


def _let_arrive(environment: dict[str, Any], body: ArrivingBody, declared: int) -> None:
    """Let the application read a body that is not all there; of one in chunks nobody knows the length."""
    environment["wsgi.input"] = body
    if declared:
        environment["CONTENT_LENGTH"] = str(declared)
        del environment["wsgi.input_terminated"]
    else:
        del environment["CONTENT_LENGTH"]


class ArrivingBody(io.RawIOBase):
    """A body, for a thread that reads it while it arrives. Reading raises OSError where its sender leaves."""

    def __init__(self, first: bytes, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._held = first
        self._receive = receive
        self._loop = loop
        self._more = True

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer as far as there is something, and wait where there is nothing yet; 0 at the end."""
        while self._more and not self._held:
            message = asyncio.run_coroutine_threadsafe(_message(self._receive), self._loop).result()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the sender left")
            self._held, self._more = message.get("body", b""), message.get("more_body", False)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


async def _message(receive: Receive) -> Message:
    return await receive()


def _take(parts: Iterator[bytes]) -> tuple[bytes, bool]:
    """The next part of an answer, and whether there may be more."""
    taken, size = [], 0
    for part in parts:
        taken.append(part)
        size += len(part)
        if size >= _PART:
            return b"".join(taken), True
    return b"".join(taken), False
