"""The page where somebody signs in."""

from __future__ import annotations

from pos_api.staff import users
from pos_api.web.dashboard.languages import LANGUAGES
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.unsent_forms import UnsentForm
from pos_api.web.services import services


def sign_in_page(target: str | None, name: str = "", problem: str = "", unsent: UnsentForm | None = None) -> str:
    """The page; from there one goes on to `target`, or to the form that was still to be sent."""
    return render(
        "sign_in.html",
        next=target,
        name=name[:200],
        problem=problem,
        unsent=unsent,
        languages=LANGUAGES,
        is_first_start=not users.has_any(services().db),
    )
