"""One entry of the inbox: what it was about, what became of it, and what was sent; and trying it again."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for

from pos_api.common.warning_messages import from_stored
from pos_api.inbox import presentation, queries
from pos_api.inbox.replay import replay_entries
from pos_api.web.api.inbox import kept_until
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.inbox import words
from pos_api.web.dashboard.inbox.blueprint import blp
from pos_api.web.dashboard.inbox.body import folded
from pos_api.web.dashboard.inbox.subject import subjects_of
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.dashboard.warning_advice import advice
from pos_api.web.services import services


@blp.get("/<key>")
@page("manager")
def entry(key: str) -> Any:
    """One entry, with what was sent."""
    stored = queries.get(services().db, key)
    shown = presentation.whole_entry(stored, kept_until(stored))
    return render(
        "inbox/entry.html",
        entry=shown,
        badge=words.badge(shown),
        reason=shown["reason"] or "",
        advice=words.advice(shown),
        outcome=words.outcome(shown["outcome"]),
        warnings=[advice(each, stored["store"]) for each in from_stored(stored.get("warnings", ()))],
        subject=subjects_of(services().db, [stored])[0],
        is_erased="erased_at" in stored,
        body=folded(bytes(stored["body"])),
        timezone=timezone_of(shown["store"]),
        store=services().stores.get(shown["store"]).name,
    )


@blp.post("/<key>/replay")
@page("manager")
def replay(key: str) -> Any:
    """Try an entry again; the page that follows shows what it changed."""
    replay_entries(services().db, [key])
    flash(_("It is tried again. What it changed is shown below as soon as it is done."))
    return redirect(url_for("dashboard.inbox.entry", key=key), 303)
