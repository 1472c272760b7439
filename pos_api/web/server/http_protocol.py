"""How a request is read: whole, within limits of size and time, before any thread is taken for it.

uvicorn's protocol for HTTP/1.1 parses what arrives and writes answers, on one event loop for all connections of a
process; so a connection that waits costs memory only. What is added here: deadlines and least rates for heads and
bodies, limits of size, an upper limit of connections and of memory, and one JSON shape for what is refused.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pos_api.logs import get_logger
from pos_api.web.api import BODY_LIMIT

HEAD_SECONDS = 10.0
"""A request line with its headers has arrived by then, counted from its first byte, or from the connection's start."""
BODY_SECONDS = 30.0
"""A body has arrived by then, counted from the end of its head."""
RATE_FROM = 5.0
"""From so many seconds on the least rates hold, over the time since the start."""
HEAD_RATE, BODY_RATE = 20, 500
"""Bytes per second."""
UNREAD_SECONDS = 30.0
"""An answer that nobody reads for so long is dropped with its connection."""
LINGER_SECONDS = 2.0
"""How long a refused sender may go on sending; closing at once would take back the answer (RFC 9112, section 9.6)."""

MAX_LINE = 8190
MAX_FIELDS = 100
MAX_HEAD = 65_536
MAX_UNFINISHED_BYTES = 64 * 2**20
"""Of all bodies of this process that are not answered yet."""
MAX_PIPELINED = 16
"""Requests that a connection may send ahead, before the answer to an earlier one; whoever sends more is cut off."""
MAX_CONNECTIONS = 10_000
_AT_ONCE = 100
"""Connections refused before other requests are looked at again."""
_LOGGED_AT_ONCE = 20
"""Refused requests with a line of the log each, between two checks; what is more is logged together."""
_SPARE_FILES = 256
"""Files that a process needs besides the connections that count."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not read to its end, and what is answered."""

    status: int
    code: str
    message: str


def _unreadable(status: int, code: str) -> Refusal:
    return Refusal(status, code, f"The request can't be read: {HTTPStatus(status).phrase}.")


MALFORMED = _unreadable(400, "bad_request")
METHOD = _unreadable(405, "method_not_allowed")
LONG_LINE = _unreadable(414, "uri_too_long")
EXPECTATION = _unreadable(417, "expectation_failed")
LONG_HEAD = _unreadable(431, "headers_too_large")
CODING = _unreadable(501, "not_implemented")
CUT_OFF = Refusal(400, "bad_request", "The body did not arrive whole.")
SLOW = Refusal(408, "request_timeout", "The request did not arrive in time; send it again.")
FULL = Refusal(503, "unavailable", "Too many requests are arriving at once; send it again.")


@dataclass(slots=True)
class Arrival:
    """How much has arrived of a head or a body, and since when."""

    since: float
    in_body: bool = False
    received: int = 0

    def late(self, moment: float) -> bool:
        """Whether its deadline has passed, or it arrives more slowly than the least rate."""
        seconds = moment - self.since
        limit, rate = (BODY_SECONDS, BODY_RATE) if self.in_body else (HEAD_SECONDS, HEAD_RATE)
        return seconds > limit or (seconds > RATE_FROM and self.received < rate * seconds)


class _Connections:
    """The open connections of this process, those that have waited longest first."""

    def __init__(self) -> None:
        self._open: dict[RequestProtocol, None] = {}
        self._limit = MAX_CONNECTIONS
        self._sweeping = False
        self.body_bytes = 0
        self.refused: Counter[str] = Counter()
        """Refused for no fault that its sender could mend, or too many at once, by code; logged together."""
        self.logged = 0
        """Refused since the last check, with a line each."""

    def add(self, connection: RequestProtocol) -> None:
        """One more. Above the limit the one that has waited longest for its sender is closed."""
        if not self._sweeping:
            self._sweeping = True
            self._limit = min(MAX_CONNECTIONS, max(raise_file_limit() - _SPARE_FILES, 64))
            self._sweep(connection.loop)
        self._open[connection] = None
        if len(self._open) > self._limit and (oldest := next(filter(RequestProtocol.waits, self._open), None)):
            oldest.abort()

    def remove(self, connection: RequestProtocol) -> None:
        """It was closed."""
        self._open.pop(connection, None)

    def renew(self, connection: RequestProtocol) -> None:
        """It waits from now on."""
        self._open.pop(connection, None)
        self._open[connection] = None

    def make_room(self) -> bool:
        """Refuse the body that has been arriving longest, for the sake of the others; False where there is none."""
        for connection in self._open:
            if connection.arrives():
                connection.refuse(FULL)
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        moment, late = time.monotonic(), 0
        for connection in list(self._open):
            late += connection.check(moment)
            if late == _AT_ONCE:
                break
        if self.refused:
            log.warning("requests refused", **self.refused)
            self.refused.clear()
        self.logged = 0
        loop.call_later(0.05 if late == _AT_ONCE else 1.0, self._sweep, loop)


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows it, and return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 1024
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft


