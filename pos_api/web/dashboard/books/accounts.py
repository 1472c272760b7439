"""Accounts: what is booked where, by role, VAT rate, product group, method and day; and changing them."""

from __future__ import annotations

from typing import Any, get_args

from flask import flash, redirect, request, url_for

from pos_api.accounting import set_accounts
from pos_api.accounting.model import Role
from pos_api.errors import Conflict, PosError
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.books import accounts_form
from pos_api.web.dashboard.books.accounts_form import AccountsForm
from pos_api.web.dashboard.books.blueprint import blp, show
from pos_api.web.dashboard.languages import _
from pos_api.web.services import services


@blp.get("/accounts")
@page("viewer")
def accounts() -> Any:
    """The accounts as they are."""
    return show("accounts.html", accounts=set_accounts.shown(services().db), roles=roles())


@blp.get("/accounts/change")
@page("manager")
def accounts_form_page() -> Any:
    """The form by which they are changed."""
    return _form(accounts_form.of_document(set_accounts.shown(services().db)))


@blp.post("/accounts/change")
@page("manager")
def change_accounts() -> Any:
    """Set the accounts, their names and the product groups."""
    form, before = accounts_form.typed(request.form), set_accounts.shown(services().db)
    parsed = accounts_form.parse(form, before["names"])
    try:
        if form.version != accounts_form.version_of(before):
            raise Conflict(
                "Somebody else has changed the accounts meanwhile. Open the page anew, and change them again."
            )
        if parsed.problems:
            return _form(accounts_form.with_problems(form, parsed, parsed.problems)), 422
        set_accounts.save(services().db, parsed.document)
    except PosError as error:
        details = error.details if isinstance(error.details, dict) else {}
        form = accounts_form.with_problems(form, parsed, details)
        return _form(form, "" if details else error.message), error.status
    flash(_("The accounts are set. What is entered stays as it is."))
    return redirect(url_for("dashboard.books.accounts"), 303)


def roles() -> dict[str, str]:
    """What accounts are for, in words."""
    names = {
        "revenue": _("Sales"),
        "shipping": _("Shipping"),
        "fee": _("Fees"),
        "vat": _("VAT"),
        "rounding": _("Rounding"),
        "tip": _("Tips"),
        "receivable": _("Receivable from customers"),
        "under_way": _("Payments under way"),
        "payment": _("Payments"),
        "unmatched": _("Payments without an order"),
        "cash_difference": _("Cash differences"),
    }
    return {each: names.get(each, each) for each in get_args(Role)}


def _form(form: AccountsForm, problem: str = "") -> str:
    return show("accounts_form.html", form=form, problem=problem, roles=roles())
