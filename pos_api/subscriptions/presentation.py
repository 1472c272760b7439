"""What is shown of a customer's subscription. A field that is not named here is shown nowhere. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pos_api.common import csv_cells
from pos_api.common.presentation import fields, shown
from pos_api.common.time import rfc3339
from pos_api.database.client import Document
from pos_api.subscriptions.model import Subscription

_SUBSCRIPTION = fields(
    *("id", "store", "external_id", "customer", "status", "current_period_end"),
    history=fields("status", "at", "event"),
)
COLUMNS = ("id", "store", "external_id", "customer", "status", "current_period_end", "since")
"""Of a CSV file: `since` is when the status began."""


def subscription(stored: Subscription) -> Document:
    """A stored subscription."""
    return shown({"id": stored["_id"], **stored}, _SUBSCRIPTION)


def write_csv(stored: Iterable[Subscription]) -> Iterator[str]:
    """The lines of a CSV file of these subscriptions, some at a time."""
    return csv_cells.write(COLUMNS, (_row(each) for each in stored))


def _row(stored: Subscription) -> list[csv_cells.Cell]:
    end, history = stored["current_period_end"], stored["history"]
    return [
        *(stored["_id"], stored["store"], stored["external_id"], stored["customer"], stored["status"]),
        rfc3339(end) if end else "",
        rfc3339(history[-1]["at"]) if history else "",
    ]
