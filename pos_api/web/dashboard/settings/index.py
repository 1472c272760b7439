"""Settings: an overview with links to all of them."""

from __future__ import annotations

from typing import Any

from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.settings.blueprint import blp


@blp.get("")
@page("admin")
def index() -> Any:
    """Settings."""
    return render("plain.html", title=_("Settings"))
