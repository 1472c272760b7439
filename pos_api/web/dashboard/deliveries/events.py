"""The events that are kept for subscriptions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request

from pos_api.common.json_text import json_bytes
from pos_api.outbox import presentation, queries
from pos_api.web.api import pages
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.day_bounds import day_bounds
from pos_api.web.dashboard.deliveries import words
from pos_api.web.dashboard.deliveries.blueprint import blp
from pos_api.web.dashboard.inbox.body import folded
from pos_api.web.dashboard.lists import next_page, store_names
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

_LIMIT = 50


@blp.get("/events")
@page("manager")
def events() -> Any:
    """The events that are kept, the newest first."""
    bounds = day_bounds(request.args, timezone_of())
    type = request.args.get("type")
    wanted = queries.EventFilter(
        type=type if type in words.event_types_and_patterns() else None,
        resource=request.args.get("resource", "").strip()[:1000] or None,
        store=request.args.get("store") or None,
        since=bounds.since,
        until=bounds.until,
    )
    after = pages.after(request.args.get("cursor"), datetime, str)
    found = [] if bounds.errors else queries.find_events(services().db, wanted, _LIMIT + 1, after)
    rows, info = pages.page(found, _LIMIT, lambda row: (row["written_at"], row["_id"]))
    return render(
        "deliveries/events.html",
        rows=[presentation.event(each) for each in rows],
        more=next_page(info) if info["next"] else None,
        errors=bounds.errors,
        groups=words.event_groups(),
        texts=words.event_texts(),
        stores=store_names(),
        timezone=timezone_of(),
        days=services().config.event_days,
    ), 422 if bounds.errors else 200


@blp.get("/events/<path:event>")
@page("manager")
def event(event: str) -> Any:
    """One event, with its content; what may be about a person is folded."""
    found = presentation.event(queries.get_event(services().db, event))
    return render(
        "deliveries/event.html",
        event=found,
        text=words.event_texts().get(found["type"], ""),
        body=folded(json_bytes(found["data"])),
        timezone=timezone_of(found["store"]),
    )
