"""The service's own web server in this process: what its event loop and its threads do, without its processes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from pos_api.web.server import http_protocol, wsgi_gateway
from pos_api.web.server.http_protocol import RequestProtocol
from pos_api.web.server.streams import OpenStreams
from pos_api.web.server.wsgi_gateway import Gateway, Wsgi

_SETTINGS: dict[str, Any] = {
    "http": RequestProtocol,
    "ws": "none",
    "log_config": None,
    "lifespan": "on",
    "loop": "uvloop",
    "timeout_graceful_shutdown": 20,
}


@contextmanager
def serving(application: Wsgi, threads: int) -> Iterator[int]:
    """Serve the application with so many threads meanwhile; the value is the port, on 127.0.0.1."""
    with pytest.MonkeyPatch.context() as patched, socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        streams = OpenStreams()  # those of the process would all have ended with the first server
        for module in (http_protocol, wsgi_gateway):
            patched.setattr(module, "open_streams", streams)
        server = uvicorn.Server(uvicorn.Config(Gateway(application, threads, lambda: None), **_SETTINGS))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
