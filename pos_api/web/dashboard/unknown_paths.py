"""What a browser is shown where the service has no page: a page that says so. Programs are answered in JSON."""

from __future__ import annotations

from contextlib import suppress

from flask import Flask, request
from flask.wrappers import Response
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from pos_api.web.api.errors import http_error
from pos_api.web.dashboard.access import is_signed_in
from pos_api.web.dashboard.pages import http_problem


def answer_browsers(app: Flask) -> None:
    """Show a page for an unknown path, and for a method that a path does not have."""
    for status in (404, 405):
        app.register_error_handler(status, _answer)


def _answer(error: HTTPException) -> Response:
    if not _asked_by_a_browser():
        return http_error(error)
    with suppress(PyMongoError):  # the page needs nobody to have signed in; it has the menu for who has
        is_signed_in()
    return http_problem(error)


def _asked_by_a_browser() -> bool:
    """Whether it is somebody who looks, and not a program: a browser names HTML itself, and not only `*/*`."""
    if request.path.startswith("/api"):  # `/api-docs` too
        return False
    return any(kind == "text/html" for kind, _quality in request.accept_mimetypes)
