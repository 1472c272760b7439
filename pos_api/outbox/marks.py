"""Documents are marked with the events of a change, and the marks make the events. No database is needed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pos_api.common.json_text import json_bytes
from pos_api.events import Event
from pos_api.outbox.model import OutboxEvent, Unpublished


def mark_of(event: Event, position: int) -> Unpublished:
    """The mark of an event; of one resource, `position` grows from one event to the next."""
    return {"id": event.id, "type": event.type, "at": event.at, "position": position}


def add_marks(document: dict[str, Any], marks: Iterable[Unpublished]) -> None:
    """Add marks to a document that is about to be saved, after those that it has."""
    if added := list(marks):
        document["unpublished"] = [*document.get("unpublished", ()), *added]


def events_of_marks(
    document: Mapping[str, Any],
    resource: str,
    *,
    store: str | None,
    data: Mapping[str, Any],
    reference: Mapping[str, Any],
    about: Iterable[str] = (),
) -> list[OutboxEvent]:
    """The events that a document is marked with, in their order: all show it as it is now (`data`)."""
    shown, named, persons = json_bytes(data), json_bytes(reference), tuple(about)
    return [
        OutboxEvent(mark["id"], mark["type"], mark["at"], store, resource, mark["position"], shown, named, persons)
        for mark in document.get("unpublished", ())
    ]
