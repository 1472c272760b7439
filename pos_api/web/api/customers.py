"""Customers for staff: searched, and one with what was bought."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import jsonify
from marshmallow import Schema, fields, validate

from pos_api.customers import presentation
from pos_api.customers import queries as customers
from pos_api.database.client import Document
from pos_api.errors import NotFound
from pos_api.figures import spending
from pos_api.orders import queries as order_list
from pos_api.payments.queries import with_tabs
from pos_api.privacy import erase
from pos_api.privacy import export as person_export
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.order_schemas import Address, Order
from pos_api.web.api.orders import with_kind
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Money, Time, page_of, reply
from pos_api.web.services import services

LAST_ORDERS = 20
_LONGEST_KEY = 1_000
"""So many letters of an e-mail address are read of what shops send."""

blp = Blueprint("customers", __name__, url_prefix="/api/customers", description="Customers")


class CustomerQuery(PageQuery):
    """Whom to list."""

    q = fields.String(
        validate=validate.Length(1, 200),
        metadata={"description": "Whole words of name, company, e-mail address or telephone number; all must match."},
    )


class Customer(Schema):
    """A customer, by the latest update."""

    id = fields.String(
        required=True,
        metadata={"description": "E-mail address, else `store:#customer id`.", "example": "anna@example.se"},
    )
    email = fields.String(required=True, metadata={"example": "anna@example.se"})
    first_name = fields.String(metadata={"example": "Anna"})
    last_name = fields.String(metadata={"example": "Åkesson"})
    company = fields.String(metadata={"example": ""})
    phone = fields.String(metadata={"example": "070-123 45 67"})
    username = fields.String(metadata={"example": "anna"})
    billing = fields.Nested(Address)
    shipping = fields.Nested(Address)
    shop_ids = fields.List(
        fields.String(), required=True, metadata={"description": "`store:customer id`", "example": ["default:2"]}
    )
    first_order_at = Time(allow_none=True, metadata={"example": "2026-11-22T06:50:56Z"})
    last_order_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:50:56Z"})


class Spent(Schema):
    """What a customer has spent in one currency."""

    currency = fields.String(required=True, metadata={"example": "SEK"})
    orders_count = fields.Integer(required=True, metadata={"example": 3})
    total_spent = Money(required=True, metadata={"description": "Less refunds.", "example": "740.28"})


_NOT_ADDED_UP = f"Null of a customer with more than {spending.MOST_OF_ONE:,} orders, which are not added up."


class FullCustomer(Customer):
    """A customer with their orders. Those that count are as in the figures: not pending, failed, cancelled, deleted."""

    orders_count = fields.Integer(
        required=True, allow_none=True, metadata={"description": f"That count. {_NOT_ADDED_UP}", "example": 3}
    )
    total_spent = fields.List(
        fields.Nested(Spent), required=True, allow_none=True, metadata={"description": _NOT_ADDED_UP}
    )
    orders = fields.List(
        fields.Nested(Order), required=True, metadata={"description": f"The last {LAST_ORDERS}, newest first."}
    )


def _other_addresses(more: str) -> fields.List[str]:
    description = f"With which the same account has ordered{more}."
    return fields.List(fields.String(), required=True, metadata={"description": description, "example": []})


class PersonExport(Schema):
    """Everything held about a person."""

    exported_at = Time(required=True, metadata={"example": "2026-11-28T09:30:00Z"})
    id = fields.String(required=True, metadata={"example": "anna@example.se"})
    customer = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "The customer's record; null where there is none.", "example": {"first_name": "Anna"}},
    )
    other_addresses = _other_addresses(". What is held about them is not in here")
    orders = fields.List(
        fields.Dict(), required=True, metadata={"description": "Each whole, newest first.", "example": []}
    )
    deliveries = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "What shops sent about the person, as long as it is kept.", "example": []},
    )
    recipients = fields.List(
        fields.Dict(),
        required=True,
        metadata={
            "description": "Hosts of subscribers that were sent events about the person, as long as these are kept:"
            " `host`, `events` (how many), `first_sent_at`, `last_sent_at`.",
            "example": [],
        },
    )
    audit = fields.List(
        fields.Dict(), required=True, metadata={"description": "Earlier exports and erasures.", "example": []}
    )


class Erased(Schema):
    """What was erased."""

    customer = fields.String(
        required=True,
        metadata={"description": "Under which the orders go on to be counted.", "example": "erased:9c1f04c2a7d3b58e"},
    )
    orders = fields.Integer(required=True, metadata={"example": 3})
    deliveries = fields.Integer(required=True, metadata={"example": 7})
    record = fields.Boolean(
        required=True, metadata={"description": "Whether there was a customer's record.", "example": True}
    )
    other_addresses = _other_addresses(": customers of their own, and not erased")


@blp.get("")
@staff("manager")
@fails_with(400)
@blp.arguments(CustomerQuery, location="query")
@blp.response(200, page_of(Customer))
def list_customers(query: Document) -> Any:
    """List customers, who ordered last first."""
    rows, info = page_of_customers(query)
    return jsonify(success(rows, page=info))


def page_of_customers(query: Document, *, is_typed: bool = False) -> tuple[list[Document], Document]:
    """A page of the customers that a query asks for, and what it says of itself; with `is_typed` the last word looked
    for may be the beginning of one. Raises BadRequest."""
    after = pages.after(query["cursor"], datetime | None, str)
    found = customers.find(services().db, query.get("q"), query["limit"] + 1, after, is_typed=is_typed)
    rows, info = pages.page(found, query["limit"], lambda customer: (customer["last_order_at"], customer["_id"]))
    return [presentation.customer(customer) for customer in rows], info


@blp.get("/<path:customer>")
@staff("manager")
@fails_with(404, 409)
@blp.response(200, reply(FullCustomer))
def get_customer(customer: str) -> Any:
    """One customer, by e-mail address, or by the shop's id as `store:#id` (the `#` as `%23`) or `id`; 409 names the
    candidates when several stores have that id."""
    return jsonify(success(one_customer(customer)))


def one_customer(customer: str) -> Document:
    """One customer with what they have spent and their last orders. Raises NotFound, Conflict."""
    db = services().db
    found = customers.get(db, customer)
    spent = spending.spent(db, found["_id"])
    orders = with_tabs(db, list(map(with_kind(), order_list.of_customer(db, found["_id"], LAST_ORDERS))))
    count = None if spent is None else sum(each["orders_count"] for each in spent)
    return {**presentation.customer(found), "orders_count": count, "total_spent": spent, "orders": orders}


@blp.get("/<path:customer>/export")
@staff("admin")
@fails_with(404, 409)
@blp.response(200, reply(PersonExport))
def export_customer(customer: str) -> Any:
    """Everything held about a person, by e-mail address or the shop's id: record, orders, deliveries."""
    exported = person_export.export(services().db, services().stores, key_of(customer))
    return jsonify(success(exported))


@blp.delete("/<path:customer>")
@staff("admin")
@fails_with(404, 409)
@blp.response(200, reply(Erased))
def erase_customer(customer: str) -> Any:
    """Erase a person everywhere, for good. Orders, stock and figures stay, without who it was. An e-mail address of
    whom nothing is held is remembered, too: what comes from before is not kept."""
    return success(asdict(erase.person(services().db, services().stores.erasures, key_of(customer))))


def other_addresses(customer: str) -> list[str]:
    """With which the same account has ordered; they may be another person's."""
    return customers.other_addresses(services().db, customer)


def key_of(text: str) -> str:
    """The key of the customer whom a path names; an e-mail address may have no record. Raises NotFound, Conflict."""
    try:
        key: str = customers.get(services().db, text)["_id"]
    except NotFound:
        key = text.strip().lower()
        if "@" not in key or len(key) > _LONGEST_KEY:
            raise
    return key
