"""Z-reports: of which days there are some, and each as a page to print and as a CSV file."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from marshmallow import validate

from pos_api.accounting import z_reports
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.web import z_page
from pos_api.web.api import accounting as api
from pos_api.web.api import pages
from pos_api.web.api.accounting_schemas import ZQuery
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.schemas import Trimmed
from pos_api.web.dashboard import languages, lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.books.blueprint import blp, show
from pos_api.web.dashboard.languages import _
from pos_api.web.services import services


class ClosedDaysQuery(PageQuery):
    """Which closed days to list."""

    store = Trimmed(validate=validate.Length(1, 40))


@blp.get("/z-reports")
@page("viewer")
def reports() -> Any:
    """The days that are closed, the latest first."""
    found = lists.shown(ClosedDaysQuery, _page_of_days)
    return show("z_reports.html", found=found, errors={}), found.status


@blp.get("/z-report")
@page("viewer")
def report() -> Any:
    """The Z-reports of a store's day, as a page to print."""
    if not request.args:
        return redirect(url_for("dashboard.books.reports"), 303)
    try:
        wanted = lists.asked(ZQuery)
    except Invalid as error:
        found = lists.shown(ClosedDaysQuery, _page_of_days)
        return show("z_reports.html", found=found, errors=lists.messages_of(error)), error.status
    localization = z_page.Localization(languages.language(), _, languages.ngettext, languages.money)
    return api.z_report_page(api.store_named(wanted["store"]), wanted["day"].isoformat(), localization)


@blp.get("/z-reports/<store>/<day>.csv")
@page("viewer")
def report_file(store: str, day: str) -> Any:
    """The same as a CSV file."""
    wanted = lists.read(ZQuery, {"store": store, "day": day})
    return api.z_report_file(api.store_named(wanted["store"]), wanted["day"].isoformat())


def _page_of_days(query: Document) -> tuple[list[Document], Document]:
    after = pages.after(query["cursor"], str, str)
    found = z_reports.closed_days(services().db, query.get("store"), query["limit"] + 1, after)
    rows, info = pages.page(found, query["limit"], lambda each: (each["day"], each["_id"]))
    return list(rows), info
