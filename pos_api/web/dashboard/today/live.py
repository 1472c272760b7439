"""What happens is shown on all open pages within two seconds, by Server-Sent Events.

While anybody listens, one broadcaster in each web process looks every 0.6 seconds, by an index, whether an order has
changed. Where one has, it renders what each variant of the page shows, once and at most every 1.2 seconds, and gives it
to every listener of that variant. A listener keeps the newest parts only, so that one who reads slowly holds no memory.
Every second or so it is looked at whether the listeners' sessions still count.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, current_app
from pymongo.errors import PyMongoError

from pos_api.errors import NotFound, PosError, Unavailable
from pos_api.logs import get_logger
from pos_api.staff import sessions
from pos_api.staff.sessions import Session
from pos_api.web.dashboard.today.shown import Variant, fingerprint, rendered
from pos_api.web.services import Services

LOOK_EVERY = 0.6
_RENDER_EVERY = 1.2
_RENDER_AFTER = 5.0
"""Seconds for which it is rendered again after a change: figures are kept for two, and a change may become visible
after one that the database stamped later."""
_RENDER_ANYWAY = 10.0
"""Seconds after which is looked at what no order says: figures of another minute, and what needs a look."""
_SESSIONS_EVERY = 1.2
_SILENT_AT_MOST = 15.0
"""A comment is sent after so long, which shows proxies that the connection is used."""
_LASTS = 200.0
"""Seconds after which a stream ends, and the browser asks again; some more, so that not all do so together."""
MOST_LISTENERS = 1_000
MOST_OF_ONE_USER = 50
"""Open pages of one user; tills may share one. So nobody keeps all others from the live page."""
_COMMENT = b": \n\n"
_ENDED = b"event: ended\ndata:\n\n"

log = get_logger(__name__)
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a variant of the page shows, and what it is known by."""

    version: str
    event: bytes


def parts_of(html: str) -> Parts:
    """HTML as an event."""
    version = fingerprint(html)
    lines = "".join(f"data: {line}\n" for line in html.strip().splitlines())
    return Parts(version, f"id: {version}\nevent: parts\n{lines}\n".encode())


class Listener:
    """An open page: what it shows (`seen`, a version), and what it is to be sent next."""

    def __init__(self, variant: Variant, session: Session, seen: str) -> None:
        self.variant = variant
        self.session = session.key
        self.user = session.user.name
        self.seen = seen
        self.has_ended = False
        self._next: bytes | None = None
        self._wake = asyncio.Event()

    def offer(self, parts: Parts) -> None:
        """Show these parts, in place of those that were not taken yet."""
        if parts.version != self.seen:
            self.seen, self._next = parts.version, parts.event
            self._wake.set()

    def end(self) -> None:
        """Its session has ended, or its store was removed: it is sent nothing else, and the page is loaded anew."""
        self.has_ended = True
        self._next = _ENDED
        self._wake.set()

    async def take(self) -> bytes:
        """The next thing to send, as soon as there is one, or a comment."""
        try:
            async with asyncio.timeout(_SILENT_AT_MOST):
                await self._wake.wait()
        except TimeoutError:
            return _COMMENT
        self._wake.clear()
        taken, self._next = self._next, None
        return taken or _COMMENT


