"""The catalogue: products, their stock, and the ledger that explains it.

A SKU may hold spaces, slashes and any letter, so it is a query parameter (`?sku=`), never a part of the path, which
proxies rewrite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from flask import Response, request
from marshmallow import Schema, ValidationError, fields, validate

from pos_api.catalogue import presentation, product_csv, queries, staff_actions
from pos_api.catalogue.model import ProductDocument
from pos_api.catalogue.product_csv import MAX_NAME, MAX_SKU
from pos_api.catalogue.staff_actions import ProductChanges as Changes
from pos_api.database.client import Document
from pos_api.errors import BadRequest, UnsupportedMediaType
from pos_api.staff import audit
from pos_api.stock.model import Movement as StoredMovement
from pos_api.stores.api_keys import READ
from pos_api.web.api import pages, services, success
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.rest import Blueprint, documented, fails_with, speaker, staff
from pos_api.web.api.schemas import Money, Quantity, Time, Trimmed, page_of, reply

blp = Blueprint("products", __name__, url_prefix="/api/products", description="Catalogue and stock")

_RESERVED = ("order", "return", "opening", "count")


def _line(longest: int) -> Callable[[str], None]:
    check = product_csv.text_of(longest)

    def validated(text: str) -> None:
        try:
            check(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    return validated


class Text(Trimmed):
    """A line of text, trimmed."""

    def __init__(self, longest: int, *, other_than: tuple[str, ...] = (), **options: Any) -> None:
        taken = validate.NoneOf(other_than, error="has a meaning of its own here; use another word")
        super().__init__(validate=[validate.Length(1, longest), _line(longest), taken], **options)


def _not_negative(value: Any) -> None:
    if (value.to_decimal() if hasattr(value, "to_decimal") else value) < 0:
        raise ValidationError("must not be negative")


def _sku(**options: Any) -> Text:
    return Text(MAX_SKU, required=True, metadata={"example": "Sku 42/ä"}, **options)


def _name() -> Text:
    return Text(MAX_NAME, metadata={"example": "Coffee beans, 1 kg", "description": "The SKU where it is left out."})


def _price() -> Money:
    return Money(
        allow_none=True,
        validate=_not_negative,
        metadata={"example": "189.00", "description": "A decimal string; a JSON number is taken too."},
    )


def _threshold() -> Quantity:
    return Quantity(
        allow_none=True,
        validate=_not_negative,
        metadata={"example": 5, "description": "At this stock or less it is low; null for never."},
    )


class ProductQuery(PageQuery):
    """Which products to list."""

    sku = fields.String(metadata={"description": "The product that goes, or went, under exactly this SKU."})
    q = fields.String(
        validate=validate.Length(max=200),
        metadata={"description": "Beginnings of words of name and SKU; all must match."},
    )
    low_stock = fields.Boolean(load_default=False, metadata={"description": "Only those at or below their threshold."})
    archived = fields.Boolean(load_default=False, metadata={"description": "Those taken out of the lists instead."})


class ItemQuery(Schema):
    """Which product."""

    sku = fields.String(required=True, metadata={"description": "Its SKU, or a former one.", "example": "Sku 42/ä"})


class MovementQuery(PageQuery, ItemQuery):
    """Whose ledger."""


class Product(Schema):
    """A product with its stock."""

    sku = fields.String(required=True, metadata={"example": "Sku 42/ä"})
    former_skus = fields.List(
        fields.String(),
        required=True,
        metadata={
            "example": [],
            "description": "Others that find it: those it had, and those of variations whose stock is this product's.",
        },
    )
    name = fields.String(required=True, metadata={"example": "Coffee beans, 1 kg"})
    price = Money(required=True, allow_none=True, metadata={"example": "189.00"})
    stock = Quantity(required=True, metadata={"example": 12})
    low_stock_threshold = Quantity(required=True, allow_none=True, metadata={"example": 5})
    low_stock = fields.Boolean(required=True, metadata={"example": False})
    archived = fields.Boolean(required=True, metadata={"example": False})
    gtin = fields.String(
        required=True, metadata={"description": "Barcode (GTIN, EAN, UPC).", "example": "7310865004703"}
    )
    image_url = fields.String(required=True, metadata={"example": "https://shop.example/beans.jpg"})
    categories = fields.List(fields.String(), required=True, metadata={"example": ["Coffee"]})
    tax_class = fields.String(required=True, metadata={"description": "The shop's.", "example": "reduced-rate"})
    shop_ids = fields.List(
        fields.String(), required=True, metadata={"description": "`store:product id`", "example": ["default:16"]}
    )
    home = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The store that name, price and the like come from; null where the next to report it is.",
            "example": "default",
        },
    )
    created_at = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})


class Movement(Schema):
    """One step of the ledger: when, how many, why, who, and the balance after it."""

    seq = fields.Integer(required=True, metadata={"description": "1, 2, 3 … per product.", "example": 7})
    at = Time(required=True, metadata={"example": "2026-11-22T06:51:08Z"})
    quantity = Quantity(required=True, metadata={"example": -2})
    balance = Quantity(required=True, metadata={"description": "The stock after it.", "example": 10})
    reason = fields.String(
        required=True,
        metadata={"description": "order, return, opening, count, or an adjustment's reason.", "example": "order"},
    )
    order = fields.String(required=True, allow_none=True, metadata={"example": "default:4711"})
    by = fields.String(required=True, allow_none=True, metadata={"description": "The person.", "example": None})
    event_key = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The delivery that caused it; see /api/inbox.", "example": "9f86d081884c7d65…"},
    )
    note = fields.String(required=True, metadata={"example": ""})


class NewProduct(Schema):
    """A product to create."""

    sku = _sku()
    name = _name()
    price = _price()
    stock = Quantity(
        load_default=0, validate=_not_negative, metadata={"example": 12, "description": "Units there now."}
    )
    low_stock_threshold = _threshold()


class ProductChanges(Schema):
    """What to change; what is left out stays."""

    name = _name()
    price = _price()
    low_stock_threshold = _threshold()
    archived = fields.Boolean(
        metadata={"description": "Out of the lists; orders still find it, and its ledger goes on.", "example": True}
    )


class Note(Schema):
    """What all words about stock have."""

    sku = _sku()
    note = fields.String(load_default="", validate=validate.Length(max=500), metadata={"example": "shelf 4"})


class Count(Note):
    """So many are there."""

    count = Quantity(required=True, validate=_not_negative, metadata={"example": 12})


class Adjustment(Note):
    """So many more or less."""

    change = Quantity(required=True, validate=validate.NoneOf([0], error="must not be 0"), metadata={"example": -2})
    reason = Text(
        60,
        other_than=_RESERVED,
        required=True,
        metadata={"example": "broken", "description": f"Your own word; not {', '.join(_RESERVED)}."},
    )


class Once(Schema):
    """Headers of a request that is to count once."""

    idempotency_key = Text(
        255,
        data_key="Idempotency-Key",
        load_default=None,
        metadata={
            "description": "Any text of yours: the same request again by the same person changes nothing more "
            "(draft-ietf-httpapi-idempotency-key-header).",
            "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
        },
    )


class Moved(Schema):
    """The product and the movement that was made."""

    product = fields.Nested(Product, required=True)
    movement = fields.Nested(Movement, required=True)


class RowError(Schema):
    """A row that was left out."""

    line = fields.Integer(required=True, metadata={"example": 3})
    sku = fields.String(required=True, metadata={"example": "beans-1kg"})
    message = fields.String(required=True, metadata={"example": "price: not an amount of money"})


class ImportReport(Schema):
    """What became of a file's rows."""

    created = fields.Integer(required=True, metadata={"example": 1})
    updated = fields.Integer(required=True, metadata={"example": 1})
    unchanged = fields.Integer(required=True, metadata={"example": 0})
    counted = fields.Integer(required=True, metadata={"description": "Of these, whose stock differed.", "example": 1})
    errors = fields.List(fields.Nested(RowError), required=True)


