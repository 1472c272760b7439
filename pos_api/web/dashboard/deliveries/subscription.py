"""One subscription: how it fares, its settings, and its deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from flask import request

from pos_api.common.time import rfc3339
from pos_api.outbox import presentation, queries, subscriptions
from pos_api.outbox.model import DeliveryState
from pos_api.web.api import pages
from pos_api.web.api.subscriptions import shown
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.day_bounds import DayBounds, day_bounds
from pos_api.web.dashboard.deliveries import words
from pos_api.web.dashboard.deliveries.blueprint import blp
from pos_api.web.dashboard.lists import store_names, this_list
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

_LIMIT = 50
_STATES = ("waiting", "succeeded", "failed")


@blp.get("/subscriptions/<subscription>")
@page("manager")
def subscription(subscription: str) -> Any:
    """One subscription, with its deliveries."""
    return page_of(subscription)


def page_of(identifier: str, **more: Any) -> Any:
    """The page of a subscription; `test` is the attempt of a test that was sent just now."""
    found = shown(subscriptions.get(services().db, identifier))
    own = "dashboard.deliveries.subscription"  # also where this answers a form of another address
    bounds = day_bounds(request.args, timezone_of())
    rows, info = _deliveries(identifier, bounds)
    return render(
        "deliveries/subscription.html",
        subscription=found,
        health=words.health(found["health"]),
        events=words.events(found["events"]),
        rows=[(each, words.delivery_state(each["state"])) for each in rows],
        more=this_list(own, cursor=info["next"]) if info["next"] else None,
        errors=bounds.errors,
        groups=words.event_groups(),
        texts=words.event_texts(),
        stores=store_names(),
        timezone=timezone_of(),
        most_backlog=queries.MOST_BACKLOG,
        updated_at=rfc3339(found["updated_at"]),
        left_from=request.args.get("left_from", "")[:40],
        **{"test": None, "test_cause": "", "replay_error": "", **more},
    ), 422 if bounds.errors else 200


def _deliveries(identifier: str, bounds: DayBounds) -> tuple[list[Any], Any]:
    if bounds.errors:
        return [], {"next": None}
    state, type = request.args.get("state"), request.args.get("type")
    wanted = queries.DeliveryFilter(
        state=cast(DeliveryState, state) if state in _STATES else None,
        type=type if type in words.event_types_and_patterns() else None,
        event=request.args.get("event", "").strip()[:1000] or None,
        since=bounds.since,
        until=bounds.until,
    )
    after = pages.after(request.args.get("cursor"), datetime, str)
    found = queries.find_deliveries(services().db, identifier, wanted, _LIMIT + 1, after)
    rows, info = pages.page(found, _LIMIT, lambda row: (row["created_at"], row["_id"]))
    return [presentation.delivery(row) for row in rows], info
