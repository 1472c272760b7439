"""The one way an event goes: from the inbox through orders, stock and customers to its outcome, in batches.

A web process has one worker thread. What requests hand over while a batch is on its way is the next batch (a group
commit), so each step costs one round trip for all of them. The same thread takes from the inbox what is due: what
another process left behind, and what failed and has waited. `pos-api worker` does only the latter.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime

from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, PyMongoError, WTimeoutError

from pos_api import metrics
from pos_api.catalogue import archive as product_archive
from pos_api.catalogue import products
from pos_api.catalogue.archive import ProductDeletion
from pos_api.catalogue.products import ProductSnapshot
from pos_api.common.email_addresses import without_addresses
from pos_api.config import Config
from pos_api.customers import customers
from pos_api.customers.customers import CustomerErasure, CustomerSnapshot
from pos_api.customers.erasures import Erasure, Erasures
from pos_api.database.client import Db
from pos_api.database.primary_term import one_primary
from pos_api.database.write_errors import is_too_large
from pos_api.errors import Conflict, Invalid, PayloadTooLarge, PosError, Unavailable
from pos_api.inbox import finishing, leases, storing
from pos_api.inbox.lease_renewal import renewal
from pos_api.inbox.model import InboxEntry, Outcome, event_key
from pos_api.inbox.replay import ERASED
from pos_api.logs import get_logger
from pos_api.orders import apply as orders
from pos_api.orders.model import OrderUpdate
from pos_api.privacy import erase
from pos_api.senders.woocommerce import headers as webhook_headers
from pos_api.senders.woocommerce import messages
from pos_api.senders.woocommerce.not_kept import without_traces
from pos_api.senders.woocommerce.translate import Subject, translate
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

BATCH = 100
_POLL = 1.0
_GATHER = 0.01
RETRY_AFTER = 5

log = get_logger(__name__)


@dataclass(slots=True)
class Work:
    """An event with what it says, already translated: a subject to apply, or the outcome it has without one; and the
    address of the shop, where it names one."""

    event: InboxEntry
    subject: Subject | None
    outcome: Outcome | None = None
    problem: PosError | None = None
    site: str = ""
    erasures: Erasures | None = None


@dataclass(slots=True)
class Receipt:
    """What a request waits on. `stored` turns true once the event is safe; `done` holds its outcome, or None when it
    will be processed later."""

    work: Work
    stored: bool = False
    done: Future[Outcome | None] = field(default_factory=Future)


def understand(store: Store, headers: Mapping[str, str], body: bytes, received_at: datetime, *, key: str = "") -> Work:
    """The event that an authenticated body is, and what it says; `headers` are lower-cased. An event that was stored
    before keeps its `key`: its body may not have the bytes any more that it came with.

    A body that can't be used has the outcome parked, with the reason; one that says nothing to keep (a draft, another
    noun's topic) is ignored. A fault of ours while reading it parks it too: nothing said is lost.
    """
    kept = webhook_headers.kept_headers(headers)
    topic, resource_id = headers.get(webhook_headers.TOPIC_HEADER, ""), ""
    original, body = body, without_traces(body)
    try:
        message = messages.read(headers, body)
        topic, resource_id = message.topic, message.resource_id
        own_key = key or event_key(store.id, topic, resource_id, original)
        event = _event(store, topic, resource_id, body, kept, received_at, own_key)
        subject = translate(message, store, received_at, event.key)
    except Exception as error:
        problem = error if isinstance(error, PosError) else _surprise(error)
        if not resource_id:
            topic, resource_id = messages.glimpse(headers, body)
        # A body that names nothing may be about anything, so each delivery of it is listed: a webhook whose user was
        # deleted sends the same error for every order.
        about = resource_id or headers.get(webhook_headers.DELIVERY_HEADER, "")
        own_key = key or event_key(store.id, topic, about, original)
        return parked(_event(store, topic, resource_id, body, kept, received_at, own_key), problem)
    outcome = None if subject else Outcome("ignored")
    return Work(event, subject, outcome, site=message.site, erasures=store.erasures)


def _event(
    store: Store, topic: str, resource_id: str, body: bytes, kept: dict[str, str], received_at: datetime, key: str
) -> InboxEntry:
    """The event, with no e-mail address in what stays of it when a person is erased."""
    topic, resource_id = without_addresses(topic), without_addresses(resource_id)
    return InboxEntry(store.id, topic, resource_id, body, kept, received_at, key=key)


def parked(event: InboxEntry, problem: PosError) -> Work:
    """An event that is kept for people to look at, because of `problem`. The reason stays when a person is erased, so
    it has no e-mail address in it."""
    outcome = Outcome("parked", reason=without_addresses(problem.message), details=problem.details)
    return Work(event, None, outcome, problem)


def without_body(
    store: Store, headers: Mapping[str, str], beginning: bytes, size: int, received_at: datetime, problem: PosError
) -> Work:
    """The trace of a body that is too large to be kept: what it is about, as far as its beginning says so, and why it
    was refused."""
    kept = webhook_headers.kept_headers(headers)
    topic, resource_id = messages.glimpse(headers, beginning)
    key = event_key(store.id, topic, resource_id, b"%d:%s" % (size, beginning))
    event = _event(store, topic, resource_id, b"", kept, received_at, key)
    return parked(replace(event, refused=problem.message), problem)


def _surprise(error: Exception) -> PosError:
    log.error("a body could not be read", fault=_fault(error))
    return Invalid(f"The body could not be read: {_fault(error)}")


def _understand_again(event: InboxEntry, stores: Stores) -> Work:
    if event.refused:
        return parked(event, PayloadTooLarge(event.refused))
    if event.erased:
        return parked(event, Conflict(ERASED))
    work = understand(stores.get(event.store), event.headers, event.body, event.received_at, key=event.key)
    work.event = event
    return again(work)


def again(work: Work) -> Work:
    """The same work, begun before: a crash or a failure may have left it half done."""
    if isinstance(work.subject, OrderUpdate):
        work.subject = replace(work.subject, again=True)
    return work


@one_primary()
def process(db: Db, lease: str, works: list[Work]) -> dict[str, Outcome]:
    """Apply events and note their outcomes; returns those that ended, by event key.

    An event that fails, fails alone: its batch is done again one by one, and it is due again after a pause. Raises
    PyMongoError when the database is away: everything stays leased, and is due again when the lease runs out. Until
    then the leases are renewed.
    """
    outcomes: dict[str, Outcome] = {}
    with renewal.renewed(db, lease, [work.event.key for work in works]):
        for batch in _rounds(works):
            started = time.perf_counter()
            try:
                ended = _apply(db, batch)
            except Exception as error:
                if is_outage(error):
                    raise
                ended = _apply_one_by_one(db, lease, batch)
            outcomes |= ended
            metrics.applied(len(batch), time.perf_counter() - started)
        finishing.finish(db, lease, outcomes.items())
    return outcomes


def is_outage(error: BaseException) -> bool:
    """Whether the database is away, rather than the event at fault."""
    if isinstance(error, ConnectionFailure | WTimeoutError | ExecutionTimeout):
        return True
    return isinstance(error, PyMongoError) and error.has_error_label("RetryableWriteError")


def _rounds(works: list[Work]) -> Iterable[list[Work]]:
    """The events in batches that hold each order once, in the order they were received."""
    while works:
        batch: dict[str, Work] = {}
        rest = []
        for work in works:
            about = work.subject.key if isinstance(work.subject, OrderUpdate) else work.event.key
            if batch.setdefault(about, work) is not work:
                rest.append(work)
        yield list(batch.values())
        works = rest


def _apply(db: Db, works: list[Work]) -> dict[str, Outcome]:
    of_orders: dict[str, OrderUpdate] = {}
    outcomes: dict[str, Outcome] = {}
    for work in works:
        if isinstance(work.subject, OrderUpdate):
            of_orders[work.event.key] = work.subject
        else:
            outcomes[work.event.key] = work.outcome or _apply_other(db, work)
    erased_by_shop: dict[str, Erasure] = {}
    results = orders.apply(db, list(of_orders.values()))
    for (key, snapshot), result in zip(of_orders.items(), results, strict=True):
        outcomes[key] = Outcome(result.outcome, tuple(result.warnings), erased=result.erased is not None)
        if result.erased and snapshot.anonymized:
            erased_by_shop[snapshot.key] = result.erased
    erase.orders_erased(db, erased_by_shop)
    return outcomes


def _apply_other(db: Db, work: Work) -> Outcome:
    subject = work.subject
    if isinstance(subject, ProductSnapshot):
        outcome, warnings = products.apply(db, subject)
        if (outcome != "stale" or subject.restored) and product_archive.exists(db, subject) and outcome != "created":
            outcome = "updated"
        return Outcome(outcome, (*subject.warnings, *warnings))
    if isinstance(subject, ProductDeletion):
        return Outcome(product_archive.delete(db, subject))
    if isinstance(subject, CustomerErasure):
        assert work.erasures is not None
        return Outcome(erase.apply_report(db, work.erasures, subject), erased=True)
    assert isinstance(subject, CustomerSnapshot)
    return Outcome(customers.apply(db, subject), subject.warnings, erased=subject.is_erased)


def _apply_one_by_one(db: Db, lease: str, works: list[Work]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for work in works:
        try:
            outcomes |= _apply(db, [again(work)])
        except Exception as error:
            if is_outage(error):
                raise
            fault = _fault(error)
            log.error("event failed", event_key=work.event.key, topic=work.event.topic, fault=fault)
            if is_too_large(error):  # which it is at the next attempt, too
                outcomes[work.event.key] = Outcome("parked", reason=_TOO_LARGE)
            else:
                finishing.fail(db, lease, work.event, fault)
    return outcomes


_TOO_LARGE = "What it changes would be larger than the database can keep in one document (16 MiB)."


def _fault(error: Exception) -> str:
    """What went wrong and where, without the values at hand: an error's own text may hold a whole order."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = [each for each in traceback.extract_tb(error.__traceback__) if "pos_api" in each.filename] or [frame]
    code = f" {error.code}" if isinstance(error, OperationFailure) else ""
    return f"{type(error).__name__}{code} in {ours[-1].name}, line {ours[-1].lineno}"


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
        """Hand an event over; its receipt tells when it is stored and how it ended."""
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
            if time.monotonic() >= self._next_poll:
                full = not self._queued and self._take_due() == BATCH
                self._next_poll = time.monotonic() + (0 if full else _POLL)

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
            self._handed_over.wait_for(self._any_waiting, self._next_poll - time.monotonic())
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
        repeats = [each for each in receipts if firsts.setdefault(each.work.event.key, each) is not each]
        try:
            events = [each.work.event for each in firsts.values()]
            new = storing.store(self._db, events, None if self._queued else self._lease)
        except Exception as error:
            self._refuse(receipts, error)
            return
        for receipt in receipts:
            receipt.stored = True
        repeats += [each for key, each in firsts.items() if key not in new]
        for receipt in repeats:
            receipt.done.set_result(Outcome("duplicate"))
        fresh = [each for key, each in firsts.items() if key in new]
        outcomes = {} if self._queued else self._process([each.work for each in fresh])
        for receipt in fresh:
            receipt.done.set_result(outcomes.get(receipt.work.event.key))

    def _refuse(self, receipts: list[Receipt], error: Exception) -> None:
        """Tell the senders. While the database is away, what came meanwhile and what is due would wait just as long for
        the same end."""
        self._outage.note(error)
        if is_outage(error):
            with self._handed_over:
                receipts = receipts + self._waiting
                self._waiting = []
            self._next_poll = time.monotonic() + _POLL
        log.error("events could not be stored", count=len(receipts), error=type(error).__name__)
        for receipt in receipts:
            receipt.done.set_exception(
                Unavailable("The event could not be stored; send it again.", retry_after=RETRY_AFTER)
            )

    def _process(self, works: list[Work]) -> dict[str, Outcome]:
        """The outcomes of these events; of those missing, the inbox has a leased entry that is due again soon."""
        try:
            return process(self._db, self._lease, works)
        except Exception as error:
            self._outage.note(error)
            log.error("events wait in the inbox", count=len(works), fault=_fault(error))
            return {}


