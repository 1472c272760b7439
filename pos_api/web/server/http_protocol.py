"""How a request is read: whole, within limits of size and time, before any thread is taken for it.

uvicorn's protocol for HTTP/1.1 parses what arrives and writes answers, on one event loop for all connections of a
process; so a connection that waits costs memory only. What is added here: deadlines and least rates for heads and
bodies, limits of size, an upper limit of connections and of memory, and one JSON shape for what is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pos_api.web.server.connections import Connections
from pos_api.web.server.refusals import (
    CODING,
    CUT_OFF,
    EXPECTATION,
    FULL,
    LONG_HEAD,
    LONG_LINE,
    MALFORMED,
    METHOD,
    SLOW,
    Refusal,
    http_answer,
)
from pos_api.web.server.request_limits import (
    BODY_LIMIT,
    LAST_REQUEST_SECONDS,
    LINGER_SECONDS,
    MAX_FIELDS,
    MAX_HEAD,
    MAX_LINE,
    MAX_PIPELINED,
    MAX_UNFINISHED_BYTES,
    UNREAD_SECONDS,
    Arrival,
)
from pos_api.web.server.streams import open_streams

connections = Connections()


class RequestProtocol(HttpToolsProtocol):
    """A connection; uvicorn's, with limits."""

    _arrival: Arrival | None = None
    """Of the request that is not whole yet; None while an answer is made, and between requests."""
    _being_answered: RequestResponseCycle = None  # type: ignore[assignment] # as uvicorn's `cycle` before the first
    """The request that the application answers; where others were sent ahead, `cycle` is the last of them."""
    _declared = 0
    _size = 0
    _large = False
    """Whether the body at hand is over the limit."""
    _held: Counter[RequestResponseCycle]
    """Bytes of each request's body that count as held in memory, until it is answered."""
    _aside = 0
    """Bytes since the last part of the body: of fields after the body, or of a chunk's extensions."""
    _refusal: Refusal | None = None
    _refused_at: float | None = None
    _unread_since: float | None = None
    _upgrading = False
    _last = False
    """Whether the process is ending: a request that is under way is the last that is answered on this connection."""

    # --- as asyncio calls it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A sender has connected: a request is due."""
        super().connection_made(transport)
        self._arrival = Arrival(time.monotonic())
        self._held = Counter()
        connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; so is what arrived of bodies."""
        connections.remove(self)
        for cycle in list(self._held):
            self._release(cycle)
        if self._being_answered is not None:  # uvicorn does the same, but for the last request that was sent
            self._being_answered.disconnected = True
            self._being_answered.message_event.set()
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
        """The sender sends nothing more: a complete request is still answered, half a body is refused. Who reads a
        stream has left: nothing else shows it as long as there is nothing new to send."""
        if self.arrives() and self._large:  # the application says what becomes of the part that it has read
            self._arrival = None
            self.cycle.more_body = False
            self.cycle.message_event.set()
        elif self.arrives():
            self.refuse(CUT_OFF)
        is_stream = self._answering() and self._being_answered.scope["state"].get("is_stream")
        if is_stream or self._arrival is not None or self._refused_at is not None or not self._answering():
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
        self.scope["state"]["drop"] = self.abort  # for `streams`
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and not self._last
        self._size, self._large, self._aside = 0, False, 0
        if self._declared > BODY_LIMIT:
            self._pass_on()
        self._declared = 0
        self._arrival = Arrival(time.monotonic(), in_body=True)
        connections.renew(self)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._arrival is not None:
            self._arrival.received += len(body)
        self._aside = 0
        self._size += len(body)
        if not self._large:
            self._held[self.cycle] += len(body)
            connections.body_bytes += len(body)
            if self._size > BODY_LIMIT:
                self._pass_on()
        super().on_body(body)
        if connections.body_bytes > MAX_UNFINISHED_BYTES:
            made = connections.make_room()
            if not made or self._refused_at is not None:  # room may have been made by refusing this body
                self._stop(FULL)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._upgrading:
            super().on_message_complete()
            self._arrival = None
            if self._large:
                self.cycle.keep_alive = False

    # --- as uvicorn calls it

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._being_answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """The answer is written; the next request may come, unless the application has not read this one's body."""
        self._release(self._being_answered)
        unread = self.arrives() and not self.pipeline
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self._linger()

    def shutdown(self) -> None:
        """The process ends: a request that is under way is still answered, and its connection closed after that. An
        answer that would go on as long as somebody reads it ends.

        A connection between requests stays open for a moment: the sender may have sent one that is not read yet, and
        closing a connection with something unread resets it (RFC 9112, section 9.6).
        """
        open_streams.end_all()
        if self._refused_at is None and not self._answering():
            self._last = True
            self.loop.call_later(LAST_REQUEST_SECONDS, self._close_unused)
        else:
            super().shutdown()

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
        connections.remove(self)
        self.transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer instead of the application, read no more, and close soon."""
        if self._refused_at is not None:
            return
        mid_body = self._arrival is not None and self._arrival.in_body
        if mid_body:  # nobody waits for the rest, nor keeps what is there
            self._release(self.cycle)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing() or self.pipeline or (not mid_body and self._answering()):
            self._refused_at = time.monotonic()
            self.abort()  # an earlier request has its answer to come, which this would be taken for
            return
        request_id, answer = http_answer(refusal)
        connections.log(refusal, request_id)
        self.transport.write(answer)
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
        self._release(self.cycle)

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
        connections.renew(self)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.disconnected

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise ValueError(refusal.code)

    def _close_unused(self) -> None:
        """Nothing has come on this connection since the process began to end."""
        begun = self._arrival is not None and self._arrival.received
        if not begun and not self._answering() and self._refused_at is None:
            self.transport.close()

    def _release(self, cycle: RequestResponseCycle) -> None:
        connections.body_bytes -= self._held.pop(cycle, 0)