@blp.get("")
@staff("viewer", scope=READ)
@fails_with(400)
@blp.arguments(ProductQuery, location="query")
@blp.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blp.response(200, page_of(Product))
def list_products(query: Document) -> Any:
    """List products by SKU, a page at a time; as one CSV file with `Accept: text/csv`."""
    wanted = queries.Filter(query.get("sku"), query.get("q"), query["low_stock"], query["archived"])
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        asked = {name: value for name, value in asdict(wanted).items() if value}
        audit.record(services().db, "products.exported", details=asked)
        lines = product_csv.write(queries.find(services().db, wanted))
        return Response(
            lines, mimetype="text/csv", headers={"Content-Disposition": 'attachment; filename="products.csv"'}
        )
    position = pages.after(query["cursor"], str)
    limit = query["limit"]
    found = queries.find(services().db, wanted, after=position[0] if position else None, limit=limit + 1)
    rows, info = pages.page(list(found), limit, lambda product: [product["_id"]])
    return success([presentation.product(product) for product in rows], page=info)


@blp.post("")
@staff("manager")
@fails_with(409)
@blp.arguments(NewProduct)
@blp.response(201, reply(Product))
def create_product(details: Document) -> Any:
    """Create a product. Its stock is the first movement of its ledger."""
    product = staff_actions.add(services().db, details, by=speaker().name)
    location = f"/api/products/item?sku={quote(product['sku'], safe='')}"
    return success(presentation.product(product), message="Created"), 201, {"Location": location}


