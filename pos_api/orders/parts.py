"""What an order consists of: its lines, addresses and refunds, as they are stored.

Pure: no database. Amounts are `Decimal128`, times are aware and UTC, quantities are whole numbers or have six decimals.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from bson import Decimal128

from pos_api.common.quantity import Quantity


class Meta(TypedDict):
    """An entry of meta data, as a shop's plugins keep them."""

    key: str
    value: Any


class Address(TypedDict, total=False):
    """A billing or shipping address."""

    first_name: str
    last_name: str
    company: str
    address_1: str
    address_2: str
    city: str
    state: str
    postcode: str
    country: str
    phone: str
    email: str


class Line(TypedDict):
    """A line of goods. `product` is the `_id` of the product it was matched with; `reduced_stock` the units that the
    shop says it has taken for it; `full` (true) says that the line came with all that the shop knows of it; `by_id`
    (true) that the sender names its goods by its own ids alone, so the id decides which product it is."""

    sku: str
    quantity: Quantity
    id: NotRequired[int | str]
    name: NotRequired[str]
    tax_class: NotRequired[str]
    price: NotRequired[Decimal128]
    subtotal: NotRequired[Decimal128]
    subtotal_tax: NotRequired[Decimal128]
    total: NotRequired[Decimal128]
    total_tax: NotRequired[Decimal128]
    product_id: NotRequired[int]
    variation_id: NotRequired[int]
    meta: NotRequired[list[Meta]]
    full: NotRequired[bool]
    by_id: NotRequired[bool]
    reduced_stock: NotRequired[Quantity]
    product: NotRequired[str]


class TaxLine(TypedDict, total=False):
    """What the order's lines have of one tax rate."""

    id: int
    rate_id: int | str
    rate_code: str
    label: str
    rate_percent: str
    tax_total: Decimal128
    shipping_tax_total: Decimal128


class ShippingLine(TypedDict, total=False):
    """A way of shipping and what it costs."""

    id: int
    method_id: str
    method_title: str
    total: Decimal128
    total_tax: Decimal128


class FeeLine(TypedDict, total=False):
    """A fee; below zero a discount."""

    id: int
    name: str
    total: Decimal128
    total_tax: Decimal128


class CouponLine(TypedDict, total=False):
    """A coupon that was used."""

    id: int
    code: str
    discount: Decimal128
    discount_tax: Decimal128


class RefundLine(TypedDict):
    """What a refund gives back of a line of goods, with the signs of the sale. `line_item_id` is that line's id."""

    quantity: Quantity
    id: NotRequired[int]
    sku: NotRequired[str]
    product_id: NotRequired[int]
    variation_id: NotRequired[int]
    line_item_id: NotRequired[int | str]
    total: NotRequired[Decimal128]
    total_tax: NotRequired[Decimal128]


class RefundTax(TypedDict):
    """What a refund gives back of one tax rate."""

    rate_id: int | str
    total: Decimal128


class Refund(TypedDict):
    """A refund; `amount` is what was paid back, from 0 on. What it consists of is absent where that was not said."""

    amount: Decimal128
    id: NotRequired[int]
    reason: NotRequired[str]
    created_at: NotRequired[datetime]
    line_items: NotRequired[list[RefundLine]]
    shipping_total: NotRequired[Decimal128]
    taxes: NotRequired[list[RefundTax]]
