"""What is done again and again beside the deliveries: figures kept fresh, connected shops compared and repaired.

Figures are exact whenever they are looked at; bringing them up to date meanwhile makes the next look short, also
after an import. Shops are compared by one process at a time.

Every `RECONCILE_EVERY` minutes what changed since the last time is compared, and once a day what changed in the last
month, which finds a refund deleted long after its order; then every product's stock too. A thread of its own: a shop
that is slow keeps no delivery waiting.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError, PyMongoError

from . import audit, connection, reconcile, retention, tally
from .config import Config, ConfigError
from .db import Db
from .errors import PosError
from .logs import get_logger
from .reconcile import Report
from .values import now

_LOOK_EVERY = 20.0
_FIGURES_EVERY = 30  # rounds, so ten minutes
_LEASE = timedelta(minutes=10)
_SWEEP_EVERY = timedelta(days=1)
_GRACE = timedelta(minutes=2)

log = get_logger(__name__)


class Schedule:
    """The thread that does it. With RECONCILE_EVERY=0 no shop is compared."""

    def __init__(self, db: Db, config: Config) -> None:
        self._db = db
        self._config = config
        self._comparing: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pos-schedule", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; a comparison on its way ends with the process, and is due again for whoever is next."""
        self._stopping.set()
        if not self._comparing:
            return
        with suppress(PyMongoError):
            self._db.pulls.update_many({"_id": {"$in": list(self._comparing)}}, {"$set": {"due_at": now()}})

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        rounds = 0
        while not self._stopping.wait(_LOOK_EVERY):
            try:
                if rounds % _FIGURES_EVERY == 0:
                    self._freshen_figures()
                    audit.delete_old(self._db, self._config.audit_days)
                    retention.run(self._db, self._config)
                rounds += 1
                if self._config.reconcile_every:
                    run_due(self._db, self._config, self._comparing)
            except Exception as error:  # the next round may do better, and deliveries go on without it
                log.error("what is scheduled failed", error=type(error).__name__)

    def _freshen_figures(self) -> None:
        while tally.refresh(self._db, seconds=_LOOK_EVERY) and not self._stopping.is_set():
            continue


def run_due(db: Db, config: Config, comparing: set[str] | None = None) -> list[Report]:
    """Compare the shops whose time has come and that nobody else is comparing; returns the reports. `comparing` holds
    the one at hand meanwhile."""
    comparing = set() if comparing is None else comparing
    reports = []
    try:
        for name in connection.connected(db):
            if _claim(db, name):
                comparing.add(name)
                reports.append(_compare(db, config, name))
                comparing.discard(name)
    except PyMongoError as error:
        log.warning("shops can't be compared", error=type(error).__name__)
    return reports


def _claim(db: Db, name: str) -> bool:
    """Whether the store is due and now ours. Should this process die, it is due again when the lease
    runs out; a comparison that takes longer may be made twice, which does no harm."""
    due = {"_id": name, "$or": [{"due_at": {"$lte": now()}}, {"due_at": {"$exists": False}}]}
    try:
        db.pulls.update_one(due, {"$set": {"due_at": now() + _LEASE}}, upsert=True)
    except DuplicateKeyError:
        return False
    return True


def _compare(db: Db, config: Config, name: str) -> Report:
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
    db.pulls.update_one({"_id": name}, {"$set": done})
    _tell(report)
    return report


def _report(db: Db, config: Config, name: str, since: datetime, sweep: bool) -> Report:
    try:
        with connection.open_shop(db, config, name) as shop:
            return reconcile.run(db, config, shop, name, since, repair=True, every_product=sweep, grace=_GRACE)
    except (PosError, ConfigError) as error:
        return Report(name, since, now(), problem=str(error))


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
