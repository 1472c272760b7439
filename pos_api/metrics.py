"""What `/metrics` shows, in Prometheus' names and units."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

EVENTS = Counter("pos_events_total", "Webhook events answered, by topic and outcome.", ["topic", "outcome"])
BATCH_SIZE = Histogram("pos_batch_events", "Events per batch.", buckets=(1, 2, 5, 10, 20, 50, 100))
BATCH_SECONDS = Histogram("pos_batch_seconds", "Seconds to apply a batch.")
REQUEST_SECONDS = Histogram("pos_request_seconds", "Seconds to answer a webhook.")