class Broadcaster:
    """The listeners of a process, and the task that gives them what is new; it lasts as long as there are any."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._services = cast(Services, app.extensions["pos"])
        self.listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._newest: Any = None
        self._changed_at = float("-inf")
        self._rendered_at = float("-inf")
        self._checked_at = float("-inf")
        self._parts: dict[Variant, Parts] = {}
        self._tried: set[Variant] = set()
        self._removed: set[Variant] = set()

    def join(self, listener: Listener) -> None:
        """Give it what is new from now on."""
        self.listeners.add(listener)
        if parts := self._parts.get(listener.variant):
            listener.offer(parts)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, listener: Listener) -> None:
        """It is gone."""
        self.listeners.discard(listener)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self.listeners:
            listening = list(self.listeners)
            variants = {each.variant for each in listening}
            keys = {each.session for each in listening}
            try:
                ended = await loop.run_in_executor(None, self._look, variants, keys)
            except (PyMongoError, PosError) as error:
                log.warning("the live page waits for the database", error=type(error).__name__)
                ended = set()
            except Exception:
                log.exception("what the live page shows could not be made")
                ended = set()
            for listener in listening:
                if listener.session in ended or listener.variant in self._removed:
                    listener.end()
                elif parts := self._parts.get(listener.variant):
                    listener.offer(parts)
            await asyncio.sleep(LOOK_EVERY)
        self._parts, self._tried, self._removed = {}, set(), set()

    def _look(self, variants: set[Variant], keys: set[str]) -> set[str]:
        """Render the variants where something is new, in a thread; returns the sessions that have ended."""
        self._render(variants)
        moment = time.monotonic()
        if moment - self._checked_at < _SESSIONS_EVERY:
            return set()
        self._checked_at = moment
        return keys - sessions.counting(self._services.db, sorted(keys))

    def _render(self, variants: set[Variant]) -> None:
        moment = time.monotonic()
        made = variants - self._tried
        self._removed = set()
        if moment - self._rendered_at >= _RENDER_EVERY:
            newest = self._newest_change()
            if newest != self._newest:
                self._newest, self._changed_at = newest, moment
            if moment - self._changed_at < _RENDER_AFTER or moment - self._rendered_at >= _RENDER_ANYWAY:
                made, self._rendered_at = variants, moment
        new = {variant: parts for variant in made if (parts := self._try(variant))}
        self._parts = {**{each: parts for each, parts in self._parts.items() if each in variants}, **new}
        self._tried = (self._tried | made) & variants

    def _try(self, variant: Variant) -> Parts | None:
        """The parts of a variant; None where they can't be made, which is no reason to keep the others waiting. Raises
        PyMongoError."""
        try:
            return parts_of(rendered(self._app, variant, self._newest))
        except PyMongoError:
            raise
        except NotFound:
            self._removed.add(variant)
        except Exception:
            log.exception("what the live page shows could not be made", store=variant.store, role=variant.role)
        return None

    def _newest_change(self) -> Any:
        changed = self._services.db.orders.find_one(
            {"changed_at": {"$exists": True}}, {"changed_at": 1}, sort=[("changed_at", -1)]
        )
        return changed and (changed["_id"], changed["changed_at"])


class LiveBody:
    """The body of the live stream (`server.streams.Stream`). A server that knows only WSGI, as one for tests, ends it
    after what the page shows now, and the browser asks again a second later."""

    def __init__(self, app: Flask, listener_of: tuple[Variant, Session, str]) -> None:
        self._app = app
        self._listener_of = listener_of

    def __iter__(self) -> Iterator[bytes]:
        variant, _session, seen = self._listener_of
        yield b"retry: 1000\n\n"
        parts = parts_of(rendered(self._app, variant))
        if parts.version != seen:
            yield parts.event

    async def parts(self) -> AsyncGenerator[bytes]:
        """The parts, each as soon as there is one."""
        everybody, listener = broadcaster(self._app), Listener(*self._listener_of)
        ends_at = time.monotonic() + _LASTS * (1 + _random.random() / 5)
        yield b"retry: 1000\n\n"
        everybody.join(listener)
        try:
            while time.monotonic() < ends_at:
                yield await listener.take()
                if listener.has_ended:
                    return
        finally:
            everybody.leave(listener)


def broadcaster(app: Flask) -> Broadcaster:
    """The one of this application."""
    services = cast(Services, app.extensions["pos"])
    return cast(Broadcaster, services.of_pages.setdefault("live", Broadcaster(app)))


def live_body(variant: Variant, session: Session, seen: str) -> LiveBody:
    """The live stream of a page that shows the version `seen`. Raises Unavailable where too many are open, of everybody
    or of this user."""
    app = cast(Any, current_app)._get_current_object()
    listeners = list(broadcaster(app).listeners)  # they change in another thread
    of_user = sum(each.user == session.user.name for each in listeners)
    if len(listeners) >= MOST_LISTENERS or of_user >= MOST_OF_ONE_USER:
        raise Unavailable("Too many pages are open; this one shows what is new when it is loaded anew.", retry_after=60)
    return LiveBody(app, (variant, session, seen))
