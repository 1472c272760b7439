"""Cash sessions of tills: which are open, what was expected and counted, and why that differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, request, url_for

from pos_api.cash import queries
from pos_api.common.money import decimal
from pos_api.common.time import rfc3339
from pos_api.database.client import Document
from pos_api.payments.queries import orders_of
from pos_api.web.api import cash_sessions as api
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _, money
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

blp = Blueprint("cash", __name__)


@blp.get("/cash-sessions")
@page("viewer")
def index() -> Any:
    """Cash sessions: those that are open, then all others, newest first."""
    found = lists.shown(api.CashSessionQuery, api.page_of_sessions)
    is_whole = not any(request.args.get(name) for name in ("cursor", "from", "to"))
    open_now = _open_now() if is_whole and not found.errors else []
    listed = {each["id"] for each in open_now}
    rows = [each for each in found.rows if each["id"] not in listed]
    csv = lists.this_list("dashboard.cash.file")
    return render("cash/index.html", found=found, rows=rows, open_now=open_now, csv=csv, **_shared()), found.status


@blp.get("/cash-sessions.csv")
@page("viewer")
def file() -> Any:
    """All cash sessions that match, as a CSV file."""
    return api.sessions_file(lists.asked(api.CashSessionQuery))


@blp.get("/cash-sessions/<path:session>")
@page("viewer")
def session(session: str) -> Any:
    """One cash session: what came in and went out, what was expected and what was counted."""
    found = queries.get(services().db, api.currency_of(), session)
    zone = timezone_of(found["store"])
    return render(
        "cash/session.html",
        session=found,
        explanation=explanation(found),
        sales=_sales_url(found),
        kinds=_kinds(),
        orders=_orders_of(found),
        order_url=lists.order_url,
        zone=zone,
        **_shared(),
    )


def explanation(session: Document) -> str:
    """Why counted and expected cash differ or agree, or why that is not known, in words."""
    return _unknown(session) or _difference(decimal(session["difference"]), session["currency"])


def _unknown(session: Document) -> str:
    """Why it is not known whether the cash is right; blank where it is."""
    if session["opened_at"] is None:
        return _("It is not known when the session was opened, so it is not known what should be in the drawer.")
    if session["opening_cash"] is None:
        return _("It is not known with how much cash the session began, so not what should be in the drawer.")
    if session["expected_cash"] is None:
        return _(
            "What should be in the drawer is not known: the times do not fit, or the currency of the till is not set."
        )
    if session["counted_cash"] is None:
        return _("No count was reported.") if session["closed_at"] else _("The cash has not been counted yet.")
    return ""


def _difference(difference: Decimal, currency: str) -> str:
    if not difference:
        return _("What was counted is what should be there.")
    amount = money(abs(difference), currency)
    if difference < 0:
        return _(
            "%(amount)s is missing: too much change was given, cash was taken out without a note, or the count is"
            " wrong. Count again, and look through the sales of the session.",
            amount=amount,
        )
    return _(
        "%(amount)s is too much: too little change was given, a sale is not in the till, or the count is wrong. Count"
        " again, and look through the sales of the session.",
        amount=amount,
    )


def _open_now() -> list[Document]:
    return queries.open_now(services().db, api.currency_of(), request.args.get("store") or None)


def _sales_url(session: Document) -> str | None:
    """The list of the orders that the till sold during a session; None where it is not known when that was."""
    if session["opened_at"] is None:
        return None
    until = {"to": rfc3339(session["ends_at"])} if session["ends_at"] else {}
    return url_for(
        "dashboard.orders.index", **{"store": session["store"], "from": rfc3339(session["opened_at"]), **until}
    )


def _orders_of(session: Document) -> dict[str, str]:
    """The orders that the movements of a session are of, by the till's names of these, as far as they are payments."""
    of = {f"{session['store']}:{each['external_id']}": each["external_id"] for each in session["movements"]}
    return {of[payment]: order for payment, order in orders_of(services().db, of).items()}


def _kinds() -> dict[str, str]:
    return {"sale": _("Sales in cash"), "void": _("Paid back for voided sales"), "debt": _("Debts paid in cash")}


def _shared() -> dict[str, Any]:
    return {"stores": lists.store_names(), "timezone_of": timezone_of}
