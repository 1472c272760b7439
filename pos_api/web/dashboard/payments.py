"""Payments."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render

blp = Blueprint("payments", __name__, url_prefix="/payments")


@blp.get("")
@page("viewer")
def index() -> Any:
    """Payments."""
    return render("plain.html", title=_("Payments"))
