"""What is left to write of events that are in the outbox: their deliveries, and then that their marks are cleared. A
thread that publishes often writes it for several batches of changes together.

The marks make that safe: whatever ends a process meanwhile, what is still marked is published again, by who changes the
document next or by `processing.publishing.publish_left`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo.errors import PyMongoError

from pos_api.database.client import Db
from pos_api.database.primary_term import at_one_primary
from pos_api.logs import get_logger
from pos_api.outbox.collections import events
from pos_api.outbox.model import OutboxEvent, StoredDelivery
from pos_api.outbox.publish import clear_marks, marks_of, write_deliveries, write_events

_TOGETHER = 0.075
"""Seconds from one writing to the next."""

_thread = threading.local()
log = get_logger(__name__)


class DeferredWrites:
    """What a thread has still to write of events that documents of a collection are marked with: deliveries, and that
    the marks are cleared."""

    def __init__(self, db: Db, collection: str) -> None:
        self._db = db
        self._collection = collection
        self._deliveries: dict[str, StoredDelivery] = {}
        self._marks: dict[Any, set[str]] = {}
        self._next = 0.0

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """What this thread publishes inside with `publish_events_only` is added."""
        _thread.deferred = self
        try:
            yield
        finally:
            _thread.deferred = None

    def add(self, deliveries: Iterable[StoredDelivery], marks: Mapping[Any, set[str]]) -> None:
        """Add deliveries of events that are in the outbox, and the marks of these events by document."""
        self._deliveries.update((each["_id"], each) for each in deliveries)
        for document, ids in marks.items():
            self._marks.setdefault(document, set()).update(ids)

    def seconds_left(self) -> float:
        """Until `write_due` has something to do."""
        return max(self._next - time.monotonic(), 0.0) if self._marks else math.inf

    def write_due(self, *, all: bool = False) -> None:
        """Write what there is, once the last writing is long enough ago or where `all` is wanted. What can't be written
        stays marked."""
        if not self._marks or not (all or self.seconds_left() == 0):
            return
        deliveries, marks = list(self._deliveries.values()), self._marks
        self._deliveries, self._marks = {}, {}
        self._next = time.monotonic() + _TOGETHER
        try:
            _write(self._db, self._collection, deliveries, marks)
        except PyMongoError as error:
            log.warning("events are delivered later", error=type(error).__name__)


@at_one_primary
def _write(db: Db, collection: str, deliveries: list[StoredDelivery], marks: Mapping[Any, set[str]]) -> None:
    """Write these deliveries and clear these marks; neither where events are gone, as the database has crashed, or
    another primary has taken over: the deliveries would fail."""
    if _are_there(db, {each["event"] for each in deliveries}):
        write_deliveries(db, deliveries)
        clear_marks(db, collection, marks)
    else:
        log.warning("the database has lost events; they are published again")


def _are_there(db: Db, ids: Collection[str]) -> bool:
    return not ids or len(list(events(db).find({"_id": {"$in": list(ids)}}, {"_id": 1}))) == len(ids)


@at_one_primary
def publish_events_only(db: Db, happened: Iterable[OutboxEvent], documents: Iterable[Any]) -> bool:
    """Write the events that these documents are marked with, and leave the rest to be written later, where this thread
    collects that. Returns whether it does; otherwise nothing is written."""
    deferred: DeferredWrites | None = getattr(_thread, "deferred", None)
    if deferred is None:
        return False
    deferred.add(write_events(db, happened), marks_of(documents))
    return True
