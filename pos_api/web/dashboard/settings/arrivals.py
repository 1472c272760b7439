"""What has arrived of a store, for whoever waits for its first delivery: the latest ones, what became of them, and what
was refused, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import url_for

from pos_api.common.time import now
from pos_api.inbox import queries
from pos_api.inbox.model import IGNORED, StoredEntry, full_reason
from pos_api.staff import audit
from pos_api.staff.audit import Filter
from pos_api.stores import key_management
from pos_api.stores.model import Store
from pos_api.web.dashboard.languages import _
from pos_api.web.services import services

_SHOWN = 5
_REFUSED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that came: `state` is what became of it in words, `tone` how that is coloured, `href` its page."""

    at: datetime
    topic: str
    about: str
    state: str
    tone: str
    reason: str
    href: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Deliveries of this kind that were refused within a minute, as nothing showed which store they are from."""

    at: datetime
    reason: str
    address: str
    count: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came, newest first, and what was refused; and when an API key of the store was last used."""

    came: list[Arrival]
    refused: list[Refusal]
    key_used: datetime | None

    @property
    def works(self) -> bool:
        """Whether a delivery came that could be used."""
        return any(each.tone == "good" for each in self.came)


def arrivals_of(store: Store) -> Arrivals:
    """What has come of a store up to now."""
    db = services().db
    came = [_arrival(entry) for entry in queries.latest_of(db, store.id, _SHOWN)]
    since = max(now() - _REFUSED_WITHIN, store.added_at or now() - _REFUSED_WITHIN)
    wanted = Filter(action="authentication.failed", target=store.kind, since=since)
    refused = [
        Refusal(
            each["time"],
            _why(each["details"].get("reason", "")),
            each["who"].get("address") or "",
            each["details"].get("count", 1),
        )
        for each in audit.find(db, wanted, limit=_SHOWN)
    ]
    used = [each["last_used_at"] for each in key_management.list_keys(db, store.id) if each["last_used_at"]]
    return Arrivals(came, refused, max(used, default=None))


def _arrival(entry: StoredEntry) -> Arrival:
    state, tone = _state(entry)
    reason = full_reason(entry.get("reason"), entry.get("details")) or ""
    href = url_for("dashboard.inbox.entry", key=entry["_id"])
    return Arrival(entry["received_at"], entry["topic"], entry["resource_id"], state, tone, reason, href)


def _state(entry: StoredEntry) -> tuple[str, str]:
    if entry["state"] == "waiting":
        return _("Stored, being worked on"), ""
    if entry["state"] in ("parked", "failed"):
        return _("Could not be used"), "bad"
    if entry.get("outcome") == IGNORED:
        return _("Nothing in it to keep"), "good"
    return _("Taken over"), "good"


def _why(reason: str) -> str:
    """Why deliveries were refused, and what to do, by the fixed words of the audit."""
    known = {
        "wrong webhook signature": _("It was signed with another secret. Enter the secret of this store there again."),
        "no credentials": _("It was not signed. Enter the secret of this store on the other side."),
        "signature out of time": _("It was signed too long ago: one of the two clocks is wrong."),
        "wrong API key": _("Its API key is not known here. Paste the line for the plugin again."),
        "API key of another store": _("Its API key is that of a store of another kind."),
        "unknown merchant_id": _("It names another merchant id than this store has."),
    }
    return known.get(reason, reason)
