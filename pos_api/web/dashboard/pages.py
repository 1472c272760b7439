"""What all pages have: how they are rendered, their headers, the menu, and what a failure looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, g, make_response, render_template, request
from flask.wrappers import Response
from flask_wtf.csrf import CSRFError
from jinja2 import StrictUndefined
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from pos_api.errors import PosError
from pos_api.logs import get_logger
from pos_api.processing.faults import is_outage
from pos_api.stores.model import DEFAULT
from pos_api.web.dashboard import cookies, languages, unsent_forms
from pos_api.web.dashboard.languages import FILTERS, _
from pos_api.web.dashboard.message_words import translated
from pos_api.web.services import services

log = get_logger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page: nothing inline, nothing from elsewhere."""
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A page in the menu: its endpoint, its name, and the role that it takes."""

    endpoint: str
    name: str
    role: str = "viewer"


def menu() -> tuple[MenuItem, ...]:
    """The menu, in the reader's language."""
    return (
        MenuItem("dashboard.today.index", _("Today")),
        MenuItem("dashboard.orders.index", _("Orders")),
        MenuItem("dashboard.stock.index", _("Stock")),
        MenuItem("dashboard.customers.index", _("Customers"), "manager"),
        MenuItem("dashboard.payments.index", _("Payments")),
        MenuItem("dashboard.cash.index", _("Cash sessions")),
        MenuItem("dashboard.figures.index", _("Figures")),
        MenuItem("dashboard.books.index", _("Books")),
        MenuItem("dashboard.inbox.index", _("Inbox"), "manager"),
        MenuItem("dashboard.deliveries.index", _("Deliveries"), "manager"),
        MenuItem("dashboard.settings.index", _("Settings"), "admin"),
    )


def prepare(app: Flask) -> None:
    """Let templates use languages, the menu and the formats of numbers and times."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: languages.translations(languages.language()).gettext(text),
        lambda one, many, number: languages.translations(languages.language()).ngettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.globals["_"] = languages.in_template
    app.jinja_env.filters.update(FILTERS, role_name=role_name, translated=translated)


def render(template: str, **context: Any) -> str:
    """A page from `templates/dashboard/`."""
    return render_template(
        f"dashboard/{template}",
        user=g.get("principal"),
        menu=[item for item in menu() if (user := g.get("principal")) and user.may(item.role)],
        language=languages.language(),
        theme=theme(),
        is_fragment=is_fragment(),
        **context,
    )


def theme() -> str:
    """The colours that were chosen in this browser, one of `THEMES`."""
    _language, chosen = cookies.display()
    return chosen if chosen in THEMES else THEMES[0]


def role_name(role: str) -> str:
    """A role in the reader's language."""
    return {"viewer": _("viewer"), "manager": _("manager"), "admin": _("admin")}[role]


def is_fragment() -> bool:
    """Whether a script of the page asks, which needs only the part of the page that changes (`block main`)."""
    return request.headers.get("X-Requested-With") == "fetch"


def timezone_of(store: str | None = None) -> str:
    """The time zone of a store, or where none is named of the one of the settings."""
    zone = services().stores.get(store or DEFAULT).timezone
    ZoneInfo(zone)
    return zone


def guard_pages(pages: Blueprint) -> None:
    """Give every page of a blueprint its headers, and every failure a page that says what to do."""
    pages.after_request(_headers)
    pages.register_error_handler(CSRFError, _out_of_date)
    pages.register_error_handler(PosError, _pos_error)
    pages.register_error_handler(HTTPException, http_problem)
    pages.register_error_handler(PyMongoError, _database_error)
    pages.register_error_handler(Exception, _unexpected)


def problem(status: int, message: str) -> Response:
    """A page that says what went wrong."""
    return _headers(make_response(render("problem.html", status=status, message=message), status))


def http_problem(error: HTTPException) -> Response:
    """The page for what Flask refuses: an unknown path, a method that a page does not have, a body over the limit."""
    texts = {
        404: _("There is no such page here."),
        405: _("This page can't be used in that way."),
        413: _("What was sent is too large."),
    }
    response = problem(error.code or 500, texts.get(error.code or 500) or error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _headers(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _out_of_date(_error: CSRFError) -> Response:
    unsent = unsent_forms.of_request() if g.get("principal") and unsent_forms.is_same_origin() else None
    if unsent is not None:
        return _headers(make_response(render("unsent_form.html", unsent=unsent), 400))
    return problem(400, _("This page was open too long, or another one signed out. Go back, reload it and try again."))


def _pos_error(error: PosError) -> Response:
    response = problem(error.status, error.message)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _database_error(error: PyMongoError) -> Response:
    if not is_outage(error):
        return _unexpected(error)
    log.error("database away", error=type(error).__name__, route=str(request.url_rule or ""))
    if request.method in ("GET", "HEAD"):
        return problem(503, _("The database can't be reached just now. Try again in a moment."))
    return problem(503, _("The database can't be reached just now. See in a moment whether your change was made."))


def _unexpected(error: Exception) -> Response:
    log.exception("unexpected error", route=str(request.url_rule or ""), error=type(error).__name__)
    text = _("Something went wrong here. Whoever runs the service finds it in the log under %(id)s.", id=g.request_id)
    return problem(500, text)
