"""The worker thread of a web process: it stores what requests hand over, and applies it in batches.

What requests hand over while a batch is on its way is the next batch (a group commit), so each step costs one round
trip for all of them. The same thread takes from the inbox what is due; `pos-api worker` does only that.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from queue import SimpleQueue

from pos_api.database.client import Db
from pos_api.errors import Unavailable
from pos_api.inbox import leases, storing
from pos_api.inbox.model import Outcome
from pos_api.logs import get_logger
from pos_api.outbox.deferred_writes import DeferredWrites
from pos_api.processing.batches import BATCH, process
from pos_api.processing.due import POLL, take_due
from pos_api.processing.faults import RETRY_AFTER, Outage, describe, is_outage
from pos_api.processing.work import Work
from pos_api.stores.registry import Stores

_GATHER = 0.01
"""Seconds that a batch waits for those who are expected to send again at once."""

log = get_logger(__name__)


@dataclass(slots=True)
class Receipt:
    """What a request waits on. `stored` turns true once the entry is safe."""

    work: Work
    stored: bool = False
    _ended: SimpleQueue[Outcome | Unavailable | None] = field(default_factory=SimpleQueue)
    """How it ended, which is put there once. A future has two locks more, and takes ten times as long."""

    def end(self, outcome: Outcome | Unavailable | None) -> None:
        """Let the request go on: with the outcome, with None when it will be processed later, or with why it could not
        be stored."""
        self._ended.put(outcome)

    def outcome(self, seconds: float) -> Outcome | None:
        """The outcome, or None when it will be processed later. Raises Unavailable when it could not be stored, and
        queue.Empty when neither is known within so many seconds."""
        ended = self._ended.get(timeout=seconds)
        if isinstance(ended, Unavailable):
            raise ended
        return ended


class Worker:
    """A process's worker thread. With `queued` it only stores what requests hand over."""

    def __init__(self, db: Db, stores: Stores, *, queued: bool = False) -> None:
        self._db = db
        self._stores = stores
        self._queued = queued
        self._lease = leases.new_lease()
        self._outage = Outage()
        self._waiting: list[Receipt] = []
        self._handed_over = threading.Condition()
        self._stopping = threading.Event()
        self._deferred = DeferredWrites(db, "orders")
        self._next_poll = 0.0
        self._expected = 0
        self._thread = threading.Thread(target=self._run, name="pos-worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch on its way and end the thread; what still waits is in the inbox or was never stored."""
        self._stopping.set()
        with self._handed_over:
            self._handed_over.notify()
        self._thread.join()

    def submit(self, work: Work) -> Receipt:
        """Hand a work over; its receipt shows when it is stored and how it ended."""
        receipt = Receipt(work)
        with self._handed_over:
            self._waiting.append(receipt)
            if len(self._waiting) in (1, self._expected):  # each waking costs both threads, so not for each receipt
                self._handed_over.notify()
        return receipt

    def _run(self) -> None:
        while not self._stopping.is_set():
            if receipts := self._gather():
                self._receive(receipts)
            is_poll_due = time.monotonic() >= self._next_poll
            self._deferred.write_due(all=is_poll_due)  # what is due in the inbox may take minutes
            if is_poll_due:
                full = not self._queued and self._take_due() == BATCH
                self._next_poll = time.monotonic() + (0 if full else POLL)
        self._deferred.write_due(all=True)

    def _take_due(self) -> int:
        return take_due(self._db, self._stores, self._lease, self._outage, self._stopping)

    def _gather(self) -> list[Receipt]:
        """What was handed over since the last batch, at most a batch; waits for the first until the next poll.

        Senders tend to send again once they are answered. So as many as there are senders just now, those answered last
        and those who waited meanwhile, are waited for, for a few milliseconds: a fuller batch costs everyone less. A
        lone sender waits for nobody.
        """
        with self._handed_over:
            self._expected = min(self._expected + len(self._waiting), BATCH)
            seconds = min(self._next_poll - time.monotonic(), self._deferred.seconds_left())
            self._handed_over.wait_for(self._any_waiting, seconds)
            if self._waiting:
                self._handed_over.wait_for(self._as_many_as_expected, _GATHER)
            receipts, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._expected = len(receipts)
        return receipts

    def _any_waiting(self) -> bool:
        return bool(self._waiting) or self._stopping.is_set()

    def _as_many_as_expected(self) -> bool:
        return len(self._waiting) >= self._expected or self._stopping.is_set()

    def _receive(self, receipts: list[Receipt]) -> None:
        firsts: dict[str, Receipt] = {}
        repeats = [each for each in receipts if firsts.setdefault(each.work.entry.key, each) is not each]
        try:
            entries = [each.work.entry for each in firsts.values()]
            new = storing.store(self._db, entries, None if self._queued else self._lease)
        except Exception as error:
            self._refuse(receipts, error)
            return
        for receipt in receipts:
            receipt.stored = True
        repeats += [each for key, each in firsts.items() if key not in new]
        for receipt in repeats:
            receipt.end(Outcome("duplicate"))
        fresh = [each for key, each in firsts.items() if key in new]
        outcomes = {} if self._queued else self._process([each.work for each in fresh])
        self._deferred.write_due()  # before the answer, as a lone order is then delivered soonest
        for receipt in fresh:
            receipt.end(outcomes.get(receipt.work.entry.key))

    def _refuse(self, receipts: list[Receipt], error: Exception) -> None:
        """Let the requests answer that nothing was stored. While the database is away, what came meanwhile and what is
        due would wait just as long for the same end."""
        self._outage.note(error)
        if is_outage(error):
            with self._handed_over:
                receipts = receipts + self._waiting
                self._waiting = []
            self._next_poll = time.monotonic() + POLL
        log.error("events could not be stored", count=len(receipts), error=type(error).__name__)
        for receipt in receipts:
            receipt.end(Unavailable("The event could not be stored; send it again.", retry_after=RETRY_AFTER))

    def _process(self, works: list[Work]) -> dict[str, Outcome]:
        """The outcomes of these works; of those missing, the inbox has a leased entry that is due again soon."""
        try:
            with self._deferred.deferring():
                return process(self._db, self._lease, works)
        except Exception as error:
            self._outage.note(error)
            log.error("events wait in the inbox", count=len(works), fault=describe(error))
            return {}
