"""All subscriptions, with how their deliveries fare."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request

from pos_api.outbox import queries
from pos_api.web.api import pages
from pos_api.web.api.subscriptions import shown
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.deliveries import words
from pos_api.web.dashboard.deliveries.blueprint import blp
from pos_api.web.dashboard.lists import next_page
from pos_api.web.dashboard.pages import render
from pos_api.web.services import services

_LIMIT = 50


@blp.get("")
@page("manager")
def index() -> Any:
    """All subscriptions, the newest first."""
    after = pages.after(request.args.get("cursor"), datetime, str)
    found = queries.find_subscriptions(services().db, _LIMIT + 1, after)
    rows, info = pages.page(found, _LIMIT, lambda row: (row["created_at"], row["_id"]))
    subscriptions = [shown(each) for each in rows]
    return render(
        "deliveries/index.html",
        rows=[(each, words.health(each["health"]), words.events(each["events"])) for each in subscriptions],
        more=next_page(info),
        most_backlog=queries.MOST_BACKLOG,
    )
