"""What a comparison found out about its store, as events for subscribers: `store.drift` and `store.silent`. It is
marked with them by the write that keeps its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pos_api.common.json_text import json_bytes
from pos_api.common.time import milliseconds
from pos_api.database.client import Db, Document
from pos_api.events import Event, StoreSilent
from pos_api.outbox.interest import wants
from pos_api.outbox.marks import mark_of
from pos_api.outbox.model import OutboxEvent
from pos_api.senders.comparisons import ComparisonMark, StoredComparison


def marks(db: Db, found: Iterable[Event], silence: Mapping[str, Any] | None) -> list[ComparisonMark]:
    """The marks of what a comparison found out, where a subscription wants that; `silence` is the outage that it found.
    Of one outage that is the same event each time."""
    return [_mark(event, silence) for event in found] if wants(db, "store") else []


def _mark(event: Event, silence: Mapping[str, Any] | None) -> ComparisonMark:
    is_silence = isinstance(event, StoreSilent)  # both may come of one comparison
    mark = cast("ComparisonMark", mark_of(event, milliseconds(event.at) * 2 + is_silence))
    if is_silence and silence is not None:
        mark["silence"] = silence
    return mark


def events_of(db: Db, found: Sequence[Document]) -> list[OutboxEvent]:
    """All events that these stored comparisons are marked with: a drift shows the latest report, as the API does, an
    outage since when no order has come."""
    return [event for each in found for event in _events(cast("StoredComparison", each))]


def _events(comparison: StoredComparison) -> Iterator[OutboxEvent]:
    store, report = comparison["_id"], comparison["report"]
    for mark in comparison["unpublished"]:
        compared = {"store": store, "compared_at": report["started_at"]}
        shown = {"store": store, **mark["silence"]} if "silence" in mark else {**report, **compared}
        named = {"store": store, "since": mark["silence"]["since"]} if "silence" in mark else compared
        yield OutboxEvent(
            *(mark["id"], mark["type"], mark["at"], store, f"store:{store}", mark["position"]),
            *(json_bytes(shown), json_bytes(named)),
        )
