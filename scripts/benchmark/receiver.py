"""A subscriber for the bench, in a process of its own: it answers each POST with 204 at once, or never where the path
begins with /hang, and notes when it came.

    python -m scripts.benchmark.receiver PORT FILE

At SIGTERM it writes to FILE a line for each request: its path, its `webhook-id`, and the time.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
came: list[tuple[str, str, float]] = []


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
            names = {name.lower(): value for name, value in fields.items()}
            size = end + 4 + int(names.get("content-length", 0))
            if len(self._received) < size:
                return
            self._received = self._received[size:]
            self._answer(head.split(" ")[1], names.get("webhook-id", ""))

    def _answer(self, path: str, event: str) -> None:
        came.append((path, event, time.time()))
        if self._transport is not None and not path.startswith("/hang"):
            self._transport.write(_ANSWER)


async def main() -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(_Connection, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await stop.wait()
    Path(sys.argv[2]).write_text("".join(f"{path} {event} {at}\n" for path, event, at in came))


if __name__ == "__main__":
    asyncio.run(main())
