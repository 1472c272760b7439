"""What is due in the inbox is taken up: what another process left behind, and what failed and has waited."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import leases
from pos_api.inbox.lease_renewal import renewal
from pos_api.inbox.model import InboxEntry
from pos_api.logs import get_logger
from pos_api.processing.batches import BATCH, process
from pos_api.processing.faults import Outage, describe
from pos_api.processing.reading import read_again
from pos_api.processing.work import Work
from pos_api.stores.registry import Stores

POLL = 1.0
"""Seconds between two looks for what is due."""
_ALL_ONE_BY_ONE = 3_600.0
"""Seconds. Each of the entries that are processed one by one has its own limit."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Entries that are leased, and stay so until `held` is closed: the works of those that are processed in a batch,
    and those that are processed one by one, as they interrupted a process or were in its batch."""

    works: list[Work]
    one_by_one: list[InboxEntry]
    held: ExitStack

    def __len__(self) -> int:
        return len(self.works) + len(self.one_by_one)


def take_due(
    db: Db, stores: Stores, lease: str, outage: Outage | None = None, stop: threading.Event | None = None
) -> int:
    """Process up to a batch of what is due in the inbox; returns how many were taken, 0 when the database is away. Once
    `stop` is set, entries that are processed one by one and have not begun are left to others."""
    outage = outage or Outage()
    claimed = _claim(db, stores, lease, outage)
    return _process_claimed(db, stores, lease, outage, claimed, stop or threading.Event())


def _claim(db: Db, stores: Stores, lease: str, outage: Outage) -> _Claimed:
    """Take up to a batch of what is due, and read it; none when the database is away."""
    with ExitStack() as held:
        try:
            entries = leases.claim(db, lease, BATCH, park=not outage.is_recent())
            if entries:
                log.info("taking up events from the inbox", count=len(entries))
                held.enter_context(renewal.renewed(db, lease, [each.key for each in entries], longest=_ALL_ONE_BY_ONE))
            works = [read_again(entry, stores) for entry in entries if not entry.interrupted]
        except Exception as error:  # the thread outlives whatever it is: all that waits depends on it
            _note(error, outage)
            return _Claimed([], [], ExitStack())
        return _Claimed(works, [entry for entry in entries if entry.interrupted], held.pop_all())


def _process_claimed(
    db: Db, stores: Stores, lease: str, outage: Outage, claimed: _Claimed, stop: threading.Event
) -> int:
    """Process these entries in a batch; one by one those that interrupted a process, or were in its batch: should that
    happen again, it is known which of them it was. A process that is to stop begins none of these: a hundred of them
    may take longer than it has, and the one at hand when it is killed would be suspected. Returns how many there were,
    0 where the database is away."""
    with claimed.held:
        try:
            if claimed.works:
                process(db, lease, claimed.works)
            for entry in claimed.one_by_one:
                if not stop.is_set() and leases.begin_alone(db, lease, entry.key):
                    with renewal.renewed(db, lease, [entry.key]):
                        process(db, lease, [read_again(entry, stores)])
        except Exception as error:
            _note(error, outage)
            return 0
    return len(claimed)


def _note(error: Exception, outage: Outage) -> None:
    outage.note(error)
    log.warning("what is due in the inbox could not be taken up", fault=describe(error))


def run_forever(db: Db, config: Config, stop: threading.Event) -> None:
    """Take what is due in the inbox until `stop` is set. Any number of these may run, on any number of machines.

    While much waits, the next batch is taken and read beside the one that is processed: one waits for the database
    meanwhile, the other computes. Batches are processed one after the other, so what came later overtakes nothing.
    """
    stores = Stores(db, config)
    lease, outage = leases.new_lease(), Outage()
    next_batch: Future[_Claimed] | None = None
    with ThreadPoolExecutor(1, "pos-due") as reader:
        while not stop.is_set():
            claimed = next_batch.result() if next_batch else _claim(db, stores, lease, outage)
            is_full = len(claimed) == BATCH
            next_batch = reader.submit(_claim, db, stores, lease, outage) if is_full else None
            done = _process_claimed(db, stores, lease, outage, claimed, stop)
            if not (next_batch and done):
                stop.wait(POLL)
        if next_batch:
            _give_back(db, lease, next_batch.result())


def _give_back(db: Db, lease: str, claimed: _Claimed) -> None:
    """Let others take what was not begun. What is processed one by one keeps its lease, which says that it was
    interrupted."""
    with claimed.held:
        try:
            leases.release(db, lease, [work.entry.key for work in claimed.works])
        except PyMongoError as error:
            log.warning("leases could not be given back, and run out", fault=describe(error))
