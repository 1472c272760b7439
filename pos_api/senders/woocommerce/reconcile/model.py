"""What a comparison finds, as it is stored with the report and shown by the API (`GET /api/stores/<store>/drift`)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from pos_api.common.quantity import Quantity

Kind: TypeAlias = Literal["orders", "products"]
ORDERS: Kind = "orders"
PRODUCTS: Kind = "products"

Side: TypeAlias = Literal["shop", "pos"]
"""Whose stock of a product is right."""

OrderProblem: TypeAlias = Literal["missing", "stale", "different", "gone", "deleted here", "unusable"]
ProductProblem: TypeAlias = Literal["changed", "gone", "restored"]


class Discrepancy(TypedDict):
    """What every discrepancy has: `cause`, in words; `repair`, what its repair came to, absent where none was tried."""

    cause: str
    repair: NotRequired[str]


class OrderSide(TypedDict):
    """An order as one side has it; `refunds` is how many it has."""

    status: str | None
    total: str
    modified_at: datetime | None
    refunds: int


class OrderDiscrepancy(Discrepancy):
    """An order that is not here as it is in the shop; `fields` are those that differ."""

    order: str
    order_id: int
    number: str
    problem: OrderProblem
    fields: list[str]
    here: OrderSide | None
    shop: OrderSide | None


class ProductSide(TypedDict):
    """A product as one side has it."""

    sku: str
    name: str | None
    price: str | None
    archived: bool


class ProductDiscrepancy(Discrepancy):
    """A product that is not here as it is in the shop, or that the shop has deleted; its stock is apart."""

    product: str
    sku: str
    name: str | None
    shop_id: int
    problem: ProductProblem
    fields: list[str]
    here: ProductSide
    shop: ProductSide | None


class Explanation(TypedDict):
    """Units that moved here and not in the shop."""

    cause: str
    quantity: Quantity


class StockDiscrepancy(Discrepancy):
    """A product whose stock here is not the shop's, less what orders still pending hold here and with what is on the
    way to the shop. `product` is None, and `here` and `difference` with it, where the product is not known here.

    `shop_id` is its id there, `on_the_way` what the shop has still to be sent, `stock_sync` whether stock is sent to
    the shop, so that both should be equal."""

    product: str | None
    sku: str
    name: str | None
    shop_id: int
    here: Quantity | None
    shop: Quantity
    held_by_pending: Quantity
    on_the_way: Quantity
    stock_sync: bool
    difference: Quantity | None
    explained: list[Explanation]
    unexplained: Quantity


class NotRead(TypedDict):
    """What the shop has and could not be read, so that nobody knows whether it is in sync."""

    kind: Kind
    what: str
    count: int
    cause: str


class WebhookProblem(TypedDict):
    """A webhook that is off, or (`sender` is `plugin`) a shop that has nothing to send its orders with."""

    sender: Literal["webhook", "plugin"]
    id: int | None
    name: str | None
    problem: str
    topic: NotRequired[str]
    off_since: NotRequired[datetime | None]
    repair: NotRequired[str]


class OutageShown(TypedDict):
    """How long the shop has sent no order, by its own rhythm."""

    since: datetime
    missed: float
    longest_missed: float
    alarming: bool


class ReportShown(TypedDict):
    """A report as it is stored and shown. `in_step` is whether nothing is left to repair or to look at, `senders` what
    should send the shop's orders and does not, `silence` the outage."""

    store: str
    since: datetime
    started_at: datetime
    finished_at: datetime | None
    in_step: bool
    compared: int
    products_compared: int
    stock_compared: int
    orders: list[OrderDiscrepancy]
    products: list[ProductDiscrepancy]
    stock: list[StockDiscrepancy]
    unread: list[NotRead]
    senders: list[WebhookProblem]
    notes: list[str]
    silence: OutageShown | None
    problem: str | None
