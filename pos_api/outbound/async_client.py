"""HTTP requests to many receivers at once, each of which may be broken or hostile, on one asyncio event loop.

A request as a whole has 15 seconds, the lookup of its name included. Every address that a name has is checked, and the
connection is made to a checked address; the socket is checked once more before it connects, also where the host is an
address itself. Certificates are verified, with the system's store or the file that SSL_CERT_FILE names. Redirects are
answers. No proxy, no `.netrc` and no cookies are used. Whatever goes wrong is a RequestError in plain words, without
the request's address.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import ssl
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong, PayloadEncodingError
from yarl import URL

from pos_api.config import Network
from pos_api.errors import Invalid
from pos_api.outbound.errors import RequestError
from pos_api.outbound.name_lookup import LookUp, NameLookups, system_look_up
from pos_api.outbound.receiver_url import receiver_url, target_refusal
from pos_api.outbound.unreachable import TOO_LARGE, reasons, unreachable

ENTIRE_SECONDS = 15.0
MOST_BODY = 64 * 1024
_MOST_RECEIVED = 2**20
_MOST_ANSWERS = 20
_LARGE = 2**20
_MOST_HEADERS = 100
_MOST_HEADER = 8 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_KEEP_ALIVE_SECONDS = 15.0
_CONNECTIONS_PER_HOST = 32
_MOST_ADDRESSES = 4
_OWN_HEADERS = {"User-Agent": "WooCommerce-POS-Sync", "Accept-Encoding": "gzip, deflate"}

_is_reused: ContextVar[bool] = ContextVar("is_reused")
"""Whether the connection of the request that this task is making has carried one before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: `headers` are found in any case, `body` has the first 64 KiB, unpacked (as it came
    where it can't be), and `seconds` is the time from the begin of the request to the end of the answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class GuardedClient:
    """POSTs to receivers: to public addresses and over https only, except within the networks `allowed`
    (OUTBOUND_ALLOW). `async with GuardedClient(allowed) as client:`, all in one event loop. A connection is kept open
    for 15 seconds, for requests to the same scheme, host and port. `look_up` finds a host's addresses."""

    def __init__(self, allowed: Sequence[Network], look_up: LookUp = system_look_up) -> None:
        self._allowed = tuple(allowed)
        self._lookups = NameLookups(look_up)
        self._sessions: dict[tuple[str, bool], aiohttp.ClientSession] = {}
        """By scheme, and whether its connections are kept."""
        self._close = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises OSError for a SSL_CERT_FILE that can't be read."""
        certificates = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None)
        for scheme in ("https", "http"):
            guard = _Guard(self._allowed, self._lookups, encrypted=scheme == "https")
            for is_kept in (True, False):
                session = _session(guard, certificates, is_kept=is_kept)
                self._sessions[scheme, is_kept] = await self._close.enter_async_context(session)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close.aclose()
        await asyncio.sleep(0)  # sockets are closed in the loop's next step

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float = ENTIRE_SECONDS) -> Answer:
        """Send a request and read its answer, all within `timeout` seconds. Raises RequestError with the cause address,
        dns, refused, tls, timeout, cut_off, malformed, too_large (the head) or network."""
        try:
            target = receiver_url(url, self._allowed)
        except Invalid as problem:
            raise RequestError("address", problem.message) from None
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                status, answered, content = await self._exchange(target, headers, body)
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise _failure(error, str(target.host)) from None
        return Answer(status, answered, _unpacked(content, answered), time.monotonic() - began)

    async def _exchange(
        self, url: URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request; where a kept connection turns out to have been closed by the receiver, once more over a new
        one."""
        _is_reused.set(False)
        try:
            return await self._request(url, headers, body, is_kept=True)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError):
            if not _is_reused.get():
                raise
        return await self._request(url, headers, body, is_kept=False)

    async def _request(
        self, url: URL, headers: Mapping[str, str], body: bytes, *, is_kept: bool
    ) -> tuple[int, Mapping[str, str], bytes]:
        session = self._sessions[url.scheme, is_kept]
        async with session.post(url, data=_in_parts(body), headers=headers, allow_redirects=False) as response:
            return response.status, response.headers, await _beginning(response.content)


class _Guard(AbstractResolver):
    """Lets connections be made to no address that is refused."""

    def __init__(self, allowed: tuple[Network, ...], lookups: NameLookups, *, encrypted: bool) -> None:
        self._allowed = allowed
        self._lookups = lookups
        self._encrypted = encrypted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host, all of which were checked, but those to which there is no route. Raises
        RequestError, OSError where there is no route to any."""
        found = await self._lookups.addresses(host)
        for address in found:
            self._check(host, address, port)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=_family(address), proto=0, flags=socket.AI_NUMERICHOST
            )
            for address in _with_route(found, port)[:_MOST_ADDRESSES]
        ]

    def socket_to(self, target: tuple[Any, ...]) -> socket.socket:
        """A socket that is about to connect to an address. Raises RequestError, OSError."""
        family, kind, protocol, _, address = target
        self._check(str(address[0]), str(address[0]), int(address[1]))
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _check(self, host: str, address: str, port: int) -> None:
        if why := target_refusal(address, port, self._encrypted, self._allowed):
            raise RequestError("address", f"{host} is {why} ({address}); the service does not connect to it.")


