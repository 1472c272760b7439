"""The inbox as a list: what needs a look, what waits, what was outdated or ignored, and what is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from flask import request, url_for

from pos_api.database.reach import Position
from pos_api.errors import Unavailable
from pos_api.inbox import presentation, queries
from pos_api.inbox.replay import MOST_AT_ONCE
from pos_api.web.api import pages
from pos_api.web.api.inbox import kept_until
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.inbox import words
from pos_api.web.dashboard.inbox.blueprint import blp
from pos_api.web.dashboard.inbox.filters import MOST_COUNTED, REPLAYABLE, Asked, asked, tabs
from pos_api.web.dashboard.lists import store_names
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

_LIMIT = 50


@blp.get("")
@page("manager")
def index() -> Any:
    """What came in, by what became of it."""
    of = asked(request.args)
    rows, more, too_long = _rows_in_time(of) if not of.errors else ([], None, None)
    names = store_names()
    all_tabs = tabs(services().db, of)
    return render(
        "inbox/index.html",
        of=of,
        tabs=all_tabs,
        count=next(each.count for each in all_tabs if each.name == of.tab) if of.tab in REPLAYABLE else None,
        most=MOST_COUNTED,
        most_at_once=MOST_AT_ONCE,
        rows=[(each, words.badge(each), each["reason"] or "") for each in rows],
        more=more,
        names=names,
        timezones={each["store"]: timezone_of(each["store"]) for each in rows if each["store"] in names},
        topics=words.TOPICS,
        problem=too_long.message if too_long else "",
    ), 422 if of.errors else too_long.status if too_long else 200


def _rows_in_time(of: Asked) -> tuple[list[Any], str | None, Unavailable | None]:
    """A page of the list and the address of the next one, or why there is none."""
    try:
        return *_rows(of), None
    except Unavailable as error:
        return [], None, error


def _rows(of: Asked) -> tuple[list[Any], str | None]:
    """A page of the list, and the address of the next one."""
    before = cast("Position | None", pages.after(request.args.get("cursor"), datetime, str))
    rows, last = queries.find(services().db, of.filter, before=before, limit=_LIMIT)
    following = pages.info(_LIMIT, last)["next"]
    more = url_for("dashboard.inbox.index", **of.in_address(cursor=following)) if following else None
    return [presentation.entry(each, kept_until(each)) for each in rows], more
