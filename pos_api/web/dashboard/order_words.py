"""Orders in words: their statuses, what they have sold, and why their stock moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from pos_api.common.quantity import whole
from pos_api.database.client import Document
from pos_api.web.dashboard.languages import _, number

_BADGES = {
    "completed": "good",
    "pending": "warn",
    "on-hold": "warn",
    "refunded": "warn",
    "partially-refunded": "warn",
    "failed": "bad",
}
_MOST_NAMED = 2
_STATUSES: Mapping[str, Callable[[], str]] = {
    "pending": lambda: _("Waiting for payment"),
    "on-hold": lambda: _("On hold"),
    "processing": lambda: _("Processing"),
    "completed": lambda: _("Completed"),
    "cancelled": lambda: _("Cancelled"),
    "refunded": lambda: _("Paid back"),
    "partially-refunded": lambda: _("Partly paid back"),
    "failed": lambda: _("Failed"),
    "trash": lambda: _("In the trash"),
    "voided": lambda: _("Voided"),
    "sent": lambda: _("Sent"),
}


def status(name: str) -> str:
    """A status in the reader's language; one that only its sender knows as it is written."""
    return _STATUSES[name]() if name in _STATUSES else name


def badge(order: Mapping[str, Any]) -> str:
    """The class of the badge of an order's status."""
    return "bad" if order.get("deleted_at") else _BADGES.get(order["status"], "")


def items(order: Document) -> str:
    """What an order has sold: the first lines with their quantities, and how many more there are."""
    lines = order["line_items"]
    named = ", ".join(
        f"{number(line['quantity'])} × {line.get('name') or line['sku'] or '?'}" for line in lines[:_MOST_NAMED]
    )
    left = len(lines) - _MOST_NAMED
    return _("%(items)s and %(count)s more", items=named, count=number(left)) if left > 0 else named


def units(order: Document) -> str:
    """How many units an order has sold."""
    return number(whole(sum((line["quantity"] for line in order["line_items"]), 0)))


def name_of(order: Document) -> str:
    """Whose order it is; blank where that is not known or was erased."""
    billing = order.get("billing") or {}
    name = " ".join(filter(None, (billing.get("first_name"), billing.get("last_name"))))
    return name or billing.get("company") or billing.get("email") or ""


def reason(movement: Document) -> str:
    """Why an order moved stock."""
    known = {
        "order": _("Sold") if movement["quantity"] <= 0 else _("Given back"),
        "return": _("Given back"),
        "opening": _("In the first stock already"),
        "transfer": _("Moved between a variation and its parent"),
    }
    text: str = movement["reason"]
    return known.get(text, text)


def presets(today: date) -> list[tuple[str, str, str]]:
    """Periods to choose from, each with its name, its first and its last day."""
    yesterday = today - timedelta(days=1)
    named: Iterable[tuple[str, date, date]] = (
        (_("Today"), today, today),
        (_("Yesterday"), yesterday, yesterday),
        (_("Last 7 days"), today - timedelta(days=6), today),
        (_("This month"), today.replace(day=1), today),
    )
    return [(name, first.isoformat(), last.isoformat()) for name, first, last in named]


def outcome(entry: Mapping[str, Any]) -> str:
    """What became of a delivery."""
    states = {"waiting": _("Still waiting"), "parked": _("Not used"), "failed": _("Failed")}
    outcomes = {
        "created": _("Made the order"),
        "updated": _("Changed the order"),
        "unchanged": _("Nothing new"),
        "stale": _("Older than what is known"),
        "ignored": _("Nothing to keep"),
    }
    known: str = entry.get("outcome") or ""
    return states.get(entry["state"]) or outcomes.get(known, known)


def outcome_badge(entry: Mapping[str, Any]) -> str:
    """The class of the badge of what became of a delivery."""
    if entry["state"] in ("parked", "failed"):
        return "bad"
    return "good" if entry.get("outcome") in ("created", "updated") else ""


def nothing(entry: Mapping[str, Any]) -> str:
    """What is to be said of a delivery that changed neither status nor stock nor money."""
    if entry["state"] != "done":
        return _("It has changed nothing yet.")
    if entry.get("outcome") in ("created", "updated"):
        return _("Neither status nor stock nor money; other fields of the order.")
    return _("It changed nothing.")
