"""Orders for staff: lists by filter, one with all that happened to it, and figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, cast

from flask import Response, jsonify, request

from pos_api.common.time import day_or_moment
from pos_api.database.client import Document
from pos_api.database.reach import Position
from pos_api.errors import Forbidden, Invalid
from pos_api.orders import order_csv, presentation
from pos_api.orders import queries as order_list
from pos_api.orders.filtering import Filter
from pos_api.payments.queries import with_tabs
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.web.api import pages
from pos_api.web.api.access import may_see_personal_data, staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.order_schemas import FullOrder, Order, OrderQuery
from pos_api.web.api.payments import with_account
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import page_of, reply
from pos_api.web.services import services

blp = Blueprint("orders", __name__, url_prefix="/api/webhooks/orders", description="Orders")


def wanted(query: Document, *, is_typed: bool = False) -> Filter:
    """The filter that a query asks for; `is_typed` says that the last word looked for may be still being written, so
    that what begins with it is found too. Viewers look for numbers only: what finds a person shows who bought what.

    Raises Invalid, naming the parameter, and Forbidden.
    """
    personal = may_see_personal_data()
    if "customer" in query and not personal:
        raise Forbidden("To look for a customer takes the role manager.")
    words = query.get("words")
    return Filter(
        status=query.get("status"),
        store=query.get("store"),
        customer=query.get("customer"),
        sku=query.get("sku"),
        since=_bound(query, "since", "from"),
        until=_bound(query, "until", "to"),
        words=words if personal and not is_typed else None,
        typed=words if personal and is_typed else None,
        number=None if personal else words,
        deleted=query["deleted"],
    )


def _bound(query: Document, name: str, parameter: str) -> date | None:
    if name not in query:
        return None
    try:
        return day_or_moment(query[name])
    except ValueError as error:
        raise Invalid("The request is not valid.", details={parameter: [str(error)]}) from None


_PERSONAL = ("customer", "words")


def _audited(query: Document) -> Document:
    """The filters of an export as the audit has them: of those that may name a person only that they were given."""
    given = {name: value for name, value in query.items() if value not in (None, False) and name not in _PAGING}
    return given | {name: "given" for name in _PERSONAL if name in given}


_PAGING = ("limit", "cursor")


def with_kind() -> Callable[[Document], Document]:
    """What makes of an order as it is shown one with the kind of its store."""
    stores = services().stores
    return lambda order: {**order, "kind": stores.get(order["store"]).kind}


def _shown() -> Callable[[Document], Document]:
    """What makes of an order the part that is shown to who makes the request."""
    kind = with_kind()
    if may_see_personal_data():
        return kind
    return lambda order: presentation.for_viewer(kind(order))


@blp.get("")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(OrderQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(Order))
def list_orders(query: Document) -> Any:
    """List orders, newest first, a page at a time; all that match as one CSV file with `Accept: text/csv`. Viewers are
    not shown who bought."""
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return orders_file(query)
    rows, info = page_of_orders(query)
    return jsonify(success(rows, page=info))  # as it is: going through the schema would take longer than the query


def page_of_orders(query: Document, *, is_typed: bool = False) -> tuple[list[Document], Document]:
    """A page of the orders that a query asks for, as they are shown to who makes the request, and what it says of
    itself; with `is_typed` the last word looked for may be the beginning of one. Raises Invalid, BadRequest, Forbidden.
    """
    db, filters = services().db, wanted(query, is_typed=is_typed)
    after = cast("Position | None", pages.after(query["cursor"], datetime, str))
    rows, last = order_list.find(db, filters, query["limit"], after)
    return with_tabs(db, list(map(_shown(), rows))), pages.info(query["limit"], last)


def orders_file(query: Document, *, is_typed: bool = False) -> Response:
    """All orders that a query asks for as a CSV file, which the audit records; `is_typed` as for a page. Raises
    Invalid, Forbidden."""
    db, filters = services().db, wanted(query, is_typed=is_typed)
    audit.record(db, "orders.exported", details=_audited(query))
    stores = services().stores
    found = order_list.stream(db, filters, order_csv.READ)
    lines = order_csv.write(found, lambda store: stores.get(store).kind, with_buyers=may_see_personal_data())
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": 'attachment; filename="orders.csv"'})


@blp.get("/<string:order>")
@staff("viewer", scope=READ)
@fails_with(404, 409)
@blp.response(200, reply(FullOrder))
def get_order(order: str) -> Any:
    """One order, by WooCommerce's id or as `store:id`; 409 names the candidates when several stores have that id.
    Viewers are not shown who bought. With its payments, what is paid and what is owed."""
    return jsonify(success(one_order(order)))


def one_order(order: str) -> Document:
    """One order with all that is shown of it to who makes the request. Raises NotFound, Conflict."""
    db = services().db
    found = with_tabs(db, [_shown()(order_list.get(db, order))])
    return with_account(found[0])
