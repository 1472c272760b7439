"""What is done again and again beside the deliveries, and how often: figures kept fresh, shops that are due compared
(`comparison_threads`), payments looked up (`lookup_threads`), erasures of people carried out once more, what was
stored while a clock was ahead brought forward, days closed in the books, old data and the deliveries of deleted
subscriptions deleted.

Figures and books are exact whenever they are looked at; bringing them up to date meanwhile makes the next look short,
also during and after an import. One process does that while little has changed, several where that is not enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from pos_api.accounting import close_by_itself
from pos_api.accounting.refresh import refresh_where_used
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers.erasures import Erasures
from pos_api.database.client import Db, Document
from pos_api.figures import background as figures
from pos_api.inbox import retry_schedule
from pos_api.logs import get_logger
from pos_api.orders import upkeep as order_upkeep
from pos_api.outbox import removal
from pos_api.privacy import erase, retention
from pos_api.processing.comparison_threads import ComparisonThreads
from pos_api.processing.lookup_threads import LookupThreads
from pos_api.processing.publishing import publish_left
from pos_api.senders.registry import SENDERS
from pos_api.staff import audit
from pos_api.stores.registry import Stores

_LOOK_EVERY = 20.0
"""Seconds from one round to the next."""
_OTHERS_EVERY = 30
"""Rounds after which everything is done: ten minutes."""

log = get_logger(__name__)


class Schedule:
    """The threads that do it. With RECONCILE_EVERY=0 no shop is compared."""

    def __init__(self, db: Db, config: Config) -> None:
        self._db = db
        self._config = config
        self._stores = Stores(db, config)
        self._comparing = ComparisonThreads(db, config)
        self._lookups = LookupThreads(db, config)
        self._erasures = Erasures(db, config)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pos-schedule", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()
        self._lookups.start()

    def stop(self) -> None:
        """Stop; a comparison or a look-up on its way ends with the process, and is due again for whoever is next."""
        self._stopping.set()
        self._comparing.release()
        self._lookups.stop()

    def join(self, timeout: float) -> None:
        """Wait for the threads to end, for so many seconds each."""
        self._thread.join(timeout)
        self._comparing.join(timeout)
        self._lookups.join(timeout)

    def _run(self) -> None:
        rounds = 0
        while not self._stopping.wait(_LOOK_EVERY):
            self.run_round(every_job=rounds % _OTHERS_EVERY == 0)
            rounds += 1

    def run_round(self, *, every_job: bool) -> None:
        """Do once what is done every 20 seconds; with `every_job` also what is done every ten minutes. One that fails
        keeps no other from being done: the next round may do better."""
        jobs: list[Callable[[], object]] = [
            lambda: erase.run_due(self._db, self._erasures),
            lambda: retry_schedule.bring_forward(self._db),
            lambda: publish_left(self._db),
            lambda: removal.delete_left(self._db, self._stopping.is_set),
            lambda: close_by_itself.close_due(self._db, self._stores, self._config, now()),
            lambda: self._freshen_figures(every_job),
            lambda: refresh_where_used(self._db, self._stores, bool(self._config.accounting_close_at)),
        ]
        if self._config.reconcile_every:
            jobs.append(self._comparing.start_due)
        if every_job:
            jobs += [
                lambda: audit.delete_old(self._db, self._config.audit_days),
                self._bring_orders_up_to_date,
                lambda: retention.run(self._db, self._config),
            ]
        for job in jobs:
            if self._stopping.is_set():
                return
            try:
                job()
            except Exception as error:
                log.error("what is scheduled failed", error=type(error).__name__)

    def _bring_orders_up_to_date(self) -> None:
        order_upkeep.run(self._db, self._config, self._kept_meta, self._local_hour, self._stopping.is_set)

    def _local_hour(self, store: str, moment: datetime) -> int:
        return self._stores.get(store).local_hour(moment)

    def _kept_meta(self, store: str, meta: list[Document]) -> list[Document]:
        """What is kept of an order's meta data by its sender's rule; all of it where that sender is not known."""
        known = self._stores.get(store)
        sender = SENDERS.get(known.kind)
        return sender.kept_meta(meta, known.order_meta) if sender else meta

    def _freshen_figures(self, whatever_changed: bool) -> None:
        if whatever_changed or figures.is_due(self._db):
            while figures.bring_up_to_date(self._db, _LOOK_EVERY) and not self._stopping.is_set():
                continue
