"""What needs a look of what is sent: events to subscribers, stock to shops, and shops that are not in sync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pos_api.database.client import Db
from pos_api.outbox.collections import deliveries, subscriptions
from pos_api.outbox.delivering.health import is_failing
from pos_api.outbox.model import Subscription
from pos_api.senders.comparers import is_open
from pos_api.stock import ledger
from pos_api.stock.store_sync import UNSENT, UNSENT_BY_AGE, refusals, states
from pos_api.stores.model import Store
from pos_api.web.dashboard.languages import _, moment, ngettext
from pos_api.web.dashboard.today.finding import MOST_COUNTED, Finding, at_most

_LATE = timedelta(minutes=10)
_FAILURES = timedelta(days=7)
_DELIVERIES = "dashboard.deliveries.index"


def findings(db: Db, stores: Iterable[Store], at: datetime) -> Iterator[Finding]:
    """What there is at this moment."""
    yield from _failed_deliveries(db, at)
    by_name = {store.id: store for store in stores}
    yield from _drift(db, by_name)
    yield from _stock_sync(db, by_name, at)


def _failed_deliveries(db: Db, at: datetime) -> Iterator[Finding]:
    count = 0
    for subscription in subscriptions(db).find({}).sort("_id", 1):
        yield from _subscription(subscription, at)
        failed = {"subscription": subscription["_id"], "state": "failed", "created_at": {"$gte": at - _FAILURES}}
        count += deliveries(db).count_documents(failed, limit=MOST_COUNTED + 1)
    if count:
        yield Finding(
            lambda: ngettext(
                "%(count)s delivery to a subscriber has failed in the last 7 days.",
                "%(count)s deliveries to subscribers have failed in the last 7 days.",
                count,
                count=at_most(count),
            ),
            _DELIVERIES,
            role="manager",
            is_bad=True,
        )


def _subscription(subscription: Subscription, at: datetime) -> Iterator[Finding]:
    name = subscription["description"] or urlsplit(subscription["url"]).netloc
    if "disabled_at" in subscription and not subscription["active"]:
        since = subscription["disabled_at"]
        yield Finding(
            lambda: _(
                "The subscription %(name)s was switched off at %(since)s, as its receiver did not answer as it should.",
                name=name,
                since=moment(since),
            ),
            _DELIVERIES,
            role="manager",
            is_bad=True,
        )
    elif subscription["active"] and is_failing(subscription, at):
        failing = subscription["failing_since"]
        yield Finding(
            lambda: _(
                "Every delivery to the subscription %(name)s has failed since %(since)s.",
                name=name,
                since=moment(failing),
            ),
            _DELIVERIES,
            role="manager",
            is_bad=True,
        )


def _drift(db: Db, stores: Mapping[str, Store]) -> Iterator[Finding]:
    fields = [f"report.{part}.{field}" for part in ("orders", "products", "stock") for field in _READ]
    query = {"_id": {"$in": list(stores)}, "report.in_step": False}
    read = dict.fromkeys((*fields, "report.problem", "report.senders.problem"), 1)
    for comparison in db.comparisons.find(query, read).sort("_id", 1):
        yield _not_in_sync(stores[comparison["_id"]], comparison["report"])


_READ = ("repair", "unexplained", "stock_sync")


def _not_in_sync(store: Store, report: Mapping[str, Any]) -> Finding:
    rows = [row for part in ("orders", "products", "stock") for row in report.get(part, ())]
    count = sum(map(is_open, rows))

    def text() -> str:
        if report.get("problem"):
            return _("%(store)s could not be compared with its shop.", store=store.name)
        if not count:
            return _("%(store)s: something in the shop does not send or could not be read.", store=store.name)
        return ngettext(
            "%(store)s and its shop differ in %(num)s order or product.",
            "%(store)s and its shop differ in %(num)s orders and products.",
            count,
            store=store.name,
        )

    return Finding(text, "dashboard.settings.store", {"name": store.id}, role="admin", is_bad=True)


def _stock_sync(db: Db, stores: Mapping[str, Store], at: datetime) -> Iterator[Finding]:
    for state in states(db).find({"on": True}, {"_id": 1}).sort("_id", 1):
        if store := stores.get(state["_id"]):
            yield from _unsent(db, store, at)
            yield from _refused(db, store)


def _unsent(db: Db, store: Store, at: datetime) -> Iterator[Finding]:
    unsent = {"unsent.store": store.id}
    oldest = ledger.movements(db).find_one(unsent, {"at": 1}, sort=[("at", 1)], hint=UNSENT_BY_AGE)
    if oldest and at - oldest["at"] > _LATE:
        since = oldest["at"]
        count = ledger.movements(db).count_documents(unsent, hint=UNSENT, limit=MOST_COUNTED + 1)
        yield Finding(
            lambda: ngettext(
                "%(count)s movement of stock waits to be sent to %(store)s since %(since)s.",
                "%(count)s movements of stock wait to be sent to %(store)s, the first since %(since)s.",
                count,
                count=at_most(count),
                store=store.name,
                since=moment(since, store.timezone),
            ),
            "dashboard.stock.sync",
            {"store": store.id},
            is_bad=True,
        )


def _refused(db: Db, store: Store) -> Iterator[Finding]:
    count = refusals(db).count_documents({"store": store.id}, limit=MOST_COUNTED + 1)
    if count:
        yield Finding(
            lambda: ngettext(
                "%(store)s did not take the stock of %(count)s product.",
                "%(store)s did not take the stock of %(count)s products.",
                count,
                count=at_most(count),
                store=store.name,
            ),
            "dashboard.stock.sync",
            {"store": store.id},
            is_bad=True,
        )
