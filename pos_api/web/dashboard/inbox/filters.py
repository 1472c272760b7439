"""Which entries the address asks for: one of the tabs, and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from pos_api.database.client import Db
from pos_api.inbox import queries
from pos_api.inbox.model import IGNORED, STALE
from pos_api.inbox.queries import Filter
from pos_api.web.dashboard.day_bounds import day_bounds
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import timezone_of

ATTENTION = ""
_TABS: Mapping[str, dict[str, str]] = {
    ATTENTION: {},
    "parked": {"state": "parked"},
    "failed": {"state": "failed"},
    "waiting": {"state": "waiting"},
    "stale": {"outcome": STALE},
    "ignored": {"outcome": IGNORED},
    "done": {"state": "done"},
}
"""The tabs by their name in the address, each with what it filters by."""
REPLAYABLE = (ATTENTION, "parked", "failed", "stale", "ignored")
"""Tabs whose entries can all be replayed at once."""
MOST_COUNTED = 1000
_FIELDS = ("store", "topic", "from", "to")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: the tab, the text of each filter as it was typed, and messages by field."""

    tab: str
    typed: Mapping[str, str]
    filter: Filter
    errors: Mapping[str, list[str]]

    def in_address(self, **changed: str) -> dict[str, Any]:
        """The tab and the filters as they are in an address."""
        return {name: value for name, value in {"state": self.tab, **self.typed, **changed}.items() if value}


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: its address, and how many entries it has, MOST_COUNTED + 1 for more; None where they are not counted,
    or that takes too long."""

    name: str
    text: str
    url: str
    count: int | None


def asked(given: Mapping[str, str]) -> Asked:
    """What the fields of an address or of a form ask for; a tab that there is not is the first one."""
    tab = given.get("state", "")
    tab = tab if tab in _TABS else ATTENTION
    typed = {name: given.get(name, "").strip()[:100] for name in _FIELDS}
    bounds = day_bounds(typed, timezone_of())
    named = {name: typed[name] for name in ("store", "topic") if typed[name]}
    wanted = Filter(**_TABS[tab], **named, since=bounds.since, until=bounds.until)
    return Asked(tab, typed, wanted, bounds.errors)


def tabs(db: Db, of: Asked) -> list[Tab]:
    """All tabs under these filters."""
    return [
        Tab(name, text, url_for("dashboard.inbox.index", **of.in_address(state=name)), _count(db, name, of.filter))
        for name, text in _names().items()
    ]


def _names() -> dict[str, str]:
    return {
        ATTENTION: _("Needs a look"),
        "parked": _("Parked"),
        "failed": _("Failed"),
        "waiting": _("Waiting"),
        "stale": _("Outdated"),
        "ignored": _("Ignored"),
        "done": _("Done"),
    }


def _count(db: Db, tab: str, of: Filter) -> int | None:
    if tab == "done":  # of these there may be millions, and nobody has to do anything about them
        return None
    wanted = Filter(**_TABS[tab], store=of.store, topic=of.topic, since=of.since, until=of.until)
    return queries.count(db, wanted, MOST_COUNTED)
