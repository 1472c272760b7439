"""Who may open each page of the dashboard: whoever has signed in there, and has the role."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import abort, flash, g, make_response, redirect, request, session, url_for
from flask.wrappers import Response
from flask_wtf.csrf import CSRFError, CSRFProtect

from pos_api.common.ip_addresses import plain
from pos_api.database.client import make_durable
from pos_api.database.primary_term import term_of
from pos_api.errors import Forbidden
from pos_api.staff import audit, sessions
from pos_api.staff.principals import Principal
from pos_api.staff.sessions import Session
from pos_api.staff.users import User
from pos_api.web.api.access import Access
from pos_api.web.dashboard import unsent_forms
from pos_api.web.dashboard.languages import _
from pos_api.web.dashboard.sign_in_page import sign_in_page
from pos_api.web.services import services

View = TypeVar("View", bound=Callable[..., Any])

csrf = CSRFProtect()
"""Checks the token of each form, by `page` and `open_page`; it is kept in the browser's cookie, which is signed."""
_ID = "id"
_SAFE = ("GET", "HEAD", "OPTIONS")


def page(role: str = "viewer", *, by_itself: bool = False) -> Callable[[View], View]:
    """Only for staff of this role or a higher one who have signed in. Others are led to sign in, and then back. Put it
    first under the route. What a request changed is on disk before it is answered. What a page asks for `by_itself`,
    without anybody who does something, does not keep its session alive: what has the header `X-By-Itself`, too."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not _authenticate(is_use=not (by_itself or "X-By-Itself" in request.headers)):
                return _to_sign_in()
            if not current_user().may(role):
                raise Forbidden(_("Your role does not allow this. An admin can give you another one."))
            if request.method in _SAFE:
                return view(*args, **kwargs)
            csrf.protect()
            term = term_of(services().db)
            answer = view(*args, **kwargs)
            make_durable(services().db, term)
            return answer

        guarded.access = Access(role, by_session=True)  # type: ignore[attr-defined]
        return cast(View, guarded)

    return decorate


def open_page(view: View) -> View:
    """For everybody: to sign in, and what that needs. Forms are checked all the same."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method not in _SAFE:
            csrf.protect()
        return view(*args, **kwargs)

    guarded.access = Access(public=True)  # type: ignore[attr-defined]
    return cast(View, guarded)


def current_user() -> Principal:
    """Who has signed in; only in a view under `page`."""
    return cast(Principal, g.principal)


def current_session() -> Session:
    """Their session; only in a view under `page`."""
    return cast(Session, g.session)


def begin_session(user: User) -> None:
    """Let this user in. The cookie is made anew, so that one that somebody else put there opens nothing, and a session
    that this browser had ends."""
    former = session.get(_ID)
    session.clear()
    agent = request.headers.get("User-Agent", "")
    session[_ID] = sessions.begin(services().db, user, plain(request.remote_addr), agent)
    if isinstance(former, str):
        sessions.replace(services().db, former)


def end_session() -> None:
    """Sign out."""
    sessions.end(services().db, current_user().name, current_session().key)
    session.clear()


def is_signed_in() -> bool:
    """Whether somebody has signed in; `current_user` is known from then on."""
    return _authenticate()


def own_path(target: str | None) -> str | None:
    """`target` where it is a path of this service; None for the address of any other, which nobody is led to."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or not target.isprintable():
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def _authenticate(*, is_use: bool = True) -> bool:
    identifier = session.get(_ID)
    found = sessions.find(services().db, identifier, is_use=is_use) if isinstance(identifier, str) else None
    if found is None:
        g.session_has_ended = session.pop(_ID, None) is not None
        return False
    g.session, g.principal = found, Principal(found.user.name, found.user.role)
    audit.set_actor("user", found.user.name, address=plain(request.remote_addr))
    return True


def _to_sign_in() -> Response:
    if request.headers.get("X-Requested-With") == "fetch":  # a script can't sign in; it loads the page anew
        abort(401)
    if request.method not in _SAFE:
        return _keeping_the_form()
    if g.session_has_ended:
        why = _("You were signed out: after 8 hours without use, after 7 days, or as your sign-in was ended elsewhere.")
        flash(why, "note")
    back = request.full_path.rstrip("?")
    return cast(Response, redirect(url_for("dashboard.sign_in.form", next=back if back != "/" else None), 303))


def _keeping_the_form() -> Response:
    """Where to sign in, with what was typed into the form; only of one that a page of this service had."""
    try:
        csrf.protect()
        unsent = unsent_forms.of_request()
    except CSRFError:
        unsent = None
    if unsent is None:
        return cast(Response, redirect(url_for("dashboard.sign_in.form"), 303))
    return make_response(sign_in_page(None, unsent=unsent), 401)
