"""What `/metrics` shows, in Prometheus' names and units, summed over the web processes of one server.

prometheus_client decides when it is imported whether processes share their figures (PROMETHEUS_MULTIPROC_DIR), and the
web server knows that only once it has read its settings: so it is imported as a process is made ready, after the fork.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pos_api.events import Event

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram
    from prometheus_client.core import Metric
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_INBOX = {
    "waiting": "Events that wait or are being worked on.",
    "attention": "Events that were parked or failed, for people to look at.",
    "deleted_soon": "Those of them that are deleted within 30 days.",
}
_OUTBOX = {
    "pos_webhooks_waiting": ("waiting", "Deliveries to subscribers that wait."),
    "pos_webhooks_oldest_waiting_seconds": ("oldest_waiting_seconds", "Age of the oldest for an active subscription."),
    "pos_webhook_subscriptions_active": ("active", "Subscriptions that are active."),
    "pos_webhook_subscriptions_failing": ("failing", "Those of them that have failed only, for a day or longer."),
    "pos_webhook_subscriptions_disabled": ("disabled", "Subscriptions that were switched off as they failed."),
}
_STOCK = {
    "pos_stock_waiting": ("waiting", "Movements of stock that wait to be sent to the store."),
    "pos_stock_oldest_waiting_seconds": ("oldest_waiting_seconds", "Age of the oldest of them."),
    "pos_stock_failures": ("failures", "Requests to the store that failed since the last that was answered."),
    "pos_stock_refusals": ("refusals", "Products of which the store did not take a movement."),
}
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Figures:
    events: Counter
    changes: Counter
    request_seconds: Histogram
    batch_events: Histogram
    batch_seconds: Histogram
    webhooks: Counter
    webhook_seconds: Histogram
    stock_sent: Counter
    stock_failures: Counter


@cache
def _figures() -> _Figures:
    from prometheus_client import Counter, Histogram

    return _Figures(
        Counter("pos_events", "Deliveries answered, by topic and outcome.", ["topic", "outcome"]),
        Counter("pos_changes", "What happened, by type of event.", ["type"]),
        Histogram("pos_request_seconds", "Seconds to answer a delivery."),
        Histogram("pos_batch_events", "Events per batch.", buckets=(1, 2, 5, 10, 20, 50, 100)),
        Histogram("pos_batch_seconds", "Seconds to apply a batch."),
        Counter("pos_webhook_attempts", "Attempts to deliver an event to a subscriber, by outcome.", ["outcome"]),
        Histogram("pos_webhook_seconds", "Seconds until a subscriber has answered, or the attempt failed."),
        Counter("pos_stock_sent", "Movements of stock that a store need not be sent any more.", ["store", "outcome"]),
        Counter("pos_stock_request_failures", "Requests to a store with movements of stock that failed.", ["store"]),
    )


def prepare() -> None:
    """Make the figures, before there are threads that count: two at once would make them twice, which fails."""
    _figures()


def answered(topic: str, outcome: str, seconds: float) -> None:
    """A delivery was answered."""
    _answers(topic, outcome).inc()
    _figures().request_seconds.observe(seconds)


@cache
def _answers(topic: str, outcome: str) -> Counter:
    """The counter of deliveries with this topic and outcome: prometheus_client's own look-up takes longer than
    counting."""
    return _figures().events.labels(topic, outcome)


def happened(event: Event) -> None:
    """This event happened."""
    _changes(event.type).inc()


@cache
def _changes(event_type: str) -> Counter:
    """The counter of one type of event; see `_answers`."""
    return _figures().changes.labels(event_type)


def applied(events: int, seconds: float) -> None:
    """A batch was applied."""
    _figures().batch_events.observe(events)
    _figures().batch_seconds.observe(seconds)


def sent(outcome: str, seconds: float) -> None:
    """An event was sent to a subscriber."""
    _webhooks(outcome).inc()
    _figures().webhook_seconds.observe(seconds)


@cache
def _webhooks(outcome: str) -> Counter:
    return _figures().webhooks.labels(outcome)


def stock_sent(store: str, outcome: str) -> None:
    """A movement of stock was sent to a store, or need not be: what became of it."""
    _figures().stock_sent.labels(store, outcome).inc()


def stock_request_failed(store: str) -> None:
    """A request with movements of stock failed."""
    _figures().stock_failures.labels(store).inc()


def share() -> None:
    """Let the processes forked from this one share their figures; called before the fork."""
    os.environ[_SHARED] = tempfile.mkdtemp(prefix="pos-metrics-")


def stop_sharing() -> None:
    """Remove what `share` made, once the last process is gone."""
    if directory := os.environ.pop(_SHARED, None):
        shutil.rmtree(directory, ignore_errors=True)


def page(
    inbox: Mapping[str, int] | None,
    key_ages: Mapping[str, float],
    outbox: Mapping[str, float],
    stock: Mapping[str, Mapping[str, float]],
    not_bookable: int = 0,
) -> bytes:
    """Every figure in Prometheus' text format; `inbox` has how many events are in it, by what is true of them (see
    `_INBOX`); None where the database can't be asked. `key_ages` has the age of each store's oldest API key in
    seconds, `outbox` how deliveries to subscribers fare (`outbox.backlog.figures`), `stock` how the sending of stock to
    each store does (`stock.sync_backlog.figures`), and `not_bookable` is how many orders, payments and cash sessions
    can't be booked."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    class Now(Collector):
        """What is so just now: no process's own figure, so it is not shared as those are."""

        def collect(self) -> Iterable[Metric]:
            yield GaugeMetricFamily("pos_database_up", "Whether the database answers.", inbox is not None)
            if inbox is None:
                return
            for name, text in _INBOX.items():
                yield GaugeMetricFamily(f"pos_inbox_{name}", text, inbox[name])
            yield GaugeMetricFamily("pos_books_refused", "Orders and payments that can't be booked.", not_bookable)
            for name, (key, text) in _OUTBOX.items():
                yield GaugeMetricFamily(name, text, outbox[key])
            yield _of_keys(key_ages)
            yield from _of_stores(stock)

    now = CollectorRegistry()
    now.register(Now())
    if _SHARED not in os.environ:
        return generate_latest(REGISTRY) + generate_latest(now)
    summed = CollectorRegistry()
    multiprocess.MultiProcessCollector(summed)  # type: ignore[no-untyped-call]
    return generate_latest(summed) + generate_latest(now)


def _of_keys(ages: Mapping[str, float]) -> Metric:
    """The age of each store's oldest API key, in seconds."""
    from prometheus_client.core import GaugeMetricFamily

    gauge = GaugeMetricFamily(
        "pos_api_key_age_seconds", "Age of the store's oldest API key that counts.", labels=["store"]
    )
    for store, age in ages.items():
        gauge.add_metric([store], age)
    return gauge


def _of_stores(stock: Mapping[str, Mapping[str, float]]) -> Iterable[Metric]:
    """How the sending of stock does, by store."""
    from prometheus_client.core import GaugeMetricFamily

    for name, (key, text) in _STOCK.items():
        gauge = GaugeMetricFamily(name, text, labels=["store"])
        for store, figures in stock.items():
            gauge.add_metric([store], figures[key])
        yield gauge
