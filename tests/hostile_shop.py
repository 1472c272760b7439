"""A server that answers a shop's requests with whatever bytes a test wants, at whatever speed."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Answering: TypeAlias = Callable[[socket.socket, bytes], None]
"""Answers one request, whose head it is given."""


@dataclass
class Hostile:
    """A running server: its address, the heads of the requests it got, and `ended`, which its answers may wait for."""

    url: str
    heads: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def hostile(answering: Answering, tls: ssl.SSLContext | None = None) -> Iterator[Hostile]:
    """A server on this machine until the end of the block, over TLS by a context; each connection carries one
    request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        scheme = "https" if tls else "http"
        server = Hostile(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(server, listening, answering, tls), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: Hostile, listening: socket.socket, answering: Answering, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_answer, args=(server, connection, answering, tls), daemon=True).start()


def _answer(server: Hostile, accepted: socket.socket, answering: Answering, tls: ssl.SSLContext | None) -> None:
    with accepted, suppress(OSError), tls.wrap_socket(accepted, server_side=True) if tls else accepted as connection:
        head = b""
        while b"\r\n\r\n" not in head and (more := connection.recv(65536)):
            head += more
        server.heads.append(head)
        answering(connection, head)
