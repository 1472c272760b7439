"""Settings."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render

blp = Blueprint("settings", __name__, url_prefix="/settings")


@blp.get("")
@page("admin")
def index() -> Any:
    """Settings."""
    return render("plain.html", title=_("Settings"))
