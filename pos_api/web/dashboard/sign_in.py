"""Staff sign in, and out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for

from pos_api.common.ip_addresses import plain
from pos_api.errors import PosError, Unauthorized
from pos_api.staff import audit, users
from pos_api.web.dashboard.access import begin_session, end_session, is_signed_in, open_page, own_path, page
from pos_api.web.dashboard.pages import render
from pos_api.web.services import services

blp = Blueprint("sign_in", __name__)


@blp.get("/sign-in")
@open_page
def form() -> Any:
    """Where somebody signs in."""
    target = own_path(request.args.get("next"))
    if is_signed_in():
        return redirect(target or url_for("dashboard.today.index"), 303)
    return render("sign_in.html", next=target, name="", problem="")


@blp.post("/sign-in")
@open_page
def sign_in() -> Any:
    """Sign in, and go on to where one was on the way to."""
    db, address, target = services().db, plain(request.remote_addr), own_path(request.form.get("next"))
    name, password = request.form.get("name", "")[:200], request.form.get("password", "")[: users.MAX_PASSWORD + 1]
    try:
        user = services().attempt_limits.log_in(db, request.remote_addr or "", name, password)
    except PosError as error:
        if isinstance(error, Unauthorized):
            account = error.account or "unknown"
            services().failed_attempts.record(db, "login.failed", error.reason, address, account)
        return render("sign_in.html", next=target, name=name, problem=error.message), error.status
    audit.set_actor("user", user.name, address=address)
    audit.record(db, "login.succeeded", target=user.name, details={"role": user.role, "dashboard": True})
    begin_session(user)
    return redirect(target or url_for("dashboard.today.index"), 303)


@blp.post("/sign-out")
@page()
def sign_out() -> Any:
    """Sign out."""
    end_session()
    return redirect(url_for("dashboard.sign_in.form"), 303)
