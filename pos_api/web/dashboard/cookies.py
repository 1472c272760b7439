"""The browser's cookies, which scripts can't read and which are sent over https only, where it is used.

`pos_session` is signed: it has the id of the session in the database (`staff.sessions`) and the token of forms. Over
https its name begins with `__Host-`, so that no other host of the domain can set it. `pos_display` has the chosen
language and colours, which are kept for a year, also for who has not signed in.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

_NAME = "pos_session"
_DISPLAY = "pos_display"
_DISPLAY_SECONDS = 365 * 24 * 3600


class _Cookies(SecureCookieSessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the request's cookie has. Deliveries of shops have none, and nothing is computed for them."""
        if "HTTP_COOKIE" in request.environ:
            return super().open_session(app, request)
        return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Answer with a cookie where that is needed: what nobody has looked at is as it came."""
        if session.accessed or session.modified:
            super().save_session(app, session, response)

    def get_cookie_name(self, app: Flask) -> str:
        return f"__Host-{_NAME}" if request.is_secure else _NAME

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def use_cookies(app: Flask, secret: str) -> None:
    """Sign cookies with a key that is derived from `secret` and used for nothing else."""
    key = hmac.new(secret.encode(), b"pos-api dashboard cookies", hashlib.sha256).hexdigest()
    settings: dict[str, Any] = {
        "SECRET_KEY": key,
        "SESSION_COOKIE_NAME": _NAME,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "WTF_CSRF_CHECK_DEFAULT": False,  # `access.page` checks; the API takes no cookies
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        # The Referer header is not compared: behind a proxy this service may not know the name that it is reached by,
        # and what the comparison is for, a cookie set by a neighbour over http, `__Host-` prevents.
        "WTF_CSRF_SSL_STRICT": False,
    }
    app.config.update(settings)
    app.session_interface = _Cookies()


def display() -> tuple[str, str]:
    """The language and the colours that were chosen in this browser, as the cookie has them; blank for none."""
    language, _, theme = request.cookies.get(_DISPLAY, "").partition(".")
    return language, theme


def keep_display(response: Response, language: str, theme: str) -> None:
    """Let the browser keep a choice of language and colours."""
    response.set_cookie(
        _DISPLAY,
        f"{language}.{theme}",
        max_age=_DISPLAY_SECONDS,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
