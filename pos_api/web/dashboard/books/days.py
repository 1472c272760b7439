"""Days to close: which are open, what waits to be corrected, and what can't be booked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.accounting import close, queries
from pos_api.accounting.refresh import bring_up_to_date
from pos_api.accounting.waiting import OpenDay, open_days_of, waiting_corrections
from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.errors import PosError
from pos_api.stores.model import Store
from pos_api.web.api import accounting as api
from pos_api.web.api.accounting_schemas import CloseDay
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.books.blueprint import blp, show
from pos_api.web.dashboard.languages import _, day, ngettext
from pos_api.web.services import services

_SECONDS = 8.0
"""So long a request closes days; what is left is closed by the next."""
_MOST_SHOWN = 20
_MOST_REFUSED = 1_000


@dataclass(frozen=True, slots=True)
class StoreDays:
    """What waits in a store: its open days with their currencies, the earliest first, and corrections. `today` and
    `yesterday` are those of its clock."""

    store: Store
    days: Mapping[str, list[OpenDay]]
    has_earlier: bool
    corrections: list[Document]
    today: str
    yesterday: str


@blp.get("")
@page("viewer")
def index() -> Any:
    """What is to be closed, and what hinders it."""
    return _index()


@blp.post("/close")
@page("manager")
def close_days() -> Any:
    """Close a store's day, or all that are open up to one."""
    try:
        wanted = lists.read(CloseDay, request.form)
        asked: Document = {name: wanted[name].isoformat() for name in ("day", "until") if name in wanted}
        store = api.store_named(wanted["store"])
        deadline = time.monotonic() + _SECONDS
        closed = api.close_as_asked(store, asked, lambda: time.monotonic() > deadline)
    except PosError as error:
        return _index(problem=lists.message_of(error)), error.status
    made = [each for each in closed if not each.was_closed]
    left = close.open_days(services().db, store.id, asked["until"]) if "until" in asked else []
    if left:
        flash(_left(len({each.date for each in made}), len(left)))
        return redirect(url_for("dashboard.books.index", store=store.id, until=asked["until"]), 303)
    flash(_closed(made, was_closed=bool(closed)))
    return redirect(url_for("dashboard.books.index"), 303)


@blp.get("/refused")
@page("viewer")
def refused() -> Any:
    """What can't be booked, with the reason and what to do."""
    rows = queries.refused(services().db, services().stores, _MOST_REFUSED)
    return show("refused.html", rows=rows, most=_MOST_REFUSED)


def _index(problem: str = "") -> str:
    db, stores = services().db, services().stores
    bring_up_to_date(db, stores)
    waiting = [_of_store(each) for each in stores.all()]
    return show(
        "days.html",
        problem=problem,
        waiting=[each for each in waiting if each.days or each.corrections or each.has_earlier],
        refused_count=queries.refused_count(db, _MOST_REFUSED),
        most_refused=_MOST_REFUSED,
        closes_at=services().config.accounting_close_at,
        anything_closed=db.accounting_closings.find_one({}, {"_id": 1}) is not None,
        typed=request.form if problem else request.args,
        most_shown=_MOST_SHOWN,
    )


def _of_store(store: Store) -> StoreDays:
    db, today = services().db, store.local_day(now())
    found = open_days_of(db, store)
    days: dict[str, list[OpenDay]] = {}
    for each in found.days:
        days.setdefault(each.day, []).append(each)
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    return StoreDays(store, days, found.has_earlier, waiting_corrections(db, store.id), today, yesterday)


def _closed(made: list[close.Closed], *, was_closed: bool) -> str:
    """What closing came to, in words."""
    days = sorted({each.date for each in made})
    if not days:
        return _("The day was closed before.") if was_closed else _("There is nothing to close.")
    if len(days) == 1:
        return _("%(day)s is closed.", day=day(days[0]))
    return ngettext(
        "%(num)s day is closed, from %(first)s to %(last)s.",
        "%(num)s days are closed, from %(first)s to %(last)s.",
        len(days),
        first=day(days[0]),
        last=day(days[-1]),
    )


def _left(closed: int, left: int) -> str:
    done = ngettext("%(num)s day was closed so far.", "%(num)s days were closed so far.", closed)
    rest = ngettext(
        "%(num)s is left: press the button below to go on.", "%(num)s are left: press the button below to go on.", left
    )
    return f"{done} {rest}"
