"""Who did what: an append-only record of every change that a person makes, of log-ins and of what was taken out.

An entry: `_id`, `time`, `action` (a dotted name such as `product.price`), `who`, `target` (what it was done to),
`details` and `outcome`. `who` has `kind` (user, token, api_key, application, cli, service; unknown of a failed log-in),
`name`, and where known `store`, `address` and `sudo`. Neither secrets nor personal data are in `details`: a customer is
named by id or by the hash of the e-mail address.

An entry is written before its act is done or answered, so no act is without one. It is completed once, when the act has
ended (`act`), or counts equal failures of its minute (`FailedAttempts`). Nothing else changes or removes an entry, but
`delete_old`.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

import pymongo
from pymongo.errors import PyMongoError

from pos_api.common.time import now
from pos_api.database.client import DURABLE, Db, Document
from pos_api.errors import PosError

KINDS = ("user", "token", "api_key", "application", "cli", "service", "unknown")
OUTCOMES = ("started", "done", "failed")
"""`started` is what remains where the process or the database failed before the end: the act may have been done."""

_MAX_TEXT = 500
_NEWEST_FIRST = [("time", -1), ("_id", -1)]
_SERVICE: Document = {"kind": "service", "name": "pos-api"}
_who: ContextVar[Document | None] = ContextVar("audit_who", default=None)


def set_actor(kind: str, name: str, **more: str | None) -> None:
    """Say who acts from now on in this request or command; `more` may be `store`, `address` and `sudo`."""
    _who.set({"kind": kind, "name": name} | {field: value for field, value in more.items() if value})


def clear_actor() -> None:
    """What follows in this thread is done by the service itself, until somebody acts."""
    _who.set(None)


def actor() -> Document:
    """Who acts in this request or command."""
    return dict(_who.get() or _SERVICE)


def record(
    db: Db, action: str, *, target: str | None = None, details: Document | None = None, who: Document | None = None
) -> None:
    """Append an entry of an act that is done. Call it before the act has an effect: before a token is handed out, or
    the first line of an export is sent. Where the end of an act matters, use `act`.

    Raises PyMongoError where the entry can't be written; the act must not be done then.
    """
    db.audit.with_options(write_concern=DURABLE).insert_one(_entry(action, target, details, who, "done"))


@contextmanager
def act(db: Db, action: str, *, target: str | None = None, details: Document | None = None) -> Iterator[Document]:
    """Record an act: the entry is written before what is done inside, and completed after it with its outcome and with
    what was added to the dictionary that this yields (such as `before` and `after`).

    Raises PyMongoError where the entry can't be written; nothing was done then.
    """
    entry = _entry(action, target, details, None, "started")
    added: Document = entry["details"]
    db.audit.insert_one(entry)
    try:
        yield added
    except BaseException as error:
        added["error"] = error.code if isinstance(error, PosError) else type(error).__name__
        with suppress(PyMongoError):  # what went wrong first is what is reported
            _complete(db, entry, "failed")
        raise
    _complete(db, entry, "done")


def _entry(action: str, target: str | None, details: Document | None, who: Document | None, outcome: str) -> Document:
    return {
        "_id": uuid.uuid4().hex,
        "time": now(),
        "action": action,
        "who": who or actor(),
        "target": None if target is None else target[:_MAX_TEXT],
        "details": dict(details or {}),
        "outcome": outcome,
    }


def _complete(db: Db, entry: Document, outcome: str) -> None:
    ended = {"outcome": outcome, "details": entry["details"]}
    db.audit.update_one({"_id": entry["_id"], "outcome": "started"}, {"$set": ended})


class FailedAttempts:
    """Failed authentications, recorded so that nobody can fill the database with them: one entry for equal failures
    from an address within a minute, with their count; and beyond so many entries in an hour, one for all others of a
    kind and minute, without their address. One for each process."""

    def __init__(self, entries_an_hour: int = 300) -> None:
        self._most = entries_an_hour
        self._lock = threading.Lock()
        self._hour: datetime | None = None
        self._entries: set[tuple[str, ...]] = set()

    def record(self, db: Db, action: str, reason: str, address: str, target: str | None = None) -> None:
        """Count a failure of `reason` (a few fixed words) from `address`. Where the database can't be reached it is
        only in the log: nothing was done, and the others wait for their answers."""
        minute = now().replace(second=0, microsecond=0)
        address, target = self._within_bounds(minute, action, reason, address, target)
        key = "\0".join((minute.isoformat(), action, reason, address, target or ""))
        first = {
            "time": now(),
            "action": action,
            "who": {"kind": "unknown", "name": "unknown", "address": address},
            "target": target,
            "outcome": "failed",
            "details.reason": reason,
        }
        with suppress(PyMongoError), pymongo.timeout(_DATABASE_TIMEOUT):
            db.audit.update_one(
                {"_id": hashlib.sha256(key.encode()).hexdigest()[:32]},
                {"$setOnInsert": first, "$inc": {"details.count": 1}},
                upsert=True,
            )

    def _within_bounds(
        self, minute: datetime, action: str, reason: str, address: str, target: str | None
    ) -> tuple[str, str | None]:
        key = (minute.isoformat(), action, reason, address, target or "")
        with self._lock:
            if self._hour != minute.replace(minute=0):
                self._hour, self._entries = minute.replace(minute=0), set()
            if key in self._entries or len(self._entries) < self._most:
                self._entries.add(key)
                return address, target
        return OTHERS, None


OTHERS = "others"
"""In place of an address where there are too many."""
_DATABASE_TIMEOUT = 1.0
"""Seconds that a failed attempt waits for the database to be recorded."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; None leaves a filter out. `action` is a whole name (`product.price`) or the part before its dot
    (`product`); `who` a name. Both times are inclusive."""

    action: str | None = None
    who: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> Document:
        """As a query on the collection."""
        wanted: Document = {"who.name": self.who, "target": self.target}
        if self.action is not None:
            wanted["action"] = self.action if "." in self.action else _under(self.action)
        bounds = {"$gte": self.since, "$lte": self.until}
        wanted["time"] = {operator: bound for operator, bound in bounds.items() if bound is not None} or None
        return {field: value for field, value in wanted.items() if value is not None}


def _under(noun: str) -> Document:
    """All actions of a noun: those between `noun.` and the next character after the dot."""
    return {"$gte": f"{noun}.", "$lt": f"{noun}/"}


def find(db: Db, wanted: Filter, *, after: tuple[datetime, str] | None = None, limit: int = 0) -> list[Document]:
    """The entries that match, newest first, from the one after `after` (its `time` and `_id`) on."""
    query = wanted.query()
    if after is not None:
        moment, entry = after
        until = min(moment, wanted.until) if wanted.until else moment
        query["time"] = {**query.get("time", {}), "$lte": until}
        query["$nor"] = [{"time": moment, "_id": {"$gte": entry}}]
    return list(db.audit.find(query).sort(_NEWEST_FIRST).limit(limit))


def stream(db: Db, wanted: Filter) -> Iterator[Document]:
    """All entries that match, newest first, read as they are asked for."""
    return iter(db.audit.find(wanted.query()).sort(_NEWEST_FIRST))


def oldest(db: Db) -> datetime | None:
    """When the oldest entry was made."""
    found = db.audit.find_one({}, {"time": 1}, sort=[("time", 1), ("_id", 1)])
    return found["time"] if found else None


def delete_old(db: Db, days: int) -> int:
    """Delete the entries that are older than so many days, and return how many there were."""
    return db.audit.delete_many({"time": {"$lt": now() - timedelta(days=days)}}).deleted_count
