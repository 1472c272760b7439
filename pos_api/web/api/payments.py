"""Payments for staff: lists by filter, one, and what of an order is paid and owed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo

from flask import Response, jsonify, request
from marshmallow import Schema, fields, validate

from pos_api.common.time import day_or_moment, now
from pos_api.database.client import Document
from pos_api.database.reach import Position
from pos_api.errors import Invalid
from pos_api.payments import account, payment_csv
from pos_api.payments import queries as payment_list
from pos_api.payments.balance import Provider
from pos_api.payments.model import PaymentStatus
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.stores.model import DEFAULT, Store
from pos_api.web.api import pages
from pos_api.web.api.access import may_see_personal_data, staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Money, Time, Trimmed, page_of, reply
from pos_api.web.services import services

blp = Blueprint("payments", __name__, url_prefix="/api/payments", description="Payments")

STATUSES = get_args(PaymentStatus)


def _text(longest: int, description: str, example: str) -> Trimmed:
    return Trimmed(validate=validate.Length(1, longest), metadata={"description": description, "example": example})


def _bound(name: str, description: str) -> fields.String:
    metadata = {"description": description, "example": "2026-11-22"}
    return fields.String(data_key=name, validate=validate.Length(max=40), metadata=metadata)


class PaymentQuery(PageQuery):
    """Which payments to list; filters add up."""

    store = _text(40, "The id of the store that reported it.", "online-1")
    status = fields.String(validate=validate.OneOf(STATUSES), metadata={"example": "completed"})
    method = _text(100, "How it was paid.", "card")
    order = _text(400, "Of this order: its id, or `store:id`; `none`: of no order that is known.", "default:23")
    since = _bound("from", "From this day or RFC 3339 time on: when it was paid, else first reported.")
    until = _bound("to", "Up to this day or time, included.")
    words = fields.String(
        data_key="q",
        validate=validate.Length(1, 200),
        metadata={"description": "Whole words of its id, its reference, and its order's id or number."},
    )


class Tab(Schema):
    """An open bill for several orders and payments. What its store did not say is null."""

    id = fields.String(required=True, metadata={"description": "`store:id of the tab`", "example": "bar:tab_9"})
    external_id = fields.String(required=True, metadata={"example": "tab_9"})
    state = fields.String(required=True, allow_none=True, metadata={"example": "closed"})
    total = Money(required=True, allow_none=True, metadata={"example": "360.00"})
    paid = Money(required=True, allow_none=True, metadata={"example": "360.00"})
    tip = Money(required=True, allow_none=True, metadata={"example": "20.00"})


class Payment(Schema):
    """A payment. `amount` is all that was paid, `tip` the part of it that is a tip, `refunded` what was paid back."""

    id = fields.String(required=True, metadata={"description": "`store:external id`", "example": "online-1:pi_3Abc"})
    store = fields.String(required=True, metadata={"example": "online-1"})
    external_id = fields.String(required=True, metadata={"example": "pi_3Abc"})
    order = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The order that it is for; null while none is known.", "example": "default:23"},
    )
    status = fields.String(
        required=True,
        validate=validate.OneOf(STATUSES),
        metadata={"description": "What failed, was canceled or is unverified counts nowhere.", "example": "completed"},
    )
    amount = Money(required=True, metadata={"example": "295.68"})
    refunded = Money(required=True, metadata={"example": "0.00"})
    tip = Money(required=True, metadata={"example": "0.00"})
    currency = fields.String(required=True, metadata={"example": "SEK"})
    method = fields.String(required=True, metadata={"example": "card"})
    method_is_assumed = fields.Boolean(
        metadata={"description": "The method is the till's setting, not its report; absent otherwise."}
    )
    reference = fields.String(required=True, metadata={"description": "The provider's.", "example": "ch_3Abc"})
    paid_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:50:57Z"})
    reason = fields.String(metadata={"description": "Why it failed, is not verified, or has no order."})
    details = fields.Dict(metadata={"description": "What its provider reports besides, as text."})
    tab = fields.Nested(Tab)


class NamedOrder(Schema):
    """A way in which a payment names its order."""

    store = fields.String(required=True, metadata={"description": "The order's.", "example": "default"})
    by = fields.String(
        required=True,
        validate=validate.OneOf(["order", "transaction"]),
        metadata={"description": "`order`: its id or number.", "example": "order"},
    )
    name = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Null where it is a transaction id and a viewer asks.", "example": "23"},
    )


class PaymentChange(Schema):
    """What a delivery changed of a payment."""

    change = fields.String(required=True, metadata={"example": "completed"})
    at = Time(
        required=True,
        allow_none=True,
        metadata={"description": "When it came; null once the inbox keeps it no longer.", "example": None},
    )
    cause = fields.String(required=True, metadata={"description": "The key of the event; see /api/inbox."})


class FullPayment(Payment):
    """A payment with how it is matched with its order, and what became of it."""

    matched_by = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["store", "transaction", "order_id", "number", "earlier"]),
        metadata={
            "description": "How it names its order: by transaction id, id or number; `store`: its own store says which"
            " it is; `earlier`: it did name it. Null while no order is known.",
            "example": "order_id",
        },
    )
    named = fields.List(fields.Nested(NamedOrder), required=True)
    candidates = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Orders that it names as much as each other.", "example": []},
    )
    changes = fields.List(fields.Nested(PaymentChange), required=True)


class PaymentDiscrepancy(Schema):
    """Where the payments of an order contradict what its shop says."""

    code = fields.String(required=True, metadata={"description": "Stable, for programs.", "example": "paid_twice"})
    message = fields.String(
        required=True,
        metadata={"example": "2 payments of 591.36 in all have come, and the order is of 295.68."},
    )
    values = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={
            "description": "What the message names, as text.",
            "example": {"count": "2", "paid": "591.36", "total": "295.68"},
        },
    )


class ContradictingQuery(PageQuery):
    """Which orders to look at."""

    store = _text(40, "Orders of this store.", "default")
    since = _bound("from", "Made from this day or RFC 3339 time on.")
    until = _bound("to", "Made up to this day or time, included.")


class ContradictingOrder(Schema):
    """An order whose payments contradict what its shop says."""

    order = fields.String(required=True, metadata={"example": "default:23"})
    store = fields.String(required=True, metadata={"example": "default"})
    number = fields.String(required=True, metadata={"example": "23"})
    created_at = Time(required=True, metadata={"example": "2026-11-22T06:50:56Z"})
    currency = fields.String(required=True, metadata={"example": "SEK"})
    total = Money(required=True, metadata={"example": "295.68"})
    paid = Money(required=True, metadata={"example": "591.36"})
    owed = Money(required=True, metadata={"example": "0.00"})
    discrepancies = fields.List(fields.Nested(PaymentDiscrepancy), required=True)


@blp.get("")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(PaymentQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(Payment))
def list_payments(query: Document) -> Any:
    """List payments, newest first, a page at a time; all that match as one CSV file with `Accept: text/csv`."""
    if _wants_csv():
        return payments_file(query)
    rows, info = page_of_payments(query)
    return jsonify(success(rows, page=info))


def page_of_payments(query: Document) -> tuple[list[Document], Document]:
    """A page of the payments that a query asks for, and what it says of itself. Raises Invalid, BadRequest."""
    after = cast("Position | None", pages.after(query["cursor"], datetime, str))
    rows, last = payment_list.find(services().db, _wanted(query), query["limit"], after)
    return rows, pages.info(query["limit"], last)


def payments_file(query: Document) -> Response:
    """All payments that a query asks for as a CSV file, which the audit records. Raises Invalid."""
    wanted = _wanted(query)
    audit.record(services().db, "payments.exported", details=_audited(query))
    return _csv_file("payments.csv", payment_csv.write(payment_list.stream(services().db, wanted)))


def _wants_csv() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def _audited(query: Document) -> Document:
    return {name: value for name, value in query.items() if value is not None and name not in ("limit", "cursor")}


def _csv_file(name: str, lines: Iterable[str]) -> Response:
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@blp.get("/discrepancies")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(ContradictingQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(ContradictingOrder))
def list_discrepancies(query: Document) -> Any:
    """List orders whose payments contradict what their shop says, those made last first. A page looks at 2,000 orders
    at most, so it may have fewer rows than its limit, or none; there are more as long as `page.next` is not null. All
    as one CSV file with `Accept: text/csv`, a line for each contradiction."""
    if _wants_csv():
        return discrepancies_file(query)
    rows, info = page_of_discrepancies(query)
    return jsonify(success(rows, page=info))


def page_of_discrepancies(query: Document) -> tuple[list[Document], Document]:
    """A page of the orders that a query asks for whose payments contradict their shop, and what it says of itself.
    Raises Invalid, BadRequest."""
    limit, after = query["limit"], pages.after(query["cursor"], datetime, str)
    rows, last = account.contradicting(services().db, *_examined(query), limit, after, now())
    return rows, pages.info(limit, last)


def discrepancies_file(query: Document) -> Response:
    """All orders that a query asks for whose payments contradict their shop, as a CSV file, which the audit records.
    Raises Invalid."""
    examined = _examined(query)
    audit.record(services().db, "payments.exported", details={"discrepancies": True, **_audited(query)})
    rows = account.all_contradicting(services().db, *examined, now())
    return _csv_file("payment-discrepancies.csv", payment_csv.write_discrepancies(rows))


def _examined(query: Document) -> tuple[dict[str, dict[str, Provider]], dict[str, datetime]]:
    """The stores whose orders are looked at, with those that take payments for them, and when the orders were made."""
    stores = [store for store in services().stores.all() if query.get("store", store.id) == store.id]
    since, before = _bounds(query)
    bounds = {operator: bound for operator, bound in (("$gte", since), ("$lt", before)) if bound}
    return {store.id: providers_of(store) for store in stores if store.paid_by}, bounds


@blp.get("/<path:payment>")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.response(200, reply(FullPayment))
def get_payment(payment: str) -> Any:
    """One payment, by `store:external id`, with how it is matched with its order, and what became of it."""
    return jsonify(success(one_payment(payment)))


def one_payment(payment: str) -> Document:
    """One payment as it is shown to who asks. Raises NotFound."""
    return payment_list.get(services().db, payment, with_transactions=may_see_personal_data())


def with_account(order: Document) -> Document:
    """An order as it is shown, with its payments, what is paid and owed of it, and where that does not fit."""
    providers = providers_of(services().stores.get(order["store"]))
    return order | account.of_order(services().db, order["id"], providers, now())


def providers_of(store: Store) -> dict[str, Provider]:
    """The stores that take payments for this one, by their ids."""
    takers = [services().stores.get(name) for name in store.paid_by]
    return {each.id: Provider(each.kind, each.added_at) for each in takers}


def _wanted(query: Document) -> payment_list.Filter:
    """The filter that a query asks for. Raises Invalid, naming the parameter.

    Days are those of the store that is asked for, else of the shop of the settings.
    """
    since, before = _bounds(query)
    names = ("store", "status", "method", "order", "words")
    return payment_list.Filter(**{name: query.get(name) for name in names}, since=since, before=before)


def _bounds(query: Document) -> tuple[datetime | None, datetime | None]:
    """From when on and before when, None where nothing is asked for."""
    zone = ZoneInfo(services().stores.get(query.get("store", DEFAULT)).timezone)
    return (
        _moment(query, "since", "from", zone, timedelta(0), timedelta(0)),
        _moment(query, "until", "to", zone, timedelta(days=1), timedelta(milliseconds=1)),
    )


def _moment(
    query: Document, name: str, parameter: str, zone: ZoneInfo, after_day: timedelta, after_moment: timedelta
) -> datetime | None:
    """The moment of a bound: so long after the start of its day there, or after the time that it is."""
    if name not in query:
        return None
    try:
        bound = day_or_moment(query[name])
    except ValueError as error:
        raise Invalid("The request is not valid.", details={parameter: [str(error)]}) from None
    if isinstance(bound, datetime):
        return bound + after_moment
    return datetime.combine(bound + after_day, time.min, zone)
