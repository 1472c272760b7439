"""The page, and its live stream."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from pos_api.web.dashboard.access import current_session, page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.today.live import live_body
from pos_api.web.dashboard.today.shown import Variant, fingerprint, shown
from pos_api.web.services import services

blp = Blueprint("today", __name__)
blp.add_app_template_filter(fingerprint)


@blp.get("/")
@page("viewer")
def index() -> Any:
    """What sells today, beside the same weekday last week; the latest sales; and what needs a look."""
    variant = Variant.of_request(request.args.get("store") or None)
    choices = [("", _("All stores")), *((each.id, each.name) for each in services().stores.all())]
    return render("today/today.html", store_choices=choices, **shown().context(variant))


@blp.get("/live")
@page("viewer", by_itself=True)
def live() -> Any:
    """The parts of the page that change, as Server-Sent Events, each time that they do."""
    variant = Variant.of_request(request.args.get("store") or None)
    seen = request.headers.get("Last-Event-ID") or request.args.get("seen", "")
    response = Response(mimetype="text/event-stream", direct_passthrough=True)
    response.response = live_body(variant, current_session(), seen)
    response.headers["X-Accel-Buffering"] = "no"  # nginx passes on what comes at once
    return response