class _LimitedHandler(ResponseHandler):
    """Receives a limited number of bytes, and of answers 1xx, for a request. aiohttp limits each line and the number of
    headers alone; it takes what came unasked for the answer to the next request; and it closes no connection before
    all was sent, which a receiver that reads nothing puts off for ever."""

    _has_carried = False
    _left = 0
    _answers_left = 0

    def set_response_params(self, **params: Any) -> None:
        """A request begins."""
        _is_reused.set(self._has_carried)
        self._has_carried = True
        self._left = _MOST_RECEIVED
        self._answers_left = _MOST_ANSWERS
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, or none where reading was paused. Each head is read alone: what follows an answer may be
        no HTTP, such as a body after a 204, or more than its Content-Length says, and an answer that is read together
        with that would be lost."""
        self._left -= len(data)
        if self._left < 0:
            self._end()
            return
        is_read = False
        while not is_read:
            head, end, rest = data.partition(_END_OF_HEAD) if self._head_is_next() else (data, b"", b"")
            super().data_received(head + end)
            data, is_read = rest, not rest or self.exception() is not None
        problem = self.exception()
        if problem is not None and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(problem)  # or the rest of it is waited for

    def _head_is_next(self) -> bool:
        return self._payload is None or self._payload.is_eof()

    def feed_data(self, data: Any, size: int = 0) -> None:
        """The head of an answer."""
        self._answers_left -= 1
        if self._answers_left >= 0:
            super().feed_data(data, size)
        else:
            self._end()

    def close(self) -> None:
        """Close the connection, at once."""
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.abort()
        super().close()

    def _end(self) -> None:
        if self.transport is None:
            return
        error = RequestError("too_large", "The head of the answer is too large.")
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
        self.transport.abort()

    def is_connected(self) -> bool:
        """Whether the connection can be used for a request."""
        return super().is_connected() and not self._buffer


def _session(guard: _Guard, certificates: ssl.SSLContext, *, is_kept: bool) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=guard,
        socket_factory=guard.socket_to,
        use_dns_cache=False,  # NameLookups has one
        ssl=certificates,
        limit=0,
        limit_per_host=_CONNECTIONS_PER_HOST,
        **({"keepalive_timeout": _KEEP_ALIVE_SECONDS} if is_kept else {"force_close": True}),
    )
    connector._factory = partial(_LimitedHandler, loop=asyncio.get_running_loop())  # type: ignore[assignment]
    return aiohttp.ClientSession(
        connector=connector,
        headers=_OWN_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        read_bufsize=MOST_BODY,
        max_field_size=_MOST_HEADER,
        max_line_size=_MOST_HEADER,
        max_headers=_MOST_HEADERS,
    )


def _failure(error: Exception, host: str) -> RequestError:
    found = list(reasons(error))
    if isinstance(error, aiohttp.ClientResponseError) or any(map(_is_malformed, found)):
        if any(isinstance(reason, LineTooLong) for reason in found):
            return RequestError(TOO_LARGE[0], TOO_LARGE[1].format(host=host))
        return RequestError("malformed", f"What {host} answers is not valid HTTP, or has too many headers.")
    if isinstance(error, aiohttp.InvalidURL):
        return RequestError("address", f"{host} is no address of a server.")
    return unreachable(error, host)


def _is_malformed(reason: BaseException) -> bool:
    """Whether it is of what is no HTTP; a body that ends too early is."""
    return isinstance(reason, HttpProcessingError) and not isinstance(reason, PayloadEncodingError)


def _in_parts(body: bytes) -> bytes | io.BytesIO:
    """A large body is written in parts, so that other requests go on meanwhile."""
    return io.BytesIO(body) if len(body) > _LARGE else body


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """A body's first 64 KiB. A connection on which more follows is closed by aiohttp."""
    if content.is_eof():
        return content.read_nowait(MOST_BODY)
    body = bytearray()
    while len(body) < MOST_BODY and (part := await content.read(MOST_BODY - len(body))):
        body += part
    return bytes(body)


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """What was packed, up to 64 KiB; the body itself where it is not packed, or can't be unpacked."""
    windows = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}  # deflate comes with and without zlib's header
    for window in windows.get(headers.get("Content-Encoding", "").strip().lower(), ()):
        try:
            return zlib.decompressobj(window).decompress(body, MOST_BODY)
        except zlib.error:
            continue
    return body


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _with_route(addresses: Sequence[str], port: int) -> list[str]:
    """Those to which this machine has a route: where it has no IPv6, an IPv6 address is no reason why a receiver can't
    be reached. Raises OSError where there is none at all."""
    reachable: list[str] = []
    problem: OSError | None = None
    for address in addresses:
        try:
            with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
                probe.connect((address, port))  # sends nothing
        except OSError as error:
            problem = problem or error
        else:
            reachable.append(address)
    if problem and not reachable:
        raise problem
    return reachable
