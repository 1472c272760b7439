"""Entries that people must look at are marked with an event (`delivery.parked`), each time that it comes to that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from pos_api.common.time import milliseconds
from pos_api.database.client import Db, Document
from pos_api.inbox import presentation
from pos_api.inbox.model import StoredEntry
from pos_api.outbox.marks import events_of_marks
from pos_api.outbox.model import OutboxEvent

_TYPE = "delivery.parked"
SHOWN = {"body": 0, "headers": 0}
"""What a query leaves out of entries that are published."""


def marking(moment: datetime, *, key: str) -> Document:
    """The part of an update that marks an entry which is for people to look at since `moment`."""
    return {"$push": {"unpublished": _mark(f"delivery:{key}:{milliseconds(moment)}", moment)}}


def marked_by_key(moment: datetime) -> Document:
    """The same as an expression for `$set`, whatever the entry's key is."""
    id = {"$concat": ["delivery:", "$_id", f":{milliseconds(moment)}"]}
    return {"unpublished": {"$concatArrays": [{"$ifNull": ["$unpublished", []]}, [_mark(id, moment)]]}}


def _mark(id: Any, moment: datetime) -> Document:
    return {"id": id, "type": _TYPE, "at": moment, "position": milliseconds(moment)}


def events_of(db: Db, entries: Sequence[Document]) -> list[OutboxEvent]:
    """All events that these stored entries are marked with."""
    return [event for each in entries for event in _events(cast("StoredEntry", each))]


def _events(entry: StoredEntry) -> list[OutboxEvent]:
    """They show what a list of entries shows, but for when it is deleted: that follows from a setting."""
    shown = presentation.entry(entry, None)
    del shown["kept_until"]
    return events_of_marks(
        entry,
        f"delivery:{entry['_id']}",
        store=entry["store"],
        data=shown,
        reference={"key": entry["_id"]},
        about=_about(entry),
    )


def _about(entry: StoredEntry) -> Iterable[str]:
    """What is odd in an entry may quote a person's data: it is erased with whoever the entry is about."""
    is_customer = entry["noun"] == "customer" and entry["resource_id"]
    return [*entry["about"], *([f"{entry['store']}:#{entry['resource_id']}"] if is_customer else [])]
