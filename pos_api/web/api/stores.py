"""Shops over HTTP: how the POS compares with what a shop has."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from pos_api.errors import NotFound
from pos_api.senders import comparisons
from pos_api.stores.api_keys import READ
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Quantity, Time, reply
from pos_api.web.services import services

blp = Blueprint("stores", __name__, url_prefix="/api/stores", description="Shops that send their orders")

PROBLEMS = ("missing", "stale", "different", "gone", "deleted here", "unusable")


def _repair() -> fields.String:
    done = (
        "created, updated, unchanged, aligned, sent or switched on: repaired. Anything else: not repaired, see cause."
    )
    return fields.String(metadata={"description": f"{done} Absent where nothing was tried.", "example": "updated"})


class OrderState(Schema):
    """An order as one side has it."""

    status = fields.String(required=True, allow_none=True, metadata={"example": "processing"})
    total = fields.String(required=True, metadata={"example": "199.90"})
    modified_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:51:08Z"})
    refunds = fields.Integer(required=True, metadata={"example": 0})


class OrderDiscrepancy(Schema):
    """An order that is not here as it is in the shop."""

    order = fields.String(required=True, metadata={"example": "default:4711"})
    order_id = fields.Integer(required=True, metadata={"example": 4711})
    number = fields.String(required=True, metadata={"example": "4711"})
    problem = fields.String(required=True, validate=validate.OneOf(PROBLEMS), metadata={"example": "stale"})
    fields_ = fields.List(
        fields.String(), required=True, attribute="fields", data_key="fields", metadata={"example": ["status"]}
    )
    here = fields.Nested(OrderState, required=True, allow_none=True)
    shop = fields.Nested(OrderState, required=True, allow_none=True)
    cause = fields.String(required=True, metadata={"example": "A change in the shop has not arrived."})
    repair = _repair()


class ProductState(Schema):
    """A product as one side has it."""

    sku = fields.String(required=True, metadata={"example": "MUG-1"})
    name = fields.String(required=True, allow_none=True, metadata={"example": "Mug"})
    price = fields.String(required=True, allow_none=True, metadata={"example": "12.50"})
    archived = fields.Boolean(required=True, metadata={"example": False})


class ProductDiscrepancy(Schema):
    """A product that is not here as it is in the shop, or that the shop has deleted; its stock is apart."""

    product = fields.String(required=True, metadata={"example": "MUG-1"})
    sku = fields.String(required=True, metadata={"example": "MUG-1"})
    name = fields.String(required=True, allow_none=True, metadata={"example": "Mug"})
    shop_id = fields.Integer(required=True, metadata={"description": "Its id in the shop.", "example": 17})
    problem = fields.String(required=True, validate=validate.OneOf(["changed", "gone", "restored"]))
    fields_ = fields.List(
        fields.String(), required=True, attribute="fields", data_key="fields", metadata={"example": ["price"]}
    )
    here = fields.Nested(ProductState, required=True)
    shop = fields.Nested(ProductState, required=True, allow_none=True)
    cause = fields.String(required=True, metadata={"example": "Price 12.50 here, 14.00 in the shop."})
    repair = _repair()


class Explanation(Schema):
    """Units that moved here and not in the shop."""

    cause = fields.String(required=True, metadata={"example": "counted, sold or adjusted here"})
    quantity = Quantity(required=True, metadata={"example": -3})


class StockDiscrepancy(Schema):
    """A product whose stock here is not the shop's, less what orders still pending hold here and with what is on the
    way to the shop."""

    product = fields.String(required=True, allow_none=True, metadata={"example": "beans-1kg"})
    sku = fields.String(required=True, metadata={"example": "beans-1kg"})
    name = fields.String(required=True, allow_none=True, metadata={"example": "Coffee beans, 1 kg"})
    shop_id = fields.Integer(metadata={"description": "Its id in the shop.", "example": 17})
    here = Quantity(required=True, allow_none=True, metadata={"example": 5})
    shop = Quantity(required=True, metadata={"example": 10})
    held_by_pending = Quantity(required=True, metadata={"example": 2})
    on_the_way = Quantity(metadata={"description": "Units that the shop has still to be sent.", "example": 0})
    stock_sync = fields.Boolean(
        metadata={"description": "Stock is sent to the shop, so both should be equal.", "example": False}
    )
    difference = Quantity(required=True, allow_none=True, metadata={"example": -3})
    explained = fields.List(fields.Nested(Explanation), required=True)
    unexplained = Quantity(required=True, metadata={"description": "0 where the ledger shows the whole cause."})
    cause = fields.String(required=True, metadata={"example": "counted, sold or adjusted here: -3"})
    repair = _repair()


class NotRead(Schema):
    """What the shop has and could not be read, so that nobody knows whether it is in sync."""

    kind = fields.String(required=True, validate=validate.OneOf(["orders", "products"]))
    what = fields.String(required=True, metadata={"example": "the refunds of order 4711"})
    count = fields.Integer(required=True, metadata={"description": "How many rows, at most.", "example": 1})
    cause = fields.String(required=True, metadata={"example": "The shop answers HTTP 500: PHP ran out of time …"})


class SendingProblem(Schema):
    """A webhook that is off, or a shop that has nothing to send its orders with."""

    sender = fields.String(required=True, validate=validate.OneOf(["webhook", "plugin"]))
    id = fields.Integer(required=True, allow_none=True, metadata={"example": 3})
    name = fields.String(required=True, allow_none=True, metadata={"example": "POS orders"})
    topic = fields.String(metadata={"example": "order.updated"})
    problem = fields.String(required=True, metadata={"example": "The webhook is disabled."})
    off_since = Time(allow_none=True, metadata={"example": "2026-11-22T06:51:08Z"})
    repair = _repair()


class Outage(Schema):
    """How long the shop has sent no order, by its own rhythm."""

    since = Time(required=True, metadata={"description": "Its last order.", "example": "2026-11-22T06:51:08Z"})
    missed = fields.Float(required=True, metadata={"description": "Orders usual in such a time.", "example": 1.5})
    longest_missed = fields.Float(
        required=True, metadata={"description": "In its longest outage until then.", "example": 4.2}
    )
    alarming = fields.Boolean(required=True, metadata={"description": "Far longer than usual, and than ever."})


class Drift(Schema):
    """The latest comparison of the POS with a shop."""

    store = fields.String(required=True, metadata={"example": "default"})
    since = Time(required=True, metadata={"description": "Orders changed since were compared."})
    started_at = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})
    finished_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:51:11Z"})
    in_step = fields.Boolean(
        required=True, metadata={"description": "In sync: nothing is left to repair or to look at."}
    )
    compared = fields.Integer(required=True, metadata={"description": "Orders compared.", "example": 120})
    products_compared = fields.Integer(required=True, metadata={"description": "Products compared.", "example": 42})
    stock_compared = fields.Integer(
        required=True, metadata={"description": "Those whose stock the shop manages.", "example": 40}
    )
    orders = fields.List(fields.Nested(OrderDiscrepancy), required=True)
    products = fields.List(fields.Nested(ProductDiscrepancy), required=True)
    stock = fields.List(fields.Nested(StockDiscrepancy), required=True)
    unread = fields.List(fields.Nested(NotRead), required=True)
    senders = fields.List(fields.Nested(SendingProblem), required=True)
    notes = fields.List(fields.String(), required=True, metadata={"description": "What was not looked at, and why."})
    silence = fields.Nested(Outage, required=True, allow_none=True)
    problem = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the comparison could not be finished."}
    )


@blp.get("/<store>/drift")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.response(200, reply(Drift))
def get_drift(store: str) -> Any:
    """How the POS compares with a shop: orders, stock, what sends, and outages, as of the latest comparison. One is
    made every RECONCILE_EVERY minutes where the shop is connected, and by `pos-api reconcile`."""
    if store not in {each.id for each in services().stores.all()}:
        raise NotFound(f"There is no store {store!r}.")
    report = comparisons.latest_report(services().db, store)
    if report is None:
        raise NotFound(f"{store!r} was never compared with its shop; `pos-api store connect` is the first step.")
    return success(report)
