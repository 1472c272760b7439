"""Customers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render

blp = Blueprint("customers", __name__, url_prefix="/customers")


@blp.get("")
@page("manager")
def index() -> Any:
    """Customers."""
    return render("plain.html", title=_("Customers"))
