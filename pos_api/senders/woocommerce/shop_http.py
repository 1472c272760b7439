"""HTTP requests to a shop that may be broken or hostile.

A request is timed as a whole, its answer is limited in bytes (as sent and unpacked), redirects are not followed,
cookies are not kept, certificates are always checked, and no connection is made to an address where no shop can be
(`shop_addresses`). Whatever goes wrong is a ShopError in plain words, without the request's address, which may hold a
signature.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pos_api.database.client import Document
from pos_api.errors import PosError
from pos_api.senders.woocommerce import shop_addresses

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and for a request as a whole, from looking up the name to the last byte of the answer."""
MOST_BYTES = 20 * 1024 * 1024
"""The largest answer, as it is sent and as it is unpacked."""

_MOST_HEAD = 256 * 1024
_MOST_ADDRESSES = 4
_CHUNK = 64 * 1024

for _name in ("urllib3", "oauthlib", "requests_oauthlib"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # they log the whole address, signature included


class ShopError(PosError):
    """The shop can't be read; `cause` is stable, the message says what it means and what to do."""

    status = 502
    code = "shop_unreadable"

    def __init__(self, cause: str, message: str, *, http_status: int = 0, wc_code: str = "") -> None:
        super().__init__(message, details={"cause": cause})
        self.cause = cause
        self.http_status = http_status
        self.wc_code = wc_code


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, its body unpacked; `headers` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Requests to one shop, from any number of threads, each with a connection of its own that is kept open."""

    def __init__(self, auth: AuthBase, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._auth = auth
        self._timeout = timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def request(self, method: str, url: str, params: Mapping[str, str], body: Document | None = None) -> Reply:
        """Send a request, `body` as JSON, and read the whole answer. Raises ShopError."""
        host = urlsplit(url).hostname or "the address"
        limits = _limits.set(_Limits(*self._timeout))
        try:
            with self._session().request(
                method, url, params=params, json=body, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                return Reply(response.status_code, response.headers, _body(response))
        except ShopError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _unreachable(error, host) from None
        finally:
            _limits.reset(limits)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
            session.auth = self._auth
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter())
            session.headers["User-Agent"] = "WooCommerce-POS-Sync"
            session.headers["Accept"] = "application/json"
            session.headers["Accept-Encoding"] = "gzip, deflate"
            session.headers["Cache-Control"] = "no-cache"  # a cache in between may not answer with what was before
            self._sessions.append(session)
        return session


class _Session(requests.Session):
    """`requests` works out where a redirect leads, and reads its body for that, also where none is followed."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _body(response: requests.Response) -> bytes:
    """The unpacked body; reading stops where it gets too large."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> ShopError:
    return ShopError("too_large", f"The shop's answer is larger than {MOST_BYTES // 2**20} MiB and was not read.")


# --- limits that hold for every byte that is received -------------------------------------------------------------


class _Limits:
    """How long a request may take in all and how many bytes may still be received for it."""

    def __init__(self, connect: float, whole: float) -> None:
        self._connect = connect
        self._end = time.monotonic() + whole
        self._bytes = MOST_BYTES + _MOST_HEAD

    def seconds(self, *, connecting: bool = False) -> float:
        """The seconds that are left. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return min(left, self._connect) if connecting else left

    def received(self, count: int) -> None:
        """Note bytes that came. Raises ShopError when they are too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise _too_large()


_limits: ContextVar[_Limits] = ContextVar("limits")
"""Of the request that this thread is making."""


class _Received(io.RawIOBase):
    """What comes in on a socket, within the limits; a socket's own timeout begins anew with every byte."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._limits = _limits.get()

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


def _connected(connection: HTTPConnection) -> socket.socket:
    """A socket to the connection's host. Its addresses are looked up once: those that were checked are those that are
    connected to. Raises ShopError for an address where no shop can be, OSError."""
    host, limits = connection.host, _limits.get()
    try:
        found = socket.getaddrinfo(host.strip("[]"), connection.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise ShopError("address", f"{host} is no address of a shop.") from None
    for *_, address in found:
        if why := shop_addresses.refusal(str(address[0])):
            raise ShopError("address", f"{host} is {why} ({address[0]}); the service does not connect to it.")
    problem: OSError | None = None
    for *_, address in found[:_MOST_ADDRESSES]:
        try:
            sock = socket.create_connection((str(address[0]), connection.port), limits.seconds(connecting=True))
        except OSError as error:
            problem = problem or error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise problem or OSError("no address")


class _Http(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _Https(HTTPSConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    """Connections of ours, also to a proxy that the environment names."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager


# --- what went wrong ----------------------------------------------------------------------------------------------


def _unreachable(error: Exception, host: str) -> ShopError:
    """What failed, without the request's address: it may hold a signature."""
    reasons = list(_chain(error))
    for reason in reasons:
        if isinstance(reason, ShopError):
            return reason
        if isinstance(reason, ssl.SSLError):
            return ShopError("tls", f"No safe connection to {host}: {_tls_problem(reason)}.")
        if isinstance(reason, socket.gaierror):
            return ShopError("dns", f"There is no host {host}.")
        if isinstance(reason, ConnectionRefusedError):
            return ShopError("refused", f"{host} refuses the connection: nothing listens there.")
        if isinstance(reason, http.client.LineTooLong) or type(reason) is http.client.HTTPException:
            return ShopError("too_large", f"The headers of the answer of {host} are too large.")
        if isinstance(reason, urllib3.exceptions.DecodeError):
            return ShopError("cut_off", f"The answer of {host} can't be unpacked.")
    if isinstance(error, requests.Timeout) or any(isinstance(each, TimeoutError) for each in reasons):
        return ShopError("timeout", f"{host} did not answer in time.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return ShopError("address", f"{host} is no address of a shop.")
    return ShopError("cut_off", f"The connection to {host} broke off.")


def _tls_problem(error: ssl.SSLError) -> str:
    """A certificate that nobody vouches for, in OpenSSL's words; a server that speaks no TLS, in ours."""
    if detail := getattr(error, "verify_message", ""):
        return f"its certificate is not accepted ({detail})"
    reason = str(getattr(error, "reason", "") or "")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return "it speaks no TLS there; is the address http://?"
    return reason.replace("_", " ").lower() or "it speaks no TLS there"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception with all that it is made of; urllib3 hides the cause in `reason` and in the arguments."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]
