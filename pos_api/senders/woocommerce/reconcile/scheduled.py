"""The comparison that a running service makes by itself: what changed lately, and once a day everything."""

from __future__ import annotations

from datetime import datetime, timedelta

from pos_api.common.time import now
from pos_api.config import Config, ConfigError
from pos_api.database.client import Db
from pos_api.errors import PosError
from pos_api.events import Event
from pos_api.logs import get_logger
from pos_api.senders import comparisons
from pos_api.senders.base import Ingest
from pos_api.senders.comparisons import StoredComparison
from pos_api.senders.woocommerce import connection
from pos_api.senders.woocommerce.reconcile.comparison import Options
from pos_api.senders.woocommerce.reconcile.report import Report, is_repaired
from pos_api.senders.woocommerce.reconcile.run import OVERLAP, SWEEP, keep, reconcile

_SWEEP_EVERY = timedelta(days=1)
_GRACE = timedelta(minutes=2)
_LONGEST = 12 * 3600.0
"""Seconds that a comparison may take, so that a shop that never comes to an end does not occupy a thread for ever."""

log = get_logger(__name__)


def compare_due(db: Db, config: Config, store: str, ingest: Ingest) -> tuple[Event, ...]:
    """Compare a store that is due, repair its orders and products, and note when it is due again; returns what was
    found out about the store. A shop that can't be read is a report with a `problem`."""
    started_at = now()
    state = comparisons.state_of(db, store)
    options = options_now(state, started_at)
    report = _report(db, config, store, ingest, options)
    swept_at = started_at if options.every_product and not report.problem else None
    comparisons.finish(db, store, started_at + timedelta(minutes=config.reconcile_every), swept_at)
    _log(report)
    return report.events


def options_now(state: StoredComparison, moment: datetime) -> Options:
    """What to compare at this moment: since the last time, or where everything was not compared for a day, a month
    back and every product."""
    swept_at = state.get("swept_at")
    begun_at = state.get("reconciled_until") or moment
    if swept_at is None or swept_at + _SWEEP_EVERY <= moment:
        return Options(begun_at - SWEEP, repair=True, every_product=True, grace=_GRACE)
    # what is open since longer is looked at by itself, and with all else by the next sweep
    since = max(begun_at, swept_at) - OVERLAP
    return Options(since, repair=True, every_product=False, grace=_GRACE)


def _report(db: Db, config: Config, store: str, ingest: Ingest, options: Options) -> Report:
    try:
        with connection.open_shop(db, config, store, within=_LONGEST) as shop:
            return reconcile(db, config, shop, store, ingest, options)
    except (PosError, ConfigError) as error:
        report = Report(store, options.since, now(), problem=str(error), finished_at=now())
        keep(db, config, report, options.since)
        return report


def _log(report: Report) -> None:
    if report.problem:
        log.warning("shop could not be compared", store=report.store, problem=report.problem)
    elif (drift := report.drift) is None:
        log.info("shop compared", store=report.store, orders=report.compared, repaired=len(report.orders))
    else:
        log.warning(
            "shop and POS differ",
            event_id=drift.id,
            store=report.store,
            orders=sum(not is_repaired(each) for each in report.orders),
            products=sum(not is_repaired(each) for each in report.products),
            stock=sum(bool(each["unexplained"]) for each in report.stock),
            unread=[each["what"] for each in report.unread],
            webhooks=[each["problem"] for each in report.webhooks],
            outage_since=report.outage["since"] if report.outage and report.outage["alarming"] else None,
        )
