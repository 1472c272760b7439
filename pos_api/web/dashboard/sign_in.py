"""Staff sign in, and out; the first admin is made with the link that the service prints when there is no user."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, request, url_for
from flask.wrappers import Response

from pos_api.common.ip_addresses import plain
from pos_api.errors import NotFound, PosError
from pos_api.staff import audit, first_admin, users
from pos_api.staff.users import User
from pos_api.web.dashboard import passwords, unsent_forms
from pos_api.web.dashboard.access import begin_session, end_session, is_signed_in, open_page, own_path, page
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.pages import render
from pos_api.web.dashboard.sign_in_page import sign_in_page
from pos_api.web.dashboard.unsent_forms import UnsentForm
from pos_api.web.services import services

blp = Blueprint("sign_in", __name__)


@blp.get("/sign-in")
@open_page
def form() -> Any:
    """Where somebody signs in."""
    target = own_path(request.args.get("next"))
    if is_signed_in():
        return redirect(target or url_for("dashboard.today.index"), 303)
    return sign_in_page(target)


@blp.post("/sign-in")
@passwords.limited
@open_page
def sign_in() -> Any:
    """Sign in, and go on to where one was on the way to."""
    target = own_path(request.form.get("next"))
    return _sign_in(target, None) or redirect(target or url_for("dashboard.today.index"), 303)


@blp.post("/sign-in/again")
@passwords.limited_to(passwords.FORM_BYTES + 3 * unsent_forms.MOST_BYTES)  # a browser writes a byte as three
@open_page
def sign_in_again() -> Any:
    """Sign in, and see the form that was sent when the session had ended, to send it now or not."""
    unsent = unsent_forms.from_json(request.form.get("unsent", ""))
    if unsent is None or own_path(unsent.path) is None:
        return redirect(url_for("dashboard.sign_in.form"), 303)
    return _sign_in(None, unsent) or render("unsent_form.html", unsent=unsent)


def _sign_in(target: str | None, unsent: UnsentForm | None) -> Response | None:
    """Let in who has this name and password; the page to try again where nobody has."""
    name = request.form.get("name", "")
    try:
        user = passwords.user_of(name, request.form.get("password", ""))
    except PosError as error:
        response = make_response(sign_in_page(target, name, passwords.problem_of(error), unsent), error.status)
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    _enter(user)
    return None


@blp.post("/sign-out")
@page()
def sign_out() -> Any:
    """Sign out."""
    end_session()
    return redirect(url_for("dashboard.sign_in.form"), 303)


@blp.get("/first-admin")
@open_page
def first_admin_form() -> Any:
    """Where the first admin is made."""
    return render("first_admin.html", key=_first_key(request.args.get("key", "")), name="", problem="")


@blp.post("/first-admin")
@passwords.limited
@open_page
def make_first_admin() -> Any:
    """Make the first admin, who has signed in then."""
    key, name = _first_key(request.form.get("key", "")), request.form.get("name", "")
    audit.set_actor("user", users.key(name), address=plain(request.remote_addr))
    try:
        user = first_admin.add(services().db, key, name, passwords.new_password())
    except PosError as error:
        return render("first_admin.html", key=key, name=name[:200], problem=error.message), error.status
    _enter(user)
    flash(_("Welcome, %(name)s. You are the admin here; others are added under Settings.", name=user.name))
    return redirect(url_for("dashboard.today.index"), 303)


def _enter(user: User) -> None:
    """Let somebody in, once it is in the audit."""
    audit.set_actor("user", user.name, address=plain(request.remote_addr))
    audit.record(services().db, "login.succeeded", target=user.name, details={"role": user.role, "dashboard": True})
    begin_session(user)


def _first_key(key: str) -> str:
    """The key, where it makes the first admin. Raises NotFound; guessing is limited as log-ins are.

    Once there is a user no key is right, and none is counted: any other site could have a browser open this page, and
    lock staff out.
    """
    db, limits, address = services().db, services().attempt_limits, request.remote_addr or ""
    refused = NotFound(_("This link can't be used any more. As long as there is no user, each start prints a new one."))
    if users.has_any(db):
        raise refused
    limits.check_log_in(address)
    try:
        first_admin.check_key(db, key)
    except NotFound:
        limits.note_log_in(address)
        raise refused from None
    return key
