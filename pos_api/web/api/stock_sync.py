"""Stock sync over HTTP: stock is sent to the shop of a store, or not, and how that fares."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from pos_api.database.client import Document
from pos_api.errors import NotFound
from pos_api.processing import ingest
from pos_api.senders import stock_sync
from pos_api.senders.stock_sync import SIDES, Choice, Switched
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import fails_with
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import Quantity, Time, reply
from pos_api.web.services import services

blp = Blueprint("stock sync", __name__, url_prefix="/api/stores", description="Stock is sent to shops")

WITHIN = 50.0
"""Seconds that a shop may take to be compared, as who asks waits for it."""
_MOST_SKUS = 10_000


class Waiting(Schema):
    """What a shop has still to be sent."""

    movements = fields.Integer(required=True, metadata={"example": 3})
    products = fields.Integer(required=True, metadata={"example": 2})
    oldest_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:51:08Z"})


class SyncError(Schema):
    """Why the latest request to the shop failed."""

    at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:51:08Z"})
    message = fields.String(required=True, metadata={"example": "The shop did not answer in time."})


class RefusedProduct(Schema):
    """A product of which the shop did not take a movement, until both sides are equal again."""

    sku = fields.String(required=True, metadata={"example": "beans-1kg"})
    product = fields.String(required=True, metadata={"example": "beans-1kg"})
    outcome = fields.String(required=True, metadata={"example": "refused"})
    message = fields.String(required=True, metadata={"example": "The shop takes whole units only."})
    at = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})


class StockSync(Schema):
    """Whether stock is sent to a shop, and how that fares."""

    store = fields.String(required=True, metadata={"example": "default"})
    on = fields.Boolean(required=True, metadata={"example": True})
    since = Time(
        required=True,
        allow_none=True,
        metadata={"description": "What moved from then on is sent.", "example": "2026-11-22T06:51:08Z"},
    )
    aligned_at = Time(
        required=True,
        allow_none=True,
        metadata={
            "description": "When both sides were made equal. Null while it is on: not to the end; switch it on again.",
            "example": "2026-11-22T06:51:12Z",
        },
    )
    off_because = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why the service itself switched it off.", "example": None},
    )
    waiting = fields.Nested(Waiting, required=True)
    refused = fields.List(
        fields.Nested(RefusedProduct), required=True, metadata={"description": "The latest first, at most 500."}
    )
    last_applied_at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T08:12:44Z"})
    last_error = fields.Nested(SyncError, required=True, allow_none=True)
    failures = fields.Integer(
        required=True, metadata={"description": "Requests that failed since the last that was answered.", "example": 0}
    )
    next_attempt_at = Time(required=True, allow_none=True, metadata={"example": None})
    plugin = fields.String(
        required=True, allow_none=True, metadata={"description": "The plugin's version there.", "example": "1.1.0"}
    )


class StockDifference(Schema):
    """A product of which the stock here and in the shop is not the same."""

    sku = fields.String(required=True, metadata={"example": "beans-1kg"})
    product = fields.String(required=True, metadata={"example": "beans-1kg"})
    name = fields.String(required=True, allow_none=True, metadata={"example": "Coffee beans, 1 kg"})
    here = Quantity(required=True, metadata={"example": 9})
    shop = Quantity(required=True, metadata={"example": 12})
    on_the_way = Quantity(required=True, metadata={"description": "What the shop has still to be sent.", "example": 0})
    held_by_pending = Quantity(
        required=True, metadata={"description": "Held by orders here that the shop has not taken yet.", "example": 0}
    )
    difference = Quantity(required=True, metadata={"description": "By which the shop would change.", "example": -3})
    cause = fields.String(required=True, metadata={"example": "counted, sold or adjusted here: -3"})


class AlignedProduct(StockDifference):
    """A product whose two sides differed, and what became of that."""

    result = fields.String(
        required=True,
        attribute="repair",
        metadata={
            "description": "aligned: the stock here is the shop's now; sent: the shop is sent the difference; equal: "
            "they became equal meanwhile; else why they are not equal yet.",
            "example": "aligned",
        },
    )


class SwitchedStockSync(StockSync):
    """The state after it was switched, and what was done."""

    compared = fields.Integer(metadata={"description": "Products of which the shop keeps stock.", "example": 40})
    aligned = fields.List(fields.Nested(AlignedProduct))
    left = fields.List(
        fields.Nested(AlignedProduct),
        metadata={"description": "Not equal yet; switch it on once more to go on with them."},
    )
    not_read = fields.List(fields.String(), metadata={"description": "What could not be read of the shop, and why."})
    not_sent = fields.Integer(
        metadata={"description": "Movements that were still to be sent when it was switched off.", "example": 0}
    )


class StockSyncChange(Schema):
    """What to switch."""

    on = fields.Boolean(required=True, metadata={"example": True})
    side = fields.String(
        data_key="from",
        validate=validate.OneOf(SIDES),
        metadata={"description": "Whose stock is right where they differ: the shop's, or that of the POS."},
    )
    from_by_sku = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(SIDES)),
        validate=validate.Length(max=_MOST_SKUS),
        metadata={"description": "The same for each SKU; it comes before `from`.", "example": {"beans-1kg": "shop"}},
    )

    @validates_schema
    def _only_with_on(self, data: Document, **_: Any) -> None:
        if not data.get("on") and (data.get("side") or data.get("from_by_sku")):
            raise ValidationError("is for switching on", "from" if data.get("side") else "from_by_sku")


def _existing(store: str) -> str:
    if store not in {each.id for each in services().stores.all()}:
        raise NotFound(f"There is no store {store!r}.")
    return store


@blp.get("/<store>/stock-sync")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.response(200, reply(StockSync))
def get_stock_sync(store: str) -> Any:
    """Whether stock is sent to the shop of a store, what waits, and what the shop did not take."""
    return success(stock_sync.status(services().db, _existing(store)))


@blp.put("/<store>/stock-sync")
@staff("manager")
@fails_with(404, 409, 502)
@blp.arguments(StockSyncChange)
@blp.response(200, reply(SwitchedStockSync))
def put_stock_sync(given: Document, store: str) -> Any:
    """Send stock to the shop of a store from now on, or not any more.

    On: the plugin is checked, and both sides are compared SKU by SKU. Where they differ and `from` says nothing of it,
    nothing is changed and the answer is 409, with `details.differences`. A shop that can't be compared in 50 seconds
    (502) is switched on at the command line: `pos-api store set`.
    """
    db, name = services().db, _existing(store)
    if not given["on"]:
        return success({"not_sent": stock_sync.switch_off(db, name), **stock_sync.status(db, name)})
    choice = Choice(given.get("side"), given.get("from_by_sku", {}))
    done = stock_sync.switch_on(db, services().config, name, choice, ingest.ingest, within=WITHIN)
    return success({**_shown(done), **stock_sync.status(db, name)})


def _shown(done: Switched) -> Document:
    return {"compared": done.compared, "aligned": done.aligned, "left": done.left, "not_read": done.not_read}


@blp.get("/<store>/stock-sync/differences")
@staff("manager")
@fails_with(404, 502)
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, reply(StockDifference, many=True))
def list_differences(store: str) -> Any:
    """The products of which the stock here and in the shop is not the same, compared now; as a CSV file with
    `Accept: text/csv`, whose column `from` is to be filled in for `pos-api store set NAME --stock-sync on --from`."""
    db, name = services().db, _existing(store)
    found = stock_sync.differences(db, services().config, name, ingest.ingest, within=WITHIN)
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        audit.record(db, "stock.exported", target=name)
        headers = {"Content-Disposition": f'attachment; filename="stock-{name}.csv"'}
        return Response(stock_sync.write(found), mimetype="text/csv", headers=headers)
    return success([stock_sync.shown(each) for each in found])