@blp.get("/item")
@staff("viewer", scope=READ)
@fails_with(404)
@blp.arguments(ItemQuery, location="query")
@blp.response(200, reply(Product))
def get_product(query: Document) -> Any:
    """One product, by its SKU or a former one."""
    return success(presentation.product(queries.get(services().db, query["sku"])))


@blp.patch("/item")
@staff("manager")
@fails_with(404, 409)
@blp.arguments(ItemQuery, location="query")
@blp.arguments(ProductChanges)
@blp.response(200, reply(Product))
def change_product(query: Document, changes: Changes) -> Any:
    """Change name, price or threshold, or archive. A shop's next word about the product sets name and price again."""
    return success(presentation.product(staff_actions.change(services().db, query["sku"], changes)))


def _moved(moved: tuple[ProductDocument, StoredMovement]) -> Document:
    product, movement = moved
    return {"product": presentation.product(product), "movement": presentation.movement(movement)}


@blp.post("/count")
@staff("manager")
@fails_with(404)
@blp.arguments(Count)
@blp.response(200, reply(Moved))
def count_product(given: Document) -> Any:
    """Set the stock to what was counted: “there are 12”."""
    moved = staff_actions.count(services().db, given["sku"], given["count"], by=speaker().name, note=given["note"])
    return success(_moved(moved))


@blp.post("/adjust")
@staff("manager")
@fails_with(404)
@blp.arguments(Once, location="headers")
@blp.arguments(Adjustment)
@blp.response(200, reply(Moved))
def adjust_product(headers: Document, given: Document) -> Any:
    """Change the stock by some units, with the reason: “2 broken”."""
    moved = staff_actions.adjust(
        services().db,
        given["sku"],
        given["change"],
        reason=given["reason"],
        by=speaker().name,
        note=given["note"],
        once=headers["idempotency_key"],
    )
    return success(_moved(moved))


@blp.get("/movements")
@staff("viewer", scope=READ)
@fails_with(400, 404)
@blp.arguments(MovementQuery, location="query")
@blp.response(200, page_of(Movement))
def list_movements(query: Document) -> Any:
    """The stock ledger of a product, newest first: it answers “why is this 7?”."""
    position = pages.after(query["cursor"], int)
    limit = query["limit"]
    before = position[0] if position else None
    found = queries.movements(services().db, query["sku"], before=before, limit=limit + 1)
    rows, info = pages.page(found, limit, lambda movement: [movement["seq"]])
    return success([presentation.movement(movement) for movement in rows], page=info)


_CSV_EXAMPLE = 'sku,name,price,stock,low_stock_threshold\nbeans-1kg,"Coffee beans, 1 kg",189.00,12,5\n'


@blp.post("/import")
@staff("manager")
@fails_with(400, 413, 415, 422)
@documented(
    requestBody={
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE}},
    }
)
@blp.response(200, reply(ImportReport))
def import_products() -> Any:
    """Bring the catalogue to what a CSV file says.

    The first line names the columns (`sku`, `name`, `price`, `stock`, `low_stock_threshold`, `archived`), separated by
    comma, semicolon or tab. Unknown SKUs are created; of the others a blank cell changes nothing, and a stock that
    differs is taken as counted. A row with an error is left out whole; the same file again changes nothing.
    """
    if request.mimetype != "text/csv":
        raise UnsupportedMediaType("Send text/csv.")
    body = request.get_data()
    if not body:
        raise BadRequest("The file is empty.")
    return success(product_csv.read(services().db, body, by=speaker().name))
