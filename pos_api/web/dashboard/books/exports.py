"""Exports: files of entries for a bookkeeping program, made, listed and downloaded again."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from pos_api.accounting.exports import WRITERS
from pos_api.errors import PosError
from pos_api.web.api import accounting as api
from pos_api.web.api.accounting_schemas import ExportQuery
from pos_api.web.api.pages import PageQuery
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.books.blueprint import blp, show
from pos_api.web.dashboard.languages import _, ngettext
from pos_api.web.services import services


@blp.get("/exports")
@page("viewer")
def exports() -> Any:
    """All exports, newest first, and a form to make one."""
    return _page(), 200


@blp.post("/exports")
@page("manager")
def make_export() -> Any:
    """Make an export."""
    try:
        made = api.export_as_asked(lists.read(ExportQuery, request.form))
    except PosError as error:
        details = error.details if isinstance(error.details, dict) else {}
        return _page(problem="" if details else error.message, errors=lists.messages_of(error)), error.status
    flash(_("Export %(number)s is made. Download it from the list below.", number=made.number))
    return redirect(url_for("dashboard.books.exports"), 303)


@blp.get("/exports/<number>")
@page("manager")
def export_file(number: str) -> Any:
    """The file of an export."""
    return api.export_file(number)


def formats() -> dict[str, str]:
    """The formats of files, in words."""
    names = {
        "sie": _("SIE 4 (Fortnox, Visma and other Swedish programs)"),
        "xero": _("Xero: manual journals"),
        "quickbooks": _("QuickBooks Online: journal entries"),
        "csv": _("CSV for a spreadsheet"),
    }
    return {each: names.get(each, each) for each in WRITERS}


def _page(problem: str = "", errors: dict[str, list[str]] | None = None) -> str:
    config = services().config
    return show(
        "exports.html",
        found=lists.shown(PageQuery, api.page_of_exports),
        formats=formats(),
        problem=problem,
        errors=errors or {},
        typed=request.form,
        has_company=bool(config.accounting_company),
        count=lambda number: ngettext("%(num)s entry", "%(num)s entries", number),
    )
