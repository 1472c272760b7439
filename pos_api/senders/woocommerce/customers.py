"""Customers of WooCommerce's REST API v3 (`wc/v3/customers`), and what a shop reports of a person it has erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from pos_api.customers.model import CustomerErasure, CustomerUpdate, Profile
from pos_api.senders.fields import Field, FieldPath, FieldReport, object_of, read_fields, same_names
from pos_api.senders.values import email_address, moment, person_or_place, text, yes_or_no
from pos_api.senders.woocommerce.common_fields import ADDRESS, identity
from pos_api.senders.woocommerce.messages import Message
from pos_api.stores.model import Store

_CUSTOMER = {
    **same_names(email_address, "email"),
    **same_names(person_or_place, "first_name", "last_name"),
    **same_names(text, "username"),
    "billing": Field("billing", object_of(ADDRESS), nested=True),
    "shipping": Field("shipping", object_of(ADDRESS), nested=True),
}


_CREATED = {"date_created_gmt": Field("created_at", moment)}


def read_customer(message: Message, store: Store, received_at: datetime) -> CustomerUpdate:
    report = message.report
    known = identity(message.data, FieldPath(report), received_at)
    fields = read_fields(message.data, _CUSTOMER, FieldPath(report))
    created_at = read_fields(message.data, _CREATED, FieldPath(FieldReport())).get("created_at")
    report.check("The customer is not valid.")
    email = fields.pop("email", "")
    return CustomerUpdate(
        store=store.id,
        external_id=f"{store.id}:{known['id']}",
        email=email,
        as_of=known.get("modified_at") or received_at,
        fields=cast(Profile, fields),
        warnings=report.warnings,
        reported_at=known.get("modified_at") or created_at,
        erasures=store.erasures_of(email, known["id"]),
    )


_REST_OF_SECOND = timedelta(milliseconds=999)
_ERASURE = {
    "email": Field("email", email_address, essential=True),
    "orders": Field("orders", yes_or_no, essential=True),
}


def read_customer_erasure(message: Message, store: Store, received_at: datetime) -> CustomerErasure:
    """`{"email": …, "orders": true}`: the shop has erased this person; `orders` is false where it kept what is in their
    orders (WooCommerce's setting `woocommerce_erasure_request_removes_order_data`)."""
    path = FieldPath(message.report)
    fields = read_fields(message.data, _ERASURE, path)
    if "@" not in fields.get("email", "") and "email" not in path.report.problems:
        path.problem("email", "is required, an e-mail address")
    message.report.check("The erasure is not valid.")
    until = message.sent_at or received_at
    if until.microsecond == 0:  # a shop's time is in seconds: all of that one
        until += _REST_OF_SECOND
    return CustomerErasure(store.id, fields["email"].lower(), until, fields.get("orders", True))
