"""The schemas of orders, as the API shows and takes them."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from pos_api.senders.registry import SENDERS
from pos_api.web.api.pages import PageQuery
from pos_api.web.api.payments import Payment, PaymentDiscrepancy, Tab
from pos_api.web.api.schemas import Id, Money, Quantity, Time, Trimmed


def _text(longest: int, description: str, example: str | None = None) -> Trimmed:
    metadata = {"description": description} | ({"example": example} if example else {})
    return Trimmed(validate=validate.Length(1, longest), metadata=metadata)


class OrderQuery(PageQuery):
    """Which orders to list; filters add up."""

    status = _text(40, "WooCommerce's status, with or without `wc-`.", "processing")
    store = _text(40, "The store's id.", "default")
    customer = _text(320, "E-mail address, customer id of the shop, or `store:#id`. Takes the role manager.")
    sku = _text(200, "With a line of the product that goes, or went, under this SKU; else with this SKU on a line.")
    since = fields.String(
        data_key="from",
        validate=validate.Length(max=40),
        metadata={"description": "From this shop-local day or RFC 3339 time on.", "example": "2026-11-22"},
    )
    until = fields.String(
        data_key="to",
        validate=validate.Length(max=40),
        metadata={"description": "Up to this day or time, included.", "example": "2026-11-22"},
    )
    words = fields.String(
        data_key="q",
        validate=validate.Length(1, 200),
        metadata={
            "description": "Whole words of number, id, name, company, e-mail address or telephone number; of viewers"
            " the whole number or id."
        },
    )
    deleted = fields.Boolean(load_default=False, metadata={"description": "Those deleted in the shop instead."})


class Address(Schema):
    """An address, as the customer gave it."""

    first_name = fields.String(metadata={"example": "Anna"})
    last_name = fields.String(metadata={"example": "Åkesson"})
    company = fields.String(metadata={"example": ""})
    address_1 = fields.String(metadata={"example": "Storgatan 1"})
    address_2 = fields.String(metadata={"example": ""})
    city = fields.String(metadata={"example": "Malmö"})
    state = fields.String(metadata={"example": ""})
    postcode = fields.String(metadata={"example": "211 34"})
    country = fields.String(metadata={"example": "SE"})
    email = fields.String(metadata={"example": "anna@example.se"})
    phone = fields.String(metadata={"example": "070-123 45 67"})


class OrderLine(Schema):
    """A line of goods."""

    id = Id(metadata={"example": 31})
    sku = fields.String(required=True, metadata={"example": "OIL-2L"})
    product = fields.String(
        metadata={"description": "The current SKU of the product here that it moves; absent while unmatched."}
    )
    name = fields.String(metadata={"example": "Olive oil, 2 l"})
    product_id = fields.Integer(metadata={"example": 12})
    variation_id = fields.Integer(metadata={"example": 0})
    quantity = Quantity(required=True, metadata={"example": 2})
    reduced_stock = Quantity(metadata={"description": "Units the shop has taken from its stock for it."})
    price = Money(metadata={"example": "35.00"})
    tax_class = fields.String(metadata={"example": ""})
    subtotal = Money(metadata={"example": "70.00"})
    subtotal_tax = Money(metadata={"example": "8.40"})
    total = Money(metadata={"example": "70.00"})
    total_tax = Money(metadata={"example": "8.40"})
    meta = fields.List(fields.Dict(), metadata={"example": [{"key": "pa_size", "value": "M"}]})


class RefundTax(Schema):
    """Tax paid back, of all that is refunded, by the rate's id at the shop."""

    rate_id = Id(required=True, metadata={"description": "A number, or text.", "example": 3})
    total = Money(required=True, metadata={"example": "39.98"})


class Refund(Schema):
    """Money paid back; its lines have the signs of the sale."""

    id = fields.Integer(metadata={"example": 27})
    amount = Money(required=True, metadata={"example": "199.90"})
    reason = fields.String(metadata={"example": "damaged"})
    created_at = Time(allow_none=True, metadata={"example": "2026-11-23T09:12:00Z"})
    line_items = fields.List(fields.Dict(), metadata={"description": "Where the sender names lines."})
    shipping_total = Money(metadata={"description": "Of shipping, without tax.", "example": "49.00"})
    taxes = fields.List(fields.Nested(RefundTax))


class Held(Schema):
    """Units of a product, by its current SKU, that the order holds."""

    sku = fields.String(required=True, metadata={"example": "OIL-2L"})
    quantity = Quantity(required=True, metadata={"example": 2})


