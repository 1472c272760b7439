"""What arrived of a body counts as held in memory until its request is answered or refused, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from pos_api.web.server import http_protocol
from pos_api.web.server.connections import Connections
from pos_api.web.server.http_protocol import RequestProtocol

HEAD = b"POST / HTTP/1.1\r\nHost: pos\r\n"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """The connections of the test, which counts what they hold."""
    counted = Connections()
    monkeypatch.setattr(http_protocol, "connections", counted)
    return counted


@asynccontextmanager
async def connected(
    may_answer: asyncio.Event,
) -> AsyncGenerator[tuple[RequestProtocol, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, on both sides; its requests are answered once their body was read and they may be."""

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        await may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = Config(application, lifespan="off", ws="none", log_config=None)
    config.load()
    protocol = RequestProtocol(config, ServerState(), {})
    server = await asyncio.get_running_loop().create_server(lambda: protocol, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield protocol, reader, writer
        writer.close()


def test_a_body_that_is_refused_in_the_middle_of_a_read_holds_nothing_of_its_rest(
    counted: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "MAX_UNFINISHED_BYTES", 5000)

    async def run() -> tuple[bytes, int, int]:
        async with connected(asyncio.Event()) as (protocol, reader, writer):
            chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9)
            answer = await reader.read()
            return answer, counted.body_bytes, len(protocol.cycle.body)

    answer, held, kept = uvloop.run(run())
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert held == 0
    assert kept <= 6000, "no part that came after the refusal"


def test_an_answer_leaves_what_is_held_of_the_request_behind_it(counted: Connections) -> None:
    async def run() -> list[int]:
        may_answer = asyncio.Event()
        async with connected(may_answer) as (_, reader, writer):
            writer.write(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000)
            writer.write(HEAD + b"Content-Length: 3000\r\n\r\n" + b"x" * 2000)
            while counted.body_bytes < 3000:
                await asyncio.sleep(0)
            held = [counted.body_bytes]
            may_answer.set()
            for rest in (b"x" * 1000, b""):
                await reader.readuntil(b"\r\n\r\nok")
                held.append(counted.body_bytes)
                writer.write(rest)
        return held

    assert uvloop.run(run()) == [3000, 2000, 0]
