"""What is done again and again beside the deliveries: figures kept fresh, connected shops compared and repaired, and
erasures of people carried out once more.

Figures are exact whenever they are looked at; bringing them up to date meanwhile makes the next look short, also
after an import. Shops are compared by one process at a time.

Every `RECONCILE_EVERY` minutes what changed since the last time is compared, and once a day what changed in the last
month, which finds a refund deleted long after its order; then every product's stock too. Each shop has a thread of its
own meanwhile: one that is slow, or never ends an answer, keeps no delivery and no other shop waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.customers.erasures import Erasures
from pos_api.database.client import Db
from pos_api.errors import PosError
from pos_api.figures import rollup
from pos_api.inbox import leases
from pos_api.logs import get_logger
from pos_api.orders import upkeep as order_upkeep
from pos_api.privacy import erase, retention
from pos_api.processing import ingest
from pos_api.senders.woocommerce import connection, reconcile
from pos_api.senders.woocommerce.order_meta import kept_meta
from pos_api.senders.woocommerce.reconcile import Report
from pos_api.staff import audit

_LOOK_EVERY = 20.0
_OTHERS_EVERY = 30  # rounds, so ten minutes
_LEASE = timedelta(minutes=10)
_SWEEP_EVERY = timedelta(days=1)
_GRACE = timedelta(minutes=2)
_AT_ONCE = 16
"""Shops compared at a time."""
_LONGEST = 12 * 3600.0
"""Seconds that a comparison may take, so that a shop that never comes to an end does not occupy a thread for ever."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A shop's comparison that is on its way: its thread, and the lease under which it has the shop."""

    thread: threading.Thread
    lease: str


class Schedule:
    """The threads that do it. With RECONCILE_EVERY=0 no shop is compared."""

    def __init__(self, db: Db, config: Config) -> None:
        self._db = db
        self._config = config
        self._comparing: dict[str, Comparison] = {}
        self._erasures = Erasures(db, config)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pos-schedule", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; a comparison on its way ends with the process, and is due again for whoever is next."""
        self._stopping.set()
        names = [name for name, each in list(self._comparing.items()) if each.thread.is_alive()]
        if names:
            due = {"$set": {"due_at": now()}, "$unset": {"lease": ""}}
            with suppress(PyMongoError):
                self._db.pulls.update_many({"_id": {"$in": names}}, due)

    def join(self, timeout: float) -> None:
        """Wait for the threads to end, for so many seconds each."""
        for thread in (self._thread, *(each.thread for each in self._comparing.values())):
            thread.join(timeout)

    def _run(self) -> None:
        rounds = 0
        while not self._stopping.wait(_LOOK_EVERY):
            self.run_round(every_job=rounds % _OTHERS_EVERY == 0)
            rounds += 1

    def run_round(self, *, every_job: bool) -> None:
        """Do once what is done every 20 seconds; with `every_job` also what is done every ten minutes. One that fails
        keeps no other from being done: the next round may do better."""
        jobs: list[Callable[[], object]] = [lambda: erase.run_due(self._db, self._erasures)]
        if self._config.reconcile_every:
            jobs.append(lambda: start_due(self._db, self._config, self._comparing))
        if every_job:
            jobs += [
                self._freshen_figures,
                lambda: audit.delete_old(self._db, self._config.audit_days),
                lambda: order_upkeep.run(self._db, self._config, kept_meta, self._stopping.is_set),
                lambda: retention.run(self._db, self._config),
            ]
        for job in jobs:
            if self._stopping.is_set():
                return
            try:
                job()
            except Exception as error:
                log.error("what is scheduled failed", error=type(error).__name__)

    def _freshen_figures(self) -> None:
        while rollup.refresh_unless_newer(self._db, seconds=_LOOK_EVERY) and not self._stopping.is_set():
            continue