class Order(Schema):
    """An order. What the shop never sent is absent, and for viewers all that says who the customer is."""

    id = fields.String(required=True, metadata={"description": "`store:order id`", "example": "default:23"})
    store = fields.String(required=True, metadata={"example": "default"})
    kind = fields.String(required=True, metadata={"description": "Its store's.", "example": max(SENDERS)})
    external_id = fields.String(required=True, metadata={"description": "Its sender's id, as text.", "example": "23"})
    order_id = Id(required=True, metadata={"description": "Its sender's id: a number, or text.", "example": 23})
    parent_id = fields.Integer(
        metadata={"description": "WooCommerce's id of the order that it is a sub-order of; 0 for none.", "example": 0}
    )
    number = fields.String(
        required=True, metadata={"description": "Where its sender gives none, its id.", "example": "23"}
    )
    tab = fields.Nested(Tab, metadata={"description": "The open bill that it is on; absent where it is on none."})
    rev = fields.Integer(
        required=True, metadata={"description": "Its revision here: each change raises it.", "example": 3}
    )
    status = fields.String(required=True, metadata={"example": "completed"})
    created_at = Time(required=True, metadata={"example": "2026-11-22T06:50:56Z"})
    day = fields.String(required=True, metadata={"description": "In the shop's time zone.", "example": "2026-11-22"})
    modified_at = Time(metadata={"example": "2026-11-22T06:50:58Z"})
    paid_at = Time(allow_none=True, metadata={"example": "2026-11-22T06:50:57Z"})
    completed_at = Time(allow_none=True, metadata={"example": "2026-11-22T06:50:58Z"})
    deleted_at = Time(metadata={"description": "When the shop's deletion came in; absent otherwise."})
    erased_at = Time(
        metadata={"description": "When the personal data in it was erased; absent otherwise. See docs/privacy.md."}
    )
    currency = fields.String(metadata={"example": "SEK"})
    total = Money(metadata={"example": "295.68"})
    total_tax = Money(metadata={"example": "31.68"})
    tip = Money(required=True, metadata={"description": "Apart: no part of the total.", "example": "0.00"})
    cart_tax = Money(metadata={"example": "25.80"})
    shipping_total = Money(metadata={"example": "49.00"})
    shipping_tax = Money(metadata={"example": "5.88"})
    discount_total = Money(metadata={"example": "0.00"})
    discount_tax = Money(metadata={"example": "0.00"})
    payment_method = fields.String(metadata={"example": "cod"})
    payment_method_title = fields.String(metadata={"example": "Cash on delivery"})
    test_mode = fields.Boolean(
        metadata={"description": "Paid in a payment provider's test mode, so not in the figures; absent otherwise."}
    )
    customer = fields.String(
        allow_none=True, metadata={"description": "Its key at /api/customers.", "example": "anna@example.se"}
    )
    customer_id = fields.Integer(metadata={"description": "The shop's id; 0 for a guest.", "example": 0})
    customer_note = fields.String(metadata={"example": ""})
    created_via = fields.String(metadata={"example": "checkout"})
    transaction_id = fields.String(metadata={"example": ""})
    prices_include_tax = fields.Boolean(metadata={"example": False})
    sequence = fields.Integer(metadata={"description": "The sender's number of this version, if any.", "example": 3})
    billing = fields.Nested(Address)
    shipping = fields.Nested(Address)
    line_items = fields.List(fields.Nested(OrderLine), required=True)
    tax_lines = fields.List(fields.Dict())
    shipping_lines = fields.List(fields.Dict())
    fee_lines = fields.List(fields.Dict())
    coupon_lines = fields.List(fields.Dict())
    refunds = fields.List(fields.Nested(Refund))
    held = fields.List(fields.Nested(Held), required=True)
    unmatched = fields.List(
        fields.String(), required=True, metadata={"description": "SKUs unknown here.", "example": []}
    )
    without_stock = fields.List(
        fields.String(),
        metadata={"description": "SKUs of goods that the shop keeps no stock of; absent where there are none."},
    )
    warnings = fields.List(fields.String(), required=True, metadata={"example": []})


class StatusChange(Schema):
    """A step of an order's life."""

    status = fields.String(required=True, metadata={"example": "processing"})
    deleted = fields.Boolean(required=True, metadata={"example": False})
    at = Time(required=True, metadata={"example": "2026-11-22T06:50:56Z"})
    cause = fields.String(required=True, metadata={"description": "The key of the event; see /api/inbox."})


class OrderMovement(Schema):
    """The order's step in the stock ledger."""

    sku = fields.String(required=True, metadata={"example": "OIL-2L"})
    seq = fields.Integer(required=True, metadata={"example": 7})
    n = fields.Integer(required=True, metadata={"description": "This order's nth for the SKU.", "example": 1})
    quantity = Quantity(required=True, metadata={"example": -2})
    held = Quantity(required=True, metadata={"example": 2})
    carried = Quantity(
        metadata={
            "description": "Units of these that another product's stock lacks, as a variation's stock became its"
            " parent's or its own again; absent where none."
        }
    )
    balance = Quantity(required=True, metadata={"description": "The stock after it.", "example": 10})
    reason = fields.String(required=True, metadata={"example": "order"})
    cause = fields.String(required=True, metadata={"description": "The key of the event; see /api/inbox."})
    at = Time(required=True, metadata={"example": "2026-11-22T06:50:57Z"})


class FullOrder(Order):
    """An order with its history and its part of the stock ledger."""

    status_history = fields.List(fields.Nested(StatusChange), required=True)
    movements = fields.List(fields.Nested(OrderMovement), required=True)
    opening = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "SKUs whose units were gone before stock was counted here.", "example": []},
    )
    meta = fields.List(fields.Dict())
    payments = fields.List(fields.Nested(Payment), required=True, metadata={"description": "The oldest first."})
    paid = Money(
        required=True, metadata={"description": "By its payments, without tips and refunds.", "example": "295.68"}
    )
    owed = Money(required=True, metadata={"description": "Due and not paid; never below 0.", "example": "0.00"})
    discrepancies = fields.List(fields.Nested(PaymentDiscrepancy), required=True, metadata={"example": []})
