"""One delivery of an event with its attempts, and sending it again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, url_for

from pos_api.common.time import now
from pos_api.outbox import subscriptions
from pos_api.web.api.subscription_deliveries import send_once_more, whole_delivery
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.deliveries import words
from pos_api.web.dashboard.deliveries.blueprint import blp
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

_SOON = timedelta(seconds=30)
"""What is sent within this time is waited for by the page, which is shown anew until then."""


@blp.get("/subscriptions/<subscription>/deliveries/<path:delivery>")
@page("manager")
def delivery(subscription: str, delivery: str) -> Any:
    """One delivery: what was sent, and what came back."""
    found = whole_delivery(subscription, delivery)
    stored = subscriptions.get(services().db, subscription)
    due_at = found["due_at"]
    return render(
        "deliveries/delivery.html",
        subscription=stored,
        is_sent_soon=stored["active"] and due_at is not None and due_at < now() + _SOON,
        delivery=found,
        state=words.delivery_state(found["state"]),
        text=words.event_texts().get(found["type"], ""),
        attempts=[(each, words.cause(each["cause"])) for each in reversed(found["attempts"])],
        timezone=timezone_of(found["store"]),
    )


@blp.post("/subscriptions/<subscription>/resend/<path:delivery>")
@page("manager")
def resend(subscription: str, delivery: str) -> Any:
    """Send one event again."""
    send_once_more(subscription, delivery)
    flash(_("It is sent again. What comes back is shown below."))
    return redirect(url_for("dashboard.deliveries.delivery", subscription=subscription, delivery=delivery), 303)
