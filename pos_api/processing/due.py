"""What is due in the inbox is taken up: what another process left behind, and what failed and has waited."""

from __future__ import annotations

import threading

from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.inbox import leases
from pos_api.inbox.lease_renewal import renewal
from pos_api.inbox.model import InboxEntry
from pos_api.logs import get_logger
from pos_api.processing.batches import BATCH, process
from pos_api.processing.faults import Outage, describe
from pos_api.processing.reading import read_again
from pos_api.stores.registry import Stores

POLL = 1.0
"""Seconds between two looks for what is due."""
_ALL_ONE_BY_ONE = 3_600.0
"""Seconds. Each of the entries that are processed one by one has its own limit."""

log = get_logger(__name__)


def take_due(
    db: Db, stores: Stores, lease: str, outage: Outage | None = None, stop: threading.Event | None = None
) -> int:
    """Process up to a batch of what is due in the inbox; returns how many were taken, 0 when the database is away. Once
    `stop` is set, entries that are processed one by one and have not begun are left to others."""
    outage = outage or Outage()
    try:
        entries = leases.claim(db, lease, BATCH, park=not outage.is_recent())
        if entries:
            log.info("taking up events from the inbox", count=len(entries))
            _process_claimed(db, stores, lease, entries, stop or threading.Event())
    except Exception as error:  # the thread outlives whatever it is: all that waits depends on it
        outage.note(error)
        log.warning("what is due in the inbox could not be taken up", fault=describe(error))
        return 0
    return len(entries)


def _process_claimed(db: Db, stores: Stores, lease: str, entries: list[InboxEntry], stop: threading.Event) -> None:
    """Process these entries in a batch; one by one those that interrupted a process, or were in its batch: should that
    happen again, it is known which of them it was. A process that is to stop begins none of these: a hundred of them
    may take longer than it has, and the one at hand when it is killed would be suspected."""
    with renewal.renewed(db, lease, [entry.key for entry in entries], longest=_ALL_ONE_BY_ONE):
        in_batch = [read_again(entry, stores) for entry in entries if not entry.interrupted]
        if in_batch:
            process(db, lease, in_batch)
        for entry in entries:
            if stop.is_set():
                return
            if entry.interrupted and leases.begin_alone(db, lease, entry.key):
                with renewal.renewed(db, lease, [entry.key]):
                    process(db, lease, [read_again(entry, stores)])


def run_forever(db: Db, config: Config, stop: threading.Event) -> None:
    """Take what is due in the inbox until `stop` is set. Any number of these may run, on any number of machines."""
    stores = Stores(db, config)
    lease, outage = leases.new_lease(), Outage()
    while not stop.is_set():
        if take_due(db, stores, lease, outage, stop) < BATCH:
            stop.wait(POLL)