def start_due(db: Db, config: Config, comparing: dict[str, Comparison]) -> None:
    """Start to compare the shops whose time has come and that nobody else is comparing, each in a thread of its own, so
    that one that hangs keeps no other waiting. `comparing` holds those on their way by store, whose leases are
    renewed."""
    for name in [name for name, each in comparing.items() if not each.thread.is_alive()]:
        del comparing[name]
    try:
        _renew(db, comparing)
        for name in connection.connected(db):
            if name not in comparing and len(comparing) < _AT_ONCE and (lease := _claim(db, name)):
                arguments = (db, config, name)
                thread = threading.Thread(target=_compare, args=arguments, name=f"pos-compare-{name}", daemon=True)
                comparing[name] = Comparison(thread, lease)
                thread.start()
    except PyMongoError as error:
        log.warning("shops can't be compared", error=type(error).__name__)


def _claim(db: Db, name: str) -> str | None:
    """The lease under which the store, which is due, is ours now; None where it is not. Should this process die, it is
    due again when the lease runs out."""
    due = {"_id": name, "$or": [{"due_at": {"$lte": now()}}, {"due_at": {"$exists": False}}]}
    lease = leases.new_lease()
    try:
        db.pulls.update_one(due, {"$set": {"due_at": now() + _LEASE, "lease": lease}}, upsert=True)
    except DuplicateKeyError:
        return None
    return lease


def _renew(db: Db, comparing: dict[str, Comparison]) -> None:
    """Keep the stores that are being compared: one that takes hours would be read by every process at once."""
    due = {"$set": {"due_at": now() + _LEASE}}
    if operations := [UpdateOne({"_id": name, "lease": each.lease}, due) for name, each in comparing.items()]:
        db.pulls.bulk_write(operations, ordered=False)


def _compare(db: Db, config: Config, name: str) -> None:
    """Compare one shop; whatever fails is about this shop alone."""
    try:
        _compare_and_log(db, config, name)
    except PyMongoError as error:
        log.warning("a shop can't be compared", store=name, error=type(error).__name__)
    except Exception as error:
        log.error("the comparison of a shop failed", store=name, error=type(error).__name__)


def _compare_and_log(db: Db, config: Config, name: str) -> None:
    started_at = now()
    state = db.pulls.find_one({"_id": name}) or {}
    sweep = "swept_at" not in state or state["swept_at"] + _SWEEP_EVERY <= started_at
    since = (state.get("reconciled_until") or started_at) - (reconcile.SWEEP if sweep else reconcile.OVERLAP)
    if not sweep:  # what is open since longer is looked at by itself, and with all else by the next sweep
        since = max(since, state["swept_at"] - reconcile.OVERLAP)
    report = _report(db, config, name, since, sweep)
    done = {"due_at": started_at + timedelta(minutes=config.reconcile_every)}
    if sweep and not report.problem:
        done["swept_at"] = started_at
    db.pulls.update_one({"_id": name}, {"$set": done, "$unset": {"lease": ""}})
    _tell(report)


def _report(db: Db, config: Config, name: str, since: datetime, sweep: bool) -> Report:
    try:
        with connection.open_shop(db, config, name, within=_LONGEST) as shop:
            options = reconcile.Options(since, repair=True, every_product=sweep, grace=_GRACE)
            return reconcile.run(db, config, shop, name, ingest.ingest, options)
    except (PosError, ConfigError) as error:
        report = Report(name, since, now(), problem=str(error), finished_at=now())
        reconcile.keep(db, config, report, since)
        return report


def _tell(report: Report) -> None:
    if report.problem:
        log.warning("shop could not be compared", store=report.store, problem=report.problem)
    elif report.in_sync:
        log.info("shop compared", store=report.store, orders=report.compared, repaired=len(report.orders))
    else:
        log.warning(
            "shop and POS differ",
            store=report.store,
            orders=sum(not reconcile.repaired(each) for each in report.orders),
            products=sum(not reconcile.repaired(each) for each in report.products),
            stock=sum(bool(each["unexplained"]) for each in report.stock),
            unread=[each["what"] for each in report.unread],
            senders=[each["problem"] for each in report.senders],
            silent_since=(report.silence or {}).get("since") if (report.silence or {}).get("alarming") else None,
        )
