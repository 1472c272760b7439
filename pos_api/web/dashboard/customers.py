"""Customers: found by their words, one with what they bought, and for admins what is held about them and erasing it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, url_for
from pymongo.errors import PyMongoError

from pos_api.errors import Conflict
from pos_api.figures import spending
from pos_api.logs import get_logger
from pos_api.privacy import erase
from pos_api.privacy import export as person_export
from pos_api.processing.faults import is_outage
from pos_api.web.api import customers as api
from pos_api.web.dashboard import lists, order_words
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.languages import _, ngettext
from pos_api.web.dashboard.orders import accounts_of
from pos_api.web.dashboard.pages import problem, render, timezone_of
from pos_api.web.services import services

blp = Blueprint("customers", __name__)
log = get_logger(__name__)


@blp.get("/customers")
@page("manager")
def index() -> Any:
    """Customers, who ordered last first; found while their name is typed."""
    found = lists.shown(api.CustomerQuery, lambda query: api.page_of_customers(query, is_typed=True))
    db, listed = services().db, {row["id"] for row in found.rows}
    many = spending.with_many_orders(db, listed) if listed else set()
    context = {
        "found": found,
        "spent": spending.spent_by(db, listed - many) if listed - many else {},
        "many": many,
        "most": spending.MOST_ADDED_UP,
        "timezone": timezone_of(),
    }
    return render("customers/index.html", **context), found.status


@blp.get("/customers/<path:customer>")
@page("manager")
def customer(customer: str) -> Any:
    """One customer."""
    try:
        found = api.one_customer(customer)
    except Conflict as error:
        candidates = error.details["candidates"] if isinstance(error.details, dict) else []
        return render("customers/choose.html", name=customer, candidates=candidates), error.status
    return render(
        "customers/customer.html",
        customer=found,
        accounts=accounts_of(found["orders"]),
        others=api.other_addresses(found["id"]),
        most_orders=api.LAST_ORDERS,
        most_added_up=spending.MOST_OF_ONE,
        timezone=timezone_of(),
        stores=lists.store_names(),
        timezone_of=timezone_of,
        words=order_words,
    )


@blp.get("/customers/<path:customer>/export")
@page("admin")
def export(customer: str) -> Any:
    """Everything that is held about a person, as the API gives it, in a file."""
    held = person_export.export(services().db, services().stores, api.key_of(customer))
    text = current_app.json.dumps(held, indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": 'attachment; filename="customer.json"', "Cache-Control": "no-store"}
    return Response(text, mimetype="application/json", headers=headers)


@blp.post("/customers/<path:customer>/erase")
@page("admin")
def erase_customer(customer: str) -> Any:
    """Erase a person, for good."""
    try:
        erased = erase.person(services().db, services().stores.erasures, api.key_of(customer))
    except PyMongoError as error:
        if not is_outage(error):
            raise
        log.error("database away while a person was erased", error=type(error).__name__)
        text = _(
            "The database went away meanwhile. If the erasure had begun, it is finished by itself as soon as the "
            "database is back. Look for the customer again in some minutes; if they are still there, erase them again."
        )
        return problem(503, text)
    flash(_what_was_erased(erased))
    return redirect(url_for(".index"), 303)


def _what_was_erased(erased: erase.Erased) -> str:
    orders = ngettext("%(num)s order", "%(num)s orders", erased.orders)
    deliveries = ngettext("%(num)s delivery", "%(num)s deliveries", erased.deliveries)
    text = _(
        "The person was erased from %(orders)s and %(deliveries)s. What is on its way just now is erased in 5 minutes, "
        "by itself.",
        orders=orders,
        deliveries=deliveries,
    )
    if erased.other_addresses:
        text += " " + ngettext(
            "%(num)s other address of the same account was not erased.",
            "%(num)s other addresses of the same account were not erased.",
            len(erased.other_addresses),
        )
    return text