@dataclass(slots=True)
class Outage:
    """When this process was last without the database. Others may have been, too, and have let leases run out without
    any fault of the events; so for a while nothing is parked for that."""

    _at: float = float("-inf")

    def note(self, error: Exception) -> None:
        """Remember that there is an outage, where this error shows one."""
        if is_outage(error):
            self._at = time.monotonic()

    def is_recent(self) -> bool:
        """Whether those who were interrupted by it may not be back yet."""
        return time.monotonic() - self._at < 2 * leases.LEASE.total_seconds()


def take_due(
    db: Db, stores: Stores, lease: str, outage: Outage | None = None, stop: threading.Event | None = None
) -> int:
    """Process up to a batch of what is due in the inbox; returns how many were taken, 0 when the database is away. Once
    `stop` is set, events that are processed one by one and have not begun are left to others."""
    outage = outage or Outage()
    try:
        events = leases.claim(db, lease, BATCH, park=not outage.is_recent())
        if events:
            log.info("taking up events from the inbox", count=len(events))
            _process_claimed(db, stores, lease, events, stop or threading.Event())
    except Exception as error:  # the thread outlives whatever it is: all that waits depends on it
        outage.note(error)
        log.warning("what is due in the inbox could not be taken up", fault=_fault(error))
        return 0
    return len(events)