_connections = _Connections()


class RequestProtocol(HttpToolsProtocol):
    """A connection; uvicorn's, with limits."""

    _arrival: Arrival | None = None
    """Of the request that is not whole yet; None while an answer is made, and between requests."""
    _declared = 0
    _size = 0
    _large = False
    """Whether the body at hand is over the limit."""
    _body_bytes = 0
    """What counts of it as held in memory."""
    _aside = 0
    """Bytes since the last part of the body: of fields after the body, or of a chunk's extensions."""
    _refusal: Refusal | None = None
    _refused_at: float | None = None
    _unread_since: float | None = None
    _upgrading = False

    # --- as asyncio calls it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A sender has connected: a request is due."""
        super().connection_made(transport)
        self._arrival = Arrival(time.monotonic())
        _connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; so is what arrived of a body."""
        _connections.remove(self)
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some more bytes. Raises nothing: what is no request is refused."""
        if self._refused_at is not None:
            return
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        if self._arrival is None and not self._answering():
            self._expect()
        head = self._arrival if self._arrival is not None and not self._arrival.in_body else None
        if head is not None:
            head.received += len(data)
        self._aside += len(data)
        self._parse(data)
        long_head = head is not None and head is self._arrival and head.received > MAX_HEAD
        if (long_head or (self.arrives() and self._aside > MAX_HEAD)) and self._refused_at is None:
            self.refuse(LONG_HEAD)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The sender has said all: a whole request is still answered, half a body is refused."""
        if self.arrives() and self._large:  # the application says what becomes of the part that it has read
            self._arrival = None
            self.cycle.more_body = False
            self.cycle.message_event.set()
        elif self.arrives():
            self.refuse(CUT_OFF)
        if self._arrival is not None or self._refused_at is not None or not self._answering():
            return False  # asyncio then closes the connection, once what was answered is sent
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The sender reads more slowly than the answer comes."""
        self._unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read."""
        self._unread_since = None
        super().resume_writing()

    # --- as the parser calls it

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        super().on_url(url)
        if len(self.url) > MAX_LINE:
            self._stop(LONG_LINE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. What comes after a body is none (RFC 9110, section 6.5.1): no proxy in front has looked at it."""
        if self.arrives():
            return
        lowered = name.lower()
        if len(name) + len(value) > MAX_LINE or len(self.headers) >= MAX_FIELDS:
            self._stop(LONG_HEAD)
        if lowered == b"transfer-encoding" and value.strip().lower() != b"chunked":
            self._stop(CODING)
        if lowered == b"expect" and value.strip().lower() != b"100-continue":
            self._stop(EXPECTATION)
        if lowered == b"content-length":
            self._declared = int(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: the application starts to read the body."""
        if self.parser.get_method() == b"CONNECT":
            self._stop(METHOD)
        self._upgrading = bool(self.parser.should_upgrade())
        if self._upgrading:
            return
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop(FULL)
        super().on_headers_complete()
        self._size, self._large, self._aside = 0, False, 0
        if self._declared > BODY_LIMIT:
            self._pass_on()
        self._declared = 0
        self._arrival = Arrival(time.monotonic(), in_body=True)
        _connections.renew(self)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._arrival is not None:
            self._arrival.received += len(body)
        self._aside = 0
        self._size += len(body)
        if not self._large:
            self._body_bytes += len(body)
            _connections.body_bytes += len(body)
            if self._size > BODY_LIMIT:
                self._pass_on()
        super().on_body(body)
        if _connections.body_bytes > MAX_UNFINISHED_BYTES and not _connections.make_room():
            self._stop(FULL)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._upgrading:
            super().on_message_complete()
            self._arrival = None
            if self._large:
                self.cycle.keep_alive = False

    # --- as uvicorn calls it

    def on_response_complete(self) -> None:
        """The answer is written; the next request may come, unless the application has not read this one's body."""
        self._release()
        unread = self.arrives() and not self.pipeline
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self._linger()

    # --- limits

    def waits(self) -> bool:
        """Whether its sender is waited for, rather than an answer made."""
        return self._arrival is not None or not self._answering()

    def arrives(self) -> bool:
        """Whether a body is arriving."""
        return self._arrival is not None and self._arrival.in_body and self._refused_at is None

    def check(self, moment: float) -> bool:
        """Refuse or drop it where a deadline has passed; True where its request is refused as too slow."""
        if self._refused_at is not None:
            if moment - self._refused_at > LINGER_SECONDS:
                self.abort()
        elif self._arrival is not None and self._arrival.late(moment):
            self.refuse(SLOW)
            return True
        elif self.transport.get_write_buffer_size():
            self._unread_since = self._unread_since or moment
            if moment - self._unread_since > UNREAD_SECONDS:
                self.abort()
        else:
            self._unread_since = None
        return False

    def abort(self) -> None:
        """Close it at once, whatever is under way."""
        _connections.remove(self)
        self.transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer instead of the application, read no more, and close soon."""
        if self._refused_at is not None:
            return
        mid_body = self._arrival is not None and self._arrival.in_body
        if mid_body:  # nobody waits for the rest
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing() or self.pipeline or (not mid_body and self._answering()):
            self._refused_at = time.monotonic()
            self.abort()  # an earlier request has its answer to come, which this would be taken for
            return
        self.transport.write(_answer(refusal))
        self._linger()

    def _linger(self) -> None:
        """Say that nothing more will be answered, and wait a little for the sender to notice."""
        self._refused_at = time.monotonic()
        self._arrival = None
        self.flow.resume_reading()
        with suppress(OSError):  # it has left
            self.transport.write_eof()

    def _pass_on(self) -> None:
        """The body is over the limit: the application gets it as it arrives (see `wsgi_gateway`), and may answer before
        it is all there, so the connection ends afterwards, but not at once."""
        self._large = True
        self.cycle.keep_alive = True
        self._release()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse(self._refusal or (CUT_OFF if self.arrives() else MALFORMED))

    def _stay(self, rest: bytes) -> None:
        """Read on as if no other protocol had been offered, which every server may do (RFC 9110, section 7.8)."""
        head = [b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url)]
        head += [b"%s: %s" % header for header in self.headers if header[0] not in (b"upgrade", b"connection")]
        self.parser = httptools.HttpRequestParser(self)
        self._parse(b"\r\n".join(head) + b"\r\n\r\n" + rest)

    def _expect(self) -> None:
        self._arrival = Arrival(time.monotonic())
        _connections.renew(self)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.disconnected

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise ValueError(refusal.code)

    def _release(self) -> None:
        _connections.body_bytes -= self._body_bytes
        self._body_bytes = 0


def _answer(refusal: Refusal) -> bytes:
    head, body = answer_parts(refusal)
    _log(refusal, head["X-Request-Id"])
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _log(refusal: Refusal, request_id: str) -> None:
    """A line of the log, as long as nobody fills it with them."""
    if refusal in (SLOW, FULL) or _connections.logged >= _LOGGED_AT_ONCE:
        _connections.refused[refusal.code] += 1
    else:
        _connections.logged += 1
        log.warning("request refused", status=refusal.status, code=refusal.code, request_id=request_id)


def answer_parts(refusal: Refusal) -> tuple[dict[str, str], bytes]:
    """The headers and the body of the answer to a refused request."""
    request_id = uuid.uuid4().hex
    problem = {"code": refusal.code, "message": refusal.message, "details": None}
    body = json.dumps({"success": False, "error": problem, "request_id": request_id}).encode()
    head = {
        "Connection": "close",
        "X-Request-Id": request_id,
        "Cache-Control": "no-store",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        head["Retry-After"] = "5"
    return head, body
