"""The comparison of a store with its shop, from beginning to end."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.figures import outage_detection
from pos_api.senders import comparison_events, comparisons
from pos_api.senders.base import Ingest
from pos_api.senders.woocommerce.reconcile import alignment, orders, products, webhooks
from pos_api.senders.woocommerce.reconcile.comparison import Comparison, Options
from pos_api.senders.woocommerce.reconcile.model import ORDERS, OutageShown, ReportShown
from pos_api.senders.woocommerce.reconcile.report import LeftOpen, Report, is_repaired, left_open, storable
from pos_api.senders.woocommerce.shop_error import ShopError, unexpected_as_shop_error
from pos_api.senders.woocommerce.shop_reader import ShopReader
from pos_api.stock import store_sync as stock_sync
from pos_api.stores.registry import Stores

OVERLAP = timedelta(minutes=10)
"""By so much a comparison begins before the one before it ended."""
NOT_ALIGNED = (
    "Stock is sent to the shop, but the two sides were not made equal to the end: "
    "`pos-api store set {} --stock-sync on` goes on with it."
)
SWEEP = timedelta(days=30)
"""How far back the daily comparison looks."""


def reconcile(db: Db, config: Config, shop: ShopReader, name: str, ingest: Ingest, options: Options) -> Report:
    """Compare the store `name` with its shop, and keep the report. A shop that can't be read is a report with a
    `problem`."""
    store = Stores(db, config).get(name)
    report = Report(name, options.since, now())
    comparison = Comparison(db, store, shop, ingest, options, report)
    try:
        with unexpected_as_shop_error():
            _compare(comparison)
    except ShopError as error:
        report.problem = error.message
    report.outage = _outage(db, name)
    report.finished_at = now()
    keep(db, config, report, comparison.until)
    return report


def _compare(comparison: Comparison) -> None:
    db, report, options = comparison.db, comparison.report, comparison.options
    webhooks.compare(comparison.shop, report, switch_on=options.repair_webhooks)
    asked_at = comparison.shop.time()
    report.since = begin_before_gap(report, comparisons.reconciled_until(db, report.store))
    before = left_open(last_report(db, report.store))
    if options.every_product:
        before = LeftOpen(before.orders)
    report.stock, report.unread = list(before.stock), list(before.unread)
    touched = orders.compare(comparison, before.orders)
    products.compare(comparison, None if options.every_product else touched | before.products)
    alignment.align(comparison, asked_at)
    if stock_sync.is_on(db, report.store) and not stock_sync.is_aligned(db, report.store):
        report.notes.append(NOT_ALIGNED.format(report.store))


def begin_before_gap(report: Report, reconciled_until: datetime | None) -> datetime:
    """Where to compare from: where a webhook was off, from when the store was last known to be in sync."""
    off = [each["off_since"] for each in report.webhooks if is_repaired(each) and each.get("off_since")]
    off_since = [moment for moment in off if moment is not None]
    if not off_since:
        return report.since
    return min(report.since, (reconciled_until or min(off_since)) - OVERLAP)


def _outage(db: Db, name: str) -> OutageShown | None:
    found = outage_detection.current_gap(db, name, now())
    return cast(OutageShown, {**asdict(found), "alarming": found.alarming}) if found else None


def last_report(db: Db, name: str) -> ReportShown | None:
    """The latest report about a store; None when it was never compared."""
    return cast("ReportShown | None", comparisons.latest_report(db, name))


def keep(db: Db, config: Config, report: Report, until: datetime) -> None:
    """Store the report with the events that it is, and where all is in sync until then, that it is."""
    changes = comparisons.StoredComparison(report=cast("dict[str, object]", storable(report)))
    unread = any(each["kind"] == ORDERS for each in report.unread)
    if not (report.problem or unread) and all(map(is_repaired, report.orders)) and _connects(db, config, report):
        changes["reconciled_until"] = until
    comparisons.save(db, report.store, changes, comparison_events.marks(db, report.events, report.outage))


def _connects(db: Db, config: Config, report: Report) -> bool:
    """Whether nothing before what was compared is unknown: it begins where the last comparison ended, or when the store
    went live, or a sweep ago."""
    known = comparisons.reconciled_until(db, report.store)
    if known is None:
        known = report.started_at - SWEEP
        known = max(known, Stores(db, config).get(report.store).live_since or known)
    return report.since <= known
