"""A shop's plugin on a real socket: it answers what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeAlias

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

Answer: TypeAlias = Callable[[Request], Response]


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    ahead = timedelta()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)

    def log(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(answer: Answer, ahead: timedelta = timedelta()) -> Iterator[str]:
    """Serve the answers meanwhile; the value is the shop's address. Its clock is so far `ahead`."""
    handler = type("Handler", (_Handler,), {"ahead": ahead})
    server = make_server("127.0.0.1", 0, Request.application(answer), threaded=True, request_handler=handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
