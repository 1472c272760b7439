"""Items of ordering apps over HTTP: which there are, and which product each is linked to."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields

from pos_api.catalogue import items, items_csv, presentation
from pos_api.catalogue.items import Linked
from pos_api.catalogue.product_csv import MAX_SKU
from pos_api.database.client import Document
from pos_api.errors import BadRequest, UnsupportedMediaType
from pos_api.processing import listeners
from pos_api.senders.items import store_with_items
from pos_api.staff import audit
from pos_api.stores.api_keys import READ
from pos_api.web.api import pages
from pos_api.web.api.access import staff
from pos_api.web.api.blueprint import Blueprint
from pos_api.web.api.openapi import documented, fails_with
from pos_api.web.api.product_schemas import ItemLink, Text
from pos_api.web.api.responses import success
from pos_api.web.api.schemas import page_of, reply
from pos_api.web.services import services

blp = Blueprint("items", __name__, url_prefix="/api/stores", description="Items of ordering apps, linked to products")


class Item(ItemLink):
    """An item of an ordering app."""

    name = fields.String(
        required=True, allow_none=True, metadata={"description": "As reported.", "example": "Caesar Salad"}
    )
    sku = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The product that it is linked to; null while there is none.", "example": "salad"},
    )


class ItemLinkChange(Schema):
    """The product to link."""

    sku = Text(MAX_SKU, required=True, metadata={"example": "salad", "description": "Its SKU, or a former one."})


class ItemRowError(Schema):
    """A row that was left out."""

    line = fields.Integer(required=True, metadata={"example": 3})
    item = fields.String(required=True, metadata={"example": "12345"})
    message = fields.String(required=True, metadata={"example": "There is no product with SKU 'salat'."})


class ItemImportReport(Schema):
    """What became of a file's rows."""

    linked = fields.Integer(required=True, metadata={"example": 12})
    unchanged = fields.Integer(required=True, metadata={"example": 0})
    errors = fields.List(fields.Nested(ItemRowError), required=True)


@blp.get("/<store>/items")
@staff("viewer", scope=READ)
@fails_with(400, 404, 409)
@blp.arguments(pages.PageQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(Item))
def list_items(query: Document, store: str) -> Any:
    """List a store's items by their numbers, linked or not; as one CSV file with `Accept: text/csv`."""
    db, name = services().db, store_with_items(services().stores, store).id
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        audit.record(db, "items.exported", target=name)
        headers = {"Content-Disposition": f'attachment; filename="items-{name}.csv"'}
        return Response(items_csv.write(db, items.find(db, name)), mimetype="text/csv", headers=headers)
    position = pages.after(query["cursor"], int)
    limit = query["limit"]
    found = list(items.find(db, name, after=position[0] if position else None, limit=limit + 1))
    rows, info = pages.page(found, limit, lambda item: [item["item"]])
    linked = items.linked_to(db, [item["_id"] for item in rows])
    return success([presentation.item(item, linked.get(item["_id"])) for item in rows], page=info)


@blp.put("/<store>/items/<item>")
@staff("manager")
@fails_with(404, 409)
@blp.arguments(ItemLinkChange)
@blp.response(200, reply(Item))
def link_item(given: Document, store: str, item: str) -> Any:
    """Link an item to the product with this SKU. Orders that come from now on take from its stock."""
    name = store_with_items(services().stores, store).id
    return _answer(items.link(services().db, name, items.item_number(item), given["sku"]))


@blp.delete("/<store>/items/<item>")
@staff("manager")
@fails_with(404, 409, 422)
@blp.response(200, reply(Item))
def unlink_item(store: str, item: str) -> Any:
    """End the link of an item. Orders that come from now on move no stock for it."""
    name = store_with_items(services().stores, store).id
    return _answer(items.unlink(services().db, name, items.item_number(item)))


def _answer(done: Linked) -> Any:
    listeners.notify(done.events)
    return success(presentation.item(done.item, done.product))


@blp.post("/<store>/items/import")
@staff("manager")
@fails_with(400, 404, 409, 413, 415, 422)
@documented(
    requestBody={
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": "item,sku\n12345,salad\n"}},
    }
)
@blp.response(200, reply(ItemImportReport))
def import_items(store: str) -> Any:
    """Link items as a CSV file says: columns `item` and `sku`, separated by comma, semicolon or tab.

    The columns of the export may be there too. A blank `sku` leaves its item as it is; a row with an error is left out;
    the same file again changes nothing.
    """
    name = store_with_items(services().stores, store).id
    if request.mimetype != "text/csv":
        raise UnsupportedMediaType("Send text/csv.")
    if not (body := request.get_data()):
        raise BadRequest("The file is empty.")
    report = items_csv.read(services().db, name, body)
    listeners.notify(report.events)
    return success(report)
