"""Payments: lists by filter, one with how it is matched, and orders whose payments contradict their shop."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from pos_api.payments import queries
from pos_api.web.api import payments as api
from pos_api.web.dashboard import lists, order_words, payment_words
from pos_api.web.dashboard.access import current_user, page
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.services import services

blp = Blueprint("payments", __name__)


@blp.get("/payments")
@page("viewer")
def index() -> Any:
    """Payments, newest first."""
    found = lists.shown(api.PaymentQuery, api.page_of_payments)
    is_unmatched = request.args.get("order") == queries.NO_ORDER
    of_page = _shared("dashboard.payments.file")
    return render("payments/index.html", found=found, is_unmatched=is_unmatched, **of_page), found.status


@blp.get("/payments.csv")
@page("viewer")
def file() -> Any:
    """All payments that match, as a CSV file."""
    return api.payments_file(lists.asked(api.PaymentQuery))


@blp.get("/payments/discrepancies")
@page("viewer")
def discrepancies() -> Any:
    """Orders whose payments contradict what their shop says."""
    found = lists.shown(api.ContradictingQuery, api.page_of_discrepancies)
    are_compared = any(each.paid_by for each in services().stores.all())
    of_page = _shared("dashboard.payments.discrepancies_file")
    shown = render("payments/discrepancies.html", found=found, are_compared=are_compared, **of_page)
    return shown, found.status


@blp.get("/payments/discrepancies.csv")
@page("viewer")
def discrepancies_file() -> Any:
    """All of these orders as a CSV file, a line for each contradiction."""
    return api.discrepancies_file(lists.asked(api.ContradictingQuery))


@blp.get("/payments/<path:payment>")
@page("viewer")
def payment(payment: str) -> Any:
    """One payment."""
    found = api.one_payment(payment)
    order = queries.order_of(services().db, found)
    return render(
        "payments/payment.html",
        payment=found,
        order=api.with_account(order) if order else None,
        order_status=order_words.status(order["status"]) if order else "",
        matched=payment_words.matched(found),
        changes=payment_words.changes(),
        may_see_inbox=current_user().may("manager"),
        zone=timezone_of(found["store"]),
        **_shared(),
    )


def _shared(file: str = "") -> dict[str, Any]:
    """What these pages share; `file` is the endpoint of the list's file."""
    return {
        "csv": lists.this_list(file) if file else "",
        "order_url": lists.order_url,
        "stores": lists.store_names(),
        "statuses": payment_words.statuses(),
        "contradiction": payment_words.contradiction,
        "timezone_of": timezone_of,
    }