def _process_claimed(db: Db, stores: Stores, lease: str, events: list[InboxEntry], stop: threading.Event) -> None:
    """Process these events in a batch; one by one those that interrupted a process, or were in its batch: should that
    happen again, it is known which of them it was. A process that is to stop begins none of these: a hundred of them
    may take longer than it has, and the one at hand when it is killed would be suspected."""
    with renewal.renewed(db, lease, [event.key for event in events], longest=_ALL_ONE_BY_ONE):
        in_batch = [_understand_again(event, stores) for event in events if not event.interrupted]
        if in_batch:
            process(db, lease, in_batch)
        for event in events:
            if stop.is_set():
                return
            if event.interrupted and leases.begin_alone(db, lease, event.key):
                with renewal.renewed(db, lease, [event.key]):
                    process(db, lease, [_understand_again(event, stores)])


_ALL_ONE_BY_ONE = 3_600.0
"""Seconds. Each of the events that are processed one by one has its own limit."""


def run_forever(db: Db, config: Config, stop: threading.Event) -> None:
    """Take what is due in the inbox until `stop` is set. Any number of these may run, on any number of machines."""
    stores = Stores(db, config)
    lease, outage = leases.new_lease(), Outage()
    while not stop.is_set():
        if take_due(db, stores, lease, outage, stop) < BATCH:
            stop.wait(_POLL)
