"""Orders: found by number, words and filters, and one with all that happened to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, request

from pos_api.common.time import now
from pos_api.database.client import Document
from pos_api.errors import Conflict
from pos_api.orders import queries
from pos_api.payments import account
from pos_api.web.api import orders as api
from pos_api.web.api.access import may_see_personal_data
from pos_api.web.api.order_schemas import OrderQuery
from pos_api.web.api.payments import providers_of
from pos_api.web.dashboard import lists, order_words, payment_words
from pos_api.web.dashboard.access import page
from pos_api.web.dashboard.order_events import events_behind
from pos_api.web.dashboard.pages import render, timezone_of
from pos_api.web.dashboard.warning_advice import advice
from pos_api.web.services import services

blp = Blueprint("orders", __name__)

_MOST_SUBORDERS = 50


@blp.get("/orders")
@page("viewer")
def index() -> Any:
    """Orders, newest first; found while their number or the customer's name is typed."""
    found = lists.shown(OrderQuery, lambda query: api.page_of_orders(query, is_typed=True))
    zone = ZoneInfo(timezone_of(request.args.get("store") or None))
    shown = render(
        "orders/index.html",
        found=found,
        accounts=accounts_of(found.rows),
        statuses=queries.statuses(services().db),
        presets=order_words.presets(datetime.now(zone).date()),
        sees_customers=may_see_personal_data(),
        this_list=lists.this_list,
        **_shared(),
    )
    return shown, found.status


@blp.get("/orders.csv")
@page("viewer")
def file() -> Any:
    """All orders that match, as a CSV file."""
    return api.orders_file(lists.asked(OrderQuery), is_typed=True)


@blp.get("/orders/<path:order>")
@page("viewer")
def order(order: str) -> Any:
    """One order."""
    try:
        found = api.one_order(order)
    except Conflict as error:
        candidates = error.details["candidates"] if isinstance(error.details, dict) else []
        return render("orders/choose.html", name=order, candidates=candidates, **_shared()), error.status
    db, sees_customers = services().db, may_see_personal_data()
    return render(
        "orders/order.html",
        order=found,
        zone=timezone_of(found["store"]),
        sees_customers=sees_customers,
        warnings=[advice(each, found["store"]) for each in queries.warnings_of(db, found["id"])],
        suborders=queries.suborders(db, found["id"], _MOST_SUBORDERS),
        events=events_behind(db, found) if sees_customers else [],
        contradiction=payment_words.contradiction,
        payment_statuses=payment_words.statuses(),
        payment_changes=payment_words.changes(),
        **_shared(),
    )


def accounts_of(rows: list[Document]) -> dict[str, Document]:
    """What is paid and owed of each of these orders, by its id."""
    if not rows:
        return {}
    providers = {store: providers_of(services().stores.get(store)) for store in {row["store"] for row in rows}}
    return account.of_orders(services().db, [row["id"] for row in rows], providers, now())


def _shared() -> dict[str, Any]:
    """What these pages share."""
    return {
        "stores": lists.store_names(),
        "timezone_of": timezone_of,
        "words": order_words,
    }
