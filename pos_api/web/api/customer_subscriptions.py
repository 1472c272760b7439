"""Customers' subscriptions at payment providers, for staff."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from pos_api.database.client import Document
from pos_api.staff import audit
from pos_api.subscriptions import presentation, queries
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Time, page_of
from pos_api.web.services import services

blp = Blueprint(
    "customer_subscriptions",
    __name__,
    url_prefix="/api/customer-subscriptions",
    description="Customers' subscriptions at payment providers",
)


def _filter(example: str, description: str) -> fields.String:
    return fields.String(
        validate=validate.Length(1, 200), metadata={"description": description, "example": example}, load_default=None
    )


class SubscriptionQuery(PageQuery):
    """Which subscriptions to list."""

    store = _filter("online-1", "Of this store.")
    status = _filter("past_due", "In this status, as the provider calls it.")
    customer = _filter("cus_NffrFeUfNV2Hib", "Of this customer, by the provider's id.")


class SubscriptionStep(Schema):
    """A status that a subscription came into."""

    status = fields.String(required=True, metadata={"example": "active"})
    at = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})
    event = fields.String(
        required=True,
        metadata={"description": "The provider's event that reported it.", "example": "customer.subscription.created"},
    )


class CustomerSubscription(Schema):
    """A customer's subscription, by its newest report."""

    id = fields.String(
        required=True,
        metadata={"description": "`store:external id`", "example": "online-1:sub_1MowQVLkdIwHu7ixeRlqHVzs"},
    )
    store = fields.String(required=True, metadata={"example": "online-1"})
    external_id = fields.String(required=True, metadata={"example": "sub_1MowQVLkdIwHu7ixeRlqHVzs"})
    customer = fields.String(
        required=True,
        metadata={"description": "The provider's id; blank where it is not known.", "example": "cus_NffrFeUfNV2Hib"},
    )
    status = fields.String(required=True, metadata={"description": "As the provider calls it.", "example": "active"})
    current_period_end = Time(required=True, allow_none=True, metadata={"example": "2026-12-22T06:51:08Z"})
    history = fields.List(
        fields.Nested(SubscriptionStep), required=True, metadata={"description": "The oldest step first."}
    )


@blp.get("")
@staff("manager")
@fails_with(400)
@blp.arguments(SubscriptionQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(CustomerSubscription))
def list_customer_subscriptions(query: Document) -> Any:
    """List subscriptions, those that began last first, a page at a time; as one CSV file with `Accept: text/csv`."""
    db, wanted = services().db, queries.Filter(query["store"], query["status"], query["customer"])
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        asked = {name: "given" if name == "customer" else value for name, value in asdict(wanted).items() if value}
        audit.record(db, "subscriptions.exported", details=asked)
        lines = presentation.write_csv(queries.stream(db, wanted))
        disposition = {"Content-Disposition": 'attachment; filename="customer-subscriptions.csv"'}
        return Response(lines, mimetype="text/csv", headers=disposition)
    found = queries.find(db, wanted, query["limit"] + 1, pages.after(query["cursor"], datetime, str))
    rows, info = pages.page(found, query["limit"], lambda row: (row["listed_at"], row["_id"]))
    return success([presentation.subscription(row) for row in rows], page=info)
