"""What the routes of the catalogue take and give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, validate

from pos_api.catalogue import product_csv
from pos_api.catalogue.product_csv import MAX_NAME, MAX_SKU
from pos_api.stock.model import SyncOutcome
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.schemas import Money, Quantity, Time, Trimmed

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


class ItemLink(Schema):
    """An item of an ordering app that a product is linked to."""

    store = fields.String(required=True, metadata={"example": "bar"})
    item = fields.String(required=True, metadata={"description": "The app's own id of it.", "example": "12345"})
    available = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether it can be ordered there; null while that was not reported.", "example": True},
    )
    archived = fields.Boolean(
        required=True, metadata={"description": "It was deleted there. The product stays.", "example": False}
    )


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
    links = fields.List(
        fields.Nested(ItemLink),
        required=True,
        metadata={"description": "Items of ordering apps that staff linked to it."},
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
        metadata={
            "description": "order, return, opening, count, reconcile, shop_aligned, or an adjustment's reason.",
            "example": "order",
        },
    )
    order = fields.String(required=True, allow_none=True, metadata={"example": "default:4711"})
    by = fields.String(required=True, allow_none=True, metadata={"description": "The person.", "example": None})
    event_key = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The delivery that caused it; see /api/inbox.", "example": "9f86d081884c7d65…"},
    )
    note = fields.String(required=True, metadata={"example": ""})


_STATES = ("waiting", *get_args(SyncOutcome))


class MovementAtStore(Schema):
    """What became of a movement at a store with stock sync."""

    store = fields.String(required=True, metadata={"example": "default"})
    state = fields.String(
        required=True,
        validate=validate.OneOf(_STATES),
        metadata={
            "description": "waiting: still to be sent. applied: the shop's stock was changed. not_managed, unknown, "
            "refused: the shop keeps no stock of the product, does not know it, or says in `message` why not. Not "
            "sent: not_sold there; switched_off: stock sync was switched off before.",
            "example": "applied",
        },
    )
    at = Time(required=True, allow_none=True, metadata={"example": "2026-11-22T06:51:09Z"})
    quantity = Quantity(
        required=True, allow_none=True, metadata={"description": "The shop's stock after it.", "example": 10}
    )
    message = fields.String(required=True, metadata={"example": ""})


class LedgerMovement(Movement):
    """One step of the ledger, and what became of it at each shop that stock is sent to."""

    oversold = fields.Boolean(
        required=True, metadata={"description": "It brought the stock below zero.", "example": False}
    )
    stores = fields.List(fields.Nested(MovementAtStore), required=True)


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


class OtherSku(Schema):
    """One more SKU of a product."""

    sku = _sku()
    other = Text(MAX_SKU, required=True, metadata={"example": "BEANS-OLD", "description": "The SKU to add."})


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
    movement = fields.Nested(LedgerMovement, required=True)


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
