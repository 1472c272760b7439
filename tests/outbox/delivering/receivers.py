"""Subscribers of the tests: real servers on this machine, which note what comes and answer as they are set."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Request:
    """A request that came."""

    id: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The envelope."""
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Answer:
    """What to answer; `hang` and `reset` instead of it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    hang: bool = False
    reset: bool = False


class Receiver:
    """A server that answers each request by `answer`, which may be replaced at any time."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.open = 0
        self.most_open = 0
        self.answer: Callable[[Request], Answer] = lambda request: Answer()
        self.port = 0
        self._released: asyncio.Event

    def url(self, path: str = "") -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def ids(self, path: str = "") -> list[str]:
        """The ids of the events that came, repeats included."""
        return [each.id for each in list(self.requests) if not path or each.path == f"/{path}"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note it and answer."""
        body = await request.read()
        came = Request(request.headers["webhook-id"], request.path, dict(request.headers), body)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            answer = self.answer(came)
            self.requests.append(came)
            if answer.reset and request.transport:
                request.transport.abort()
            if answer.hang:
                await self._released.wait()
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        finally:
            self.open -= 1

    async def run(self, started: threading.Event, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        self._released = asyncio.Event()
        app = web.Application()
        app.router.add_route("POST", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        started.set()
        await stop.wait()
        self._released.set()
        await runner.cleanup()


@contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """A receiver, for as long as it lasts."""
    receiver = receiver or Receiver()
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        try:
            loop.run_until_complete(receiver.run(started, stop))
        finally:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
