"""Do the books agree? Entries, figures and payments of a period side by side, and what nothing explains."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import request

from pos_api.accounting import check
from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.web.api import accounting as api
from pos_api.web.api.accounting_schemas import CheckQuery
from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.books.blueprint import blp, show
from pos_api.web.dashboard.languages import _
from pos_api.web.services import services

_MOST_SHOWN = 200


@blp.get("/check")
@page("viewer")
def books_check() -> Any:
    """The proof of some days; without any a form that asks for which."""
    proof, errors = None, dict[str, list[str]]()
    if request.args.get("from") or request.args.get("to"):
        try:
            proof = _proof(lists.asked(CheckQuery))
        except Invalid as error:
            errors = lists.messages_of(error)
    today = date.fromisoformat(services().stores.all()[0].local_day(now()))
    shown = show(
        "check.html",
        proof=proof,
        rows=sorted(proof.rows, key=lambda row: row.is_explained)[:_MOST_SHOWN] if proof else [],
        errors=errors,
        measures=_measures(),
        default={"from": (today - timedelta(days=31)).isoformat(), "to": (today - timedelta(days=1)).isoformat()},
        amounts_of=_differences,
    )
    return shown, 422 if errors else 200


def _proof(query: Document) -> check.Proof:
    if name := query.get("store"):
        api.store_named(name)
    since, until = query["since"].isoformat(), query["until"].isoformat()
    return check.check(services().db, services().stores, since, until, query.get("store"))


def _differences(row: check.Row) -> dict[str, Any]:
    """By how much entries have more than figures or payments, by measure, where they differ."""
    found = {name: row.books[name] - row.others[name] for name in check.MEASURES}
    return {name: amount for name, amount in found.items() if amount}


def _measures() -> dict[str, str]:
    return {
        "net_revenue": _("Sales without VAT"),
        "shipping": _("Shipping without VAT"),
        "taxes": _("VAT"),
        "paid": _("Paid"),
    }
