"""What listens to events: the metrics count each, and the log has each where LOG_LEVEL is DEBUG."""

from __future__ import annotations

from collections.abc import Iterable

from pos_api import metrics
from pos_api.events import Event
from pos_api.logs import get_logger

log = get_logger(__name__)


def notify(events: Iterable[Event]) -> None:
    """Pass on what happened. Nothing that listens can fail a delivery or keep it waiting."""
    for event in events:
        metrics.happened(event)
        log.debug(event.type, id=event.id)
