"""The page at `/api-docs`, where the API document is read and tried out."""

from __future__ import annotations

from flask import Blueprint, current_app, make_response, render_template
from flask.wrappers import Response

from pos_api.web.api.access import public

blp = Blueprint("docs", __name__)

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blp.get("/api-docs", strict_slashes=False)
@public
def page() -> Response:
    """The page; everything it loads comes from here."""
    response = make_response(render_template("api_docs.html", title=current_app.config["API_TITLE"]))
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
