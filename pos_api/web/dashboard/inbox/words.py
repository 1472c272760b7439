"""Entries of the inbox in words: what became of them, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from pos_api.database.client import Document
from pos_api.inbox.leases import INTERRUPTED
from pos_api.inbox.replay import ERASED
from pos_api.web.dashboard.languages import _

TOPICS = (
    *("order.created", "order.updated", "order.deleted", "order.restored"),
    *("product.created", "product.updated", "product.deleted"),
    *("customer.created", "customer.updated", "customer.deleted"),
)
"""Topics that are offered to choose from; others can be typed."""


@dataclass(frozen=True, slots=True)
class Badge:
    """What is said of an entry in one word, and the class that colours it."""

    text: str
    look: str


def badge(entry: Document) -> Badge:
    """What became of an entry, as `inbox.presentation` shows it."""
    state = entry["state"]
    if state == "waiting":
        return Badge(_("Tried again"), "warn") if entry["attempts"] else Badge(_("Waiting"), "")
    if state in ("parked", "failed"):
        return Badge(_("Parked") if state == "parked" else _("Failed"), "bad")
    known = {
        "created": Badge(_("New"), "good"),
        "updated": Badge(_("Updated"), "good"),
        "unchanged": Badge(_("No change"), ""),
        "stale": Badge(_("Outdated"), ""),
        "ignored": Badge(_("Ignored"), ""),
    }
    return known.get(entry["outcome"] or "", Badge(_("Done"), "good"))


def outcome(name: str | None) -> str:
    """What an outcome (or, for a replay, `failed`) means."""
    known = {
        "created": _("Something new was made of it."),
        "updated": _("What was known is updated."),
        "unchanged": _("It said nothing new: all of it was known already."),
        "stale": _("It is older than what is known, so it changed nothing."),
        "ignored": _("There was nothing to keep in it."),
        "parked": _("It can't be used, and is kept for a look."),
        "failed": _("It could not be applied, and failed after its last attempt."),
    }
    return known.get(name or "", "")


def advice(entry: Document) -> str:
    """What to do about an entry; blank where there is nothing to do."""
    if entry["state"] == "parked":
        return _advice_if_parked(entry)
    if entry["state"] == "failed":
        return _("Put right what the reason says, such as a database or a shop that was away. Then try it again.")
    if entry["state"] != "waiting":
        return ""
    if entry["attempts"]:
        return _("It is tried again by itself. Nothing has to be done unless it fails.")
    return _("It is worked on within a second or so.")


def _advice_if_parked(entry: Document) -> str:
    if entry["reason"] == INTERRUPTED:
        return _("Ask whoever runs the service for the log of that time. Then try it again, once.")
    if entry["reason"] == ERASED:
        return _("Nothing can be done with this delivery. Compare with the shop to get what it has now.")
    if entry["details"]:
        return _(
            "Correct the fields that are named where it came from, such as in the shop, and save there: it is sent "
            "again. Trying this one again helps only once the service can read it, such as after an update."
        )
    return _("Put right what the reason says, and then try it again, or have it sent again where it came from.")
