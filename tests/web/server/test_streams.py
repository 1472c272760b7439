"""Answers without an end: they hold no thread, and nobody waits for who does not read them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from pos_api.web.server import streams
from tests.waiting import wait_until
from tests.web.serving import serving


class Endless:
    """A stream that has always more to say, or only one thing; it knows how often it was asked, and whether it was
    closed."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = False
        self.quiet = False

    def __iter__(self) -> Iterator[bytes]:
        yield b""

    async def parts(self) -> AsyncGenerator[bytes]:
        """A large part after the other."""
        try:
            while True:
                self.asked += 1
                yield b"x" * 100_000
                await asyncio.sleep(1e6 if self.quiet else 0.001)
        finally:
            self.closed = True


@pytest.fixture
def stream() -> Endless:
    return Endless()


@pytest.fixture
def port(stream: Endless) -> Iterator[int]:
    """Where the stream is served, by one thread."""

    def application(environment: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream if environment["PATH_INFO"] == "/stream" else [b"answered"]

    with serving(application, threads=1) as port:
        yield port
        began = time.monotonic()
    assert time.monotonic() - began < 8, "the end waits for no reader"


@pytest.fixture
def ask(port: int) -> Iterator[Callable[[str], socket.socket]]:
    """What makes a connection on which this path is asked for."""
    with ExitStack() as stack:

        def connect(path: str) -> socket.socket:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: pos\r\n\r\n".encode())
            return connection

        yield connect


Ask = Callable[[str], socket.socket]


def test_a_stream_holds_no_thread_and_ends_with_its_reader(ask: Ask, stream: Endless) -> None:
    reader = ask("/stream")
    assert b"200 OK" in reader.recv(1000)
    assert ask("/").recv(1000).startswith(b"HTTP/1.1 200 OK"), "the only thread is free"
    reader.close()
    wait_until(lambda: stream.closed, 5)


def test_a_stream_with_nothing_new_ends_with_its_reader(ask: Ask, stream: Endless) -> None:
    stream.quiet = True
    reader = ask("/stream")
    wait_until(lambda: b"x" in reader.recv(1_000_000))
    reader.shutdown(socket.SHUT_WR)  # all that the server sees of a browser whose page is closed
    wait_until(lambda: stream.closed, 5)


def test_a_stream_ends_with_a_reader_who_sent_another_request_ahead(
    ask: Ask, stream: Endless, caplog: pytest.LogCaptureFixture
) -> None:
    reader = ask("/stream HTTP/1.1\r\nHost: pos\r\n\r\nGET /")
    assert b"200 OK" in reader.recv(1000)
    reader.close()
    wait_until(lambda: stream.closed, 5)
    assert not caplog.records, "it is no error"


def test_who_does_not_read_is_dropped(ask: Ask, stream: Endless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "READ_WITHIN", 0.5)
    reader = ask("/stream")
    wait_until(lambda: stream.closed, 8)
    asked = stream.asked
    received = b"".join(iter(partial(reader.recv, 1_000_000), b""))  # until it is closed
    assert not received.endswith(b"0\r\n\r\n"), "as an answer that is cut off"
    assert stream.asked == asked < 200, "little is held for who does not read"


def test_the_end_of_the_process_does_not_wait_for_who_does_not_read(ask: Ask, stream: Endless) -> None:
    assert b"200 OK" in ask("/stream").recv(1000)
    wait_until(lambda: stream.asked > 1)  # and then `port` ends it
