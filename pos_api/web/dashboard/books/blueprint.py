"""The pages under `/books`; each module beside this one adds its own."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for

from pos_api.web.dashboard import lists
from pos_api.web.dashboard.access import current_user
from pos_api.web.dashboard.pages import render, timezone_of

blp = Blueprint("books", __name__, url_prefix="/books")


def show(template: str, **context: Any) -> str:
    """A page of the books, with what all of them need."""
    return render(
        f"books/{template}",
        stores=lists.store_names(),
        timezone_of=timezone_of,
        source_url=source_url,
        may_change=current_user().may("manager"),
        **context,
    )


def source_url(source: str) -> str:
    """The page of what an entry is made of: an order, a payment or a cash session."""
    kind, _, key = source.partition(":")
    if kind == "payment":
        return url_for("dashboard.payments.payment", payment=key)
    if kind == "session":
        return url_for("dashboard.cash.session", session=key)
    return lists.order_url(key)
