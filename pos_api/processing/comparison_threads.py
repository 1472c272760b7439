"""Connected shops compared and repaired, each in a thread of its own: one that is slow, or never ends an answer, keeps
no delivery and no other shop waiting. A shop is compared by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.logs import get_logger
from pos_api.outbox.interest import wants
from pos_api.processing import ingest, listeners
from pos_api.processing.publishing import publish_marked
from pos_api.senders import comparisons
from pos_api.senders.comparers import COMPARERS, Comparer

_AT_ONCE = 16
"""Shops compared at a time."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A comparison that is on its way: its thread, and the lease under which this process has the store."""

    thread: threading.Thread
    lease: str


class ComparisonThreads:
    """The comparisons of this process that are on their way, by store."""

    def __init__(self, db: Db, config: Config) -> None:
        self._db = db
        self._config = config
        self._running: dict[str, Running] = {}

    def start_due(self) -> list[str]:
        """Start to compare the stores that are due and that nobody else is comparing, and renew the leases of those on
        their way; returns the stores started."""
        started: list[str] = []
        self._running = {store: each for store, each in self._running.items() if each.thread.is_alive()}
        try:
            comparisons.renew(self._db, {store: each.lease for store, each in self._running.items()})
            for store, comparer in self._comparable():
                if len(self._running) < _AT_ONCE and (lease := comparisons.claim(self._db, store)):
                    self._start(store, comparer, lease)
                    started.append(store)
        except PyMongoError as error:
            log.warning("shops can't be compared", error=type(error).__name__)
        return started

    def _comparable(self) -> Iterator[tuple[str, Comparer]]:
        for comparer in COMPARERS:
            for store in comparer.stores(self._db):
                if store not in self._running:
                    yield store, comparer

    def _start(self, store: str, comparer: Comparer, lease: str) -> None:
        arguments = (self._db, self._config, store, comparer)
        thread = threading.Thread(target=compare, args=arguments, name=f"pos-compare-{store}", daemon=True)
        self._running[store] = Running(thread, lease)
        thread.start()

    def release(self) -> None:
        """Give back what is on its way: it ends with the process, and is due at once for whoever is next."""
        stores = [store for store, each in list(self._running.items()) if each.thread.is_alive()]
        if stores:
            with suppress(PyMongoError):
                comparisons.release(self._db, stores)

    def join(self, timeout: float) -> None:
        """Wait for each to end, for so many seconds."""
        for each in list(self._running.values()):
            each.thread.join(timeout)


def compare(db: Db, config: Config, store: str, comparer: Comparer) -> None:
    """Compare one store, which this process has claimed, and publish what was found out; whatever fails is about this
    store alone."""
    try:
        found = comparer.compare(db, config, store, ingest.ingest)
        listeners.notify(found)
        if found and wants(db, "store"):
            publish_marked(db, "comparisons", [db.comparisons.find_one({"_id": store})])
    except PyMongoError as error:
        log.warning("a shop can't be compared", store=store, error=type(error).__name__)
    except Exception as error:
        log.error("the comparison of a shop failed", store=store, error=type(error).__name__)
