"""Your account: password, where you have signed in, language and colours."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, flash, redirect, request, url_for
from flask.wrappers import Response

from pos_api.errors import PosError
from pos_api.staff import sessions, users
from pos_api.web.dashboard import cookies, languages, passwords
from pos_api.web.dashboard.access import (
    begin_session,
    current_session,
    current_user,
    end_session,
    open_page,
    own_path,
    page,
)
from pos_api.web.dashboard.browser_names import browser_and_system
from pos_api.web.dashboard.languages import LANGUAGES, _, ngettext
from pos_api.web.dashboard.pages import THEMES, render, theme, timezone_of
from pos_api.web.services import services

blp = Blueprint("account", __name__, url_prefix="/account")


@blp.get("")
@page("viewer")
def index() -> Any:
    """Your account."""
    return _account_page()


@blp.post("/password")
@passwords.limited
@page("viewer")
def change_password() -> Any:
    """Another password. All other sessions end; this one goes on under a new id."""
    try:
        new = passwords.new_password("new-password")
        passwords.user_of(current_user().name, request.form.get("password", ""))
        changed = users.set_password(services().db, current_user().name, new)
    except PosError as error:
        return _account_page(_wrong_password(error)), error.status
    begin_session(changed)
    flash(_("Your password was changed. Everywhere else you have been signed out."))
    return redirect(url_for("dashboard.account.index"), 303)


@blp.post("/sessions/<key>/end")
@page("viewer")
def end_one_session(key: str) -> Any:
    """Sign out in one browser."""
    if key == current_session().key:
        end_session()
        return redirect(url_for("dashboard.sign_in.form"), 303)
    sessions.end(services().db, current_user().name, key)
    flash(_("Signed out there."))
    return redirect(url_for("dashboard.account.index"), 303)


@blp.post("/sessions/end-others")
@page("viewer")
def end_other_sessions() -> Any:
    """Sign out everywhere else."""
    ended = sessions.end_others(services().db, current_user().name, current_session().key)
    flash(ngettext("Signed out in one other browser.", "Signed out in %(num)s other browsers.", ended))
    return redirect(url_for("dashboard.account.index"), 303)


@blp.post("/display")
@open_page
def display() -> Any:
    """Choose language and colours for this browser, also before signing in."""
    language, colours = request.form.get("language"), request.form.get("theme")
    response = cast(Response, redirect(own_path(request.form.get("next")) or url_for("dashboard.account.index"), 303))
    cookies.keep_display(
        response,
        language if language in LANGUAGES else languages.language(),
        colours if colours in THEMES else theme(),
    )
    return response


def _account_page(problem: str = "") -> str:
    return render(
        "account.html",
        problem=problem,
        sessions=[_shown(each) for each in sessions.of_user(services().db, current_user().name)],
        timezone=timezone_of(),
        languages=LANGUAGES,
        themes=((THEMES[0], _("As the device")), (THEMES[1], _("Light")), (THEMES[2], _("Dark"))),
    )


def _shown(session: dict[str, Any]) -> dict[str, Any]:
    """A session with its browser in words, and whether it is the one that asks."""
    browser, system = browser_and_system(session["agent"])
    name = browser or _("Another browser")
    where = _("%(browser)s on %(system)s", browser=name, system=system) if system else name
    return {**session, "browser": where, "is_this": session["key"] == current_session().key}


def _wrong_password(error: PosError) -> str:
    return _("The old password is wrong.") if error.status == 401 else passwords.problem_of(error)
