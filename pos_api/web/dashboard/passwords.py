"""Passwords in forms: checked within the limits of failed attempts, and shown to nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from babel.dates import format_timedelta
from flask import request

from pos_api.common.ip_addresses import plain
from pos_api.errors import Invalid, PosError, TooManyRequests, Unauthorized, Unavailable
from pos_api.staff.users import MAX_PASSWORD, MIN_PASSWORD, User
from pos_api.web.api.requests import body_limit
from pos_api.web.dashboard.languages import _, locale
from pos_api.web.services import services

View = TypeVar("View", bound=Callable[..., Any])

FORM_BYTES = 20_000
"""Of a form with passwords: one of the longest takes 12 kB, as a browser writes each byte of it as three."""


def limited_to(size: int) -> Callable[[View], View]:
    """For a form with a password: read none of more bytes, and none after too many failed log-ins.

    One that is too large or has no token is not counted as a failure: any other site could have a browser send some,
    and lock its owner out. Put it first under the route.
    """

    def decorate(view: View) -> View:
        of_this_size = body_limit(size)(view)

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                services().attempt_limits.check_log_in(request.remote_addr or "")
                return of_this_size(*args, **kwargs)
            except TooManyRequests as error:
                raise TooManyRequests(problem_of(error), retry_after=error.retry_after) from None

        return cast(View, guarded)

    return decorate


limited = limited_to(FORM_BYTES)
"""For a form with nothing but a name and passwords."""


def user_of(name: str, password: str) -> User:
    """Who has this name and password. A failure is counted, and recorded in the audit as one of the API's log-in is.
    Raises Unauthorized, TooManyRequests, Unavailable."""
    db, address = services().db, request.remote_addr or ""
    try:
        return services().attempt_limits.log_in(db, address, name[:200], password[: MAX_PASSWORD + 1])
    except Unauthorized as error:
        account = error.account or "unknown"  # another name may be a password in the wrong field
        services().failed_attempts.record(db, "login.failed", error.reason, plain(address), account)
        raise


def new_password(name: str = "password") -> str:
    """The new password that the form has twice, in the fields NAME and NAME-again. Raises Invalid."""
    password = request.form.get(name, "")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(_("A password has %(least)s to %(most)s characters.", least=MIN_PASSWORD, most=MAX_PASSWORD))
    if password != request.form.get(f"{name}-again", ""):
        raise Invalid(_("The two passwords are not the same; type the new one twice."))
    return password


def problem_of(error: PosError) -> str:
    """Why a log-in was refused, in the reader's language."""
    if isinstance(error, Unauthorized):
        return _("The name or the password is wrong.")
    if isinstance(error, Unavailable):
        return _("Too many people sign in at once. Try again in a moment.")
    if isinstance(error, TooManyRequests):
        left = format_timedelta(timedelta(seconds=error.retry_after or 60), granularity="minute", locale=locale())
        return _("There were too many failed attempts. Try again in %(time)s.", time=left)
    return error.message
