"""Connections of `requests` on which every byte is received within a request's limits of time and size, and which are
made to no address that the request refuses (`addresses`)."""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pos_api.outbound.addresses import Refusal
from pos_api.outbound.errors import RequestError

_MOST_HEAD = 256 * 1024
_MOST_ADDRESSES = 4


def too_large(most_bytes: int) -> RequestError:
    """The error of an answer that is larger than that."""
    size = f"{most_bytes // 2**20} MiB" if most_bytes >= 2**20 else f"{most_bytes // 2**10} KiB"
    return RequestError("too_large", f"The answer is larger than {size} and was not read.")


class Limits:
    """How long a request may take in all, how many bytes may still be received for it, and to which addresses it
    goes."""

    def __init__(self, connect: float, entire: float, most_bytes: int, refuses: Refusal) -> None:
        self.refuses = refuses
        self._connect = connect
        self._end = time.monotonic() + entire
        self._most_bytes = most_bytes
        self._bytes = most_bytes + min(_MOST_HEAD, most_bytes)

    def seconds(self, *, connecting: bool = False) -> float:
        """The seconds that are left. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return min(left, self._connect) if connecting else left

    def received(self, count: int) -> None:
        """Note bytes that came. Raises RequestError when they are too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise too_large(self._most_bytes)


request_limits: ContextVar[Limits] = ContextVar("limits")
"""Of the request that this thread is making."""


class _Received(io.RawIOBase):
    """What comes in on a socket, within the limits; a socket's own timeout begins anew with every byte."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._limits = request_limits.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._limits.seconds())
        count = self._raw.readinto(buffer)
        self._limits.received(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is received within the limits."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Received(sock))


def _connected(connection: HTTPConnection, *, encrypted: bool) -> socket.socket:
    """A socket to the connection's host. Its addresses are looked up once: those that were checked are those that are
    connected to. Raises RequestError for an address that is refused, OSError."""
    host, limits = connection.host, request_limits.get()
    try:
        found = socket.getaddrinfo(host.strip("[]"), connection.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise RequestError("address", f"{host} is no address of a server.") from None
    for *_, address in found:
        if why := limits.refuses(str(address[0]), encrypted):
            raise RequestError("address", f"{host} is {why} ({address[0]}); the service does not connect to it.")
    problem: OSError | None = None
    for *_, address in found[:_MOST_ADDRESSES]:
        try:
            sock = socket.create_connection((str(address[0]), connection.port), limits.seconds(connecting=True))
        except OSError as error:
            problem = problem or error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(limits.seconds())  # for a TLS handshake and the request, each as a whole
        return sock
    raise problem or OSError("no address")


class _Http(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connected(self, encrypted=False)


class _Https(HTTPSConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connected(self, encrypted=True)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class LimitedAdapter(HTTPAdapter):
    """Connections of ours, also to a proxy that the environment names."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager
