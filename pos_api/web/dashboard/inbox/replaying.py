"""All entries that match are tried again: how far that is, and what each of them changed."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.errors import NotFound
from pos_api.inbox import presentation, queries
from pos_api.inbox.model import StoredEntry
from pos_api.inbox.replay import MOST_AT_ONCE, replay_matching
from pos_api.web.api import pages
from pos_api.web.api.inbox import kept_until
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.inbox import words
from pos_api.web.dashboard.inbox.blueprint import blp
from pos_api.web.dashboard.inbox.filters import REPLAYABLE, asked
from pos_api.web.dashboard.inbox.subject import Subject, subjects_of
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.warning_words import in_words
from pos_api.web.services import services

_LIMIT = 50


@blp.post("/replay")
@page("manager")
def replay_all() -> Any:
    """Try all entries again that match the filters of the list, the oldest ones of very many."""
    of = asked(request.form)
    back = url_for("dashboard.inbox.index", **of.in_address())
    if of.errors or of.tab not in REPLAYABLE:
        flash(_("Choose what to try again."), "error")
        return redirect(back, 303)
    replay = replay_matching(services().db, of.filter)
    if not replay.count:
        flash(_("Nothing is left to try again."))
        return redirect(back, 303)
    if replay.count == MOST_AT_ONCE:
        flash(_("The oldest ones are tried again first. When they are done, try the rest again from the list."))
    return redirect(url_for("dashboard.inbox.replayed", replay=replay.id, **of.in_address()), 303)


@blp.get("/replays/<replay>")
@page("manager")
def replayed(replay: str) -> Any:
    """How far a replay is, and what each entry changed."""
    db = services().db
    results = queries.results_of_replay(db, replay)
    if not results:
        raise NotFound(_("There is no such replay, or its deliveries were deleted meanwhile."))
    [after] = pages.after(request.args.get("cursor"), str) or [""]
    found = queries.of_replay(db, replay, after=after, limit=_LIMIT + 1)
    rows, info = pages.page(found, _LIMIT, lambda entry: [entry["_id"]])
    filters = asked(request.args).in_address()
    more = url_for("dashboard.inbox.replayed", replay=replay, **filters, cursor=info["next"]) if info["next"] else None
    total, waiting = sum(results.values()), results.pop("waiting", 0)
    return render(
        "inbox/replayed.html",
        total=total,
        done=total - waiting,
        waiting=waiting,
        results=[(words.outcome(name), count) for name, count in sorted(results.items())],
        rows=[_row(each, subject) for each, subject in zip(rows, subjects_of(db, rows), strict=True)],
        more=more,
        back=url_for("dashboard.inbox.index", **filters),
    )


def _row(stored: StoredEntry, subject: Subject) -> tuple[Any, ...]:
    """What the table shows of an entry."""
    shown = presentation.entry(stored, kept_until(stored))
    warnings = in_words(stored.get("warnings", ()))
    return shown, words.badge(shown), shown["reason"] or "", warnings, subject
