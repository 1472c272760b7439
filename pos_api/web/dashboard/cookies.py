"""The browser's cookie: signed, not readable by scripts, and only over https where the service is reached that way.

It has the id of the session in the database (`staff.sessions`), the token of forms, and the chosen language and
colours.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

_NAME = "pos_session"


class _Cookies(SecureCookieSessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the request's cookie has. Deliveries of shops have none, and nothing is computed for them."""
        if "HTTP_COOKIE" in request.environ:
            return super().open_session(app, request)
        return self.session_class()

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
    }
    app.config.update(settings)
    app.session_interface = _Cookies()
