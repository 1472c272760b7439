"""The events behind an order: when each delivery came, what became of it, and what it changed.

What it changed is put together from what the order, its payments and the stock ledger keep of each cause: an order
itself keeps no earlier versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pos_api.database.client import Db, Document
from pos_api.inbox import queries as inbox
from pos_api.inbox.model import StoredEntry, full_reason
from pos_api.payments.queries import of_order
from pos_api.stock.model import person_of
from pos_api.web.dashboard.warning_words import in_words

MOST = 200
"""So many events are shown, the newest."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Changed:
    """What one cause changed: entries of the order's history, movements of stock, and payments with what happened to
    each (`payment` and `change`)."""

    statuses: list[Document] = field(default_factory=list)
    movements: list[Document] = field(default_factory=list)
    payments: list[Document] = field(default_factory=list)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A cause of changes. `entry` is its delivery, None where that is kept no longer, or a `person` was the cause."""

    key: str
    at: datetime | None
    changed: Changed
    entry: StoredEntry | None = None
    person: str | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()


def events_behind(db: Db, order: Document) -> list[Event]:
    """The events of an order (as it is shown), the oldest first; its payments' as well. Three queries."""
    payments = [dict(each) for each in of_order(db, order["id"])]
    changed = changes_by_cause(order["status_history"], order["movements"], payments)
    causes = list(changed)[-MOST:]
    entries = inbox.behind(db, order["id"], "order", causes, MOST)
    known = {entry["_id"] for entry in entries}
    found = [_of_entry(entry, changed.get(entry["_id"], Changed())) for entry in entries]
    found += [
        Event(each, changed[each].at, changed[each], person=person_of(each)) for each in causes if each not in known
    ]
    return sorted(found, key=lambda each: (each.at or _BEFORE_ALL, each.key))[-MOST:]


def changes_by_cause(
    history: Iterable[Document], movements: Iterable[Document], payments: Iterable[Mapping[str, Any]]
) -> dict[str, Changed]:
    """What each cause changed, by its key, in the order in which they are first named. Pure."""
    found: dict[str, Changed] = {}
    for entry in history:
        of_cause = found.setdefault(entry["cause"], Changed())
        of_cause.statuses.append(entry)
        of_cause.at = of_cause.at or entry["at"]
    for movement in movements:
        of_cause = found.setdefault(movement["cause"], Changed())
        of_cause.movements.append(movement)
        of_cause.at = of_cause.at or movement["at"]
    for payment in payments:
        for step in payment["changes"]:
            of_cause = found.setdefault(step["cause"], Changed())
            of_cause.payments.append({"payment": payment, "change": step["change"]})
            of_cause.at = of_cause.at or payment.get("paid_at")
    return found


def _of_entry(entry: StoredEntry, changed: Changed) -> Event:
    return Event(
        key=entry["_id"],
        at=entry["received_at"],
        changed=changed,
        entry=entry,
        reason=full_reason(entry.get("reason"), entry.get("details")),
        warnings=tuple(in_words(entry.get("warnings", ()))),
    )
