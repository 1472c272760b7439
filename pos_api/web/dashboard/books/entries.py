"""Entries: lists by filter, one with its lines and all that it is made of, and drafts of open days."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import redirect, request, url_for

from pos_api.accounting import queries
from pos_api.common.money import decimal
from pos_api.database.client import Document
from pos_api.web.api import accounting as api
from pos_api.web.api.accounting_schemas import EntryFilter, EntryQuery
from pos_api.web.api.pages import PageQuery
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.books.blueprint import blp, show
from pos_api.web.services import services


@blp.get("/entries")
@page("viewer")
def entries() -> Any:
    """The entries of closed days, newest first."""
    found = lists.shown(EntryQuery, api.page_of_entries)
    return show("entries.html", found=found, total=total), found.status


@blp.get("/entries/<number>")
@page("viewer")
def entry(number: str) -> Any:
    """One entry, by its number."""
    found = queries.get(services().db, number)
    corrected = queries.numbers_of(services().db, [found["corrects"]] if found["corrects"] else [])
    sources = lists.shown(PageQuery, lambda query: api.page_of_sources(number, query))
    return show("entry.html", entry=found, corrected=corrected, sources=sources, total=total)


@blp.get("/drafts")
@page("viewer")
def drafts() -> Any:
    """The entries that a store's open days would have if they were closed now; without a store all open days."""
    if not request.args.get("store"):
        return redirect(url_for("dashboard.books.index"), 303)
    wanted = api.filter_of(lists.asked(EntryFilter))
    found = queries.drafts(services().db, services().stores, wanted, services().config.accounting_mode)
    return show("drafts.html", drafts=found, total=total)


def total(entry: Document, side: str = "debit") -> Decimal:
    """What an entry has on a side: debit or credit."""
    return sum((decimal(line.get(side)) for line in entry["lines"]), Decimal(0))
