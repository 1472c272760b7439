"""Who did what, and when."""

from __future__ import annotations

import json
from typing import Any

from pos_api.common.time import rfc3339
from pos_api.web.api import audit as api
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.settings.blueprint import blp


@blp.get("/audit")
@page("admin")
def audit_log() -> Any:
    """The audit, newest first."""
    found = lists.shown(api.AuditQuery, api.page_of_entries)
    csv = lists.this_list("dashboard.settings.audit_file")
    shown = render("settings/audit.html", found=found, csv=csv, words=_words, kinds=_kinds(), outcomes=_outcomes())
    return shown, found.status


@blp.get("/audit.csv")
@page("admin")
def audit_file() -> Any:
    """All entries that match, as a CSV file."""
    return api.audit_file(lists.asked(api.AuditQuery))


def _words(value: Any) -> str:
    """A detail as text: a list or what has parts of its own as JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return _plain(value)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)  # as in the lists, and in the API
    return rfc3339(value) if hasattr(value, "isoformat") else str(value)


def _kinds() -> dict[str, str]:
    """Who acts, in the reader's language."""
    return {
        "user": _("user"),
        "token": _("token of a script"),
        "api_key": _("API key"),
        "application": _("application of a store"),
        "cli": _("command line"),
        "service": _("the service itself"),
        "unknown": _("unknown"),
    }


def _outcomes() -> dict[str, tuple[str, str]]:
    """What an outcome other than `done` is called, and its colour."""
    return {
        "failed": (_("failed"), "bad"),
        "started": (_("not known"), "warn"),
    }
