"""The dashboard is added to the application."""

from __future__ import annotations

from flask import Blueprint, Flask

from pos_api.web.dashboard import (
    account,
    books,
    cash,
    customers,
    deliveries,
    figures,
    inbox,
    orders,
    payments,
    settings,
    sign_in,
    stock,
    today,
)
from pos_api.web.dashboard.access import csrf
from pos_api.web.dashboard.pages import guard_pages, prepare
from pos_api.web.dashboard.unknown_paths import answer_browsers

_PAGES = tuple(
    module.blp
    for module in (
        today,
        orders,
        stock,
        customers,
        payments,
        cash,
        figures,
        books,
        inbox,
        deliveries,
        settings,
        account,
        sign_in,
    )
)


def register_dashboard(app: Flask) -> None:
    """Add the pages to an application."""
    csrf.init_app(app)
    prepare(app)
    dashboard = Blueprint("dashboard", __name__)
    guard_pages(dashboard)
    for pages in _PAGES:
        dashboard.register_blueprint(pages)
    app.register_blueprint(dashboard)
    answer_browsers(app)
