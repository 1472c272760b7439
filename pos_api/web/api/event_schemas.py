"""What the data of each type of event looks like: as the routes show the same thing."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import Schema, fields

from pos_api.outbox.model import noun_of
from pos_api.web.api.cash_sessions import CashSession
from pos_api.web.api.customer_subscriptions import CustomerSubscription
from pos_api.web.api.customers import Customer
from pos_api.web.api.inbox import InboxEntry
from pos_api.web.api.order_schemas import Order, StatusChange
from pos_api.web.api.payments import Payment
from pos_api.web.api.product_schemas import Movement, Product
from pos_api.web.api.schemas import Quantity, Time
from pos_api.web.api.stores import Drift, Outage

_MOMENT = "2026-11-28T06:51:08Z"


class TabOfEvent(Schema):
    """What identifies an open bill for several orders and payments."""

    id = fields.String(required=True, metadata={"description": "`store:id of the tab`", "example": "bar:tab_9"})
    external_id = fields.String(required=True, metadata={"example": "tab_9"})


class OrderOfEvent(Order):
    """An order as it was at this version, with its history; without its movements, which are events of their own."""

    class Meta:
        """What depends on the store's settings."""

        exclude = ("kind",)

    tab = fields.Nested(
        TabOfEvent, metadata={"description": "The open bill that it is on; absent where it is on none."}
    )
    status_history = fields.List(fields.Nested(StatusChange), required=True)
    opening = fields.List(
        fields.String(), metadata={"description": "SKUs whose units were gone before stock was counted here."}
    )
    meta = fields.List(fields.Dict())


class StockMovement(Movement):
    """A movement of a product's stock."""

    sku = fields.String(required=True, metadata={"example": "OIL-2L"})
    product = fields.String(
        required=True, metadata={"description": "The product's id here: its first SKU.", "example": "OIL-2L"}
    )
    store = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Whose order or report it was; null where staff did it.", "example": "default"},
    )


class LowStock(StockMovement):
    """The movement by which a product's stock became low."""

    low_stock_threshold = Quantity(required=True, allow_none=True, metadata={"example": 10})
    oversold = fields.Boolean(
        required=True, metadata={"description": "Whether the stock is below zero.", "example": False}
    )


class ErasedCustomer(Schema):
    """A customer whose personal data was erased."""

    id = fields.String(
        required=True,
        metadata={
            "description": "The pseudonym that the orders have now; where they were not erased, the digest.",
            "example": "erased:4f1c9a7be02d6613",
        },
    )
    digest = fields.String(
        required=True,
        metadata={
            "description": "By which the customer's other events are known: BLAKE2b, 12 bytes, of the customer's id.",
            "example": "6f1ed002ab5595859014ebf0",
        },
    )
    erased_at = Time(required=True, metadata={"description": "What was before then was erased.", "example": _MOMENT})


class SilentStore(Outage):
    """A store that has sent no order for long."""

    store = fields.String(required=True, metadata={"example": "default"})


class StoreDrift(Drift):
    """What a comparison with a shop found, as the route for it shows it."""

    compared_at = Time(required=True, metadata={"description": "When it was begun.", "example": _MOMENT})


class ParkedDelivery(InboxEntry):
    """A delivery that can't be used, or failed to its last attempt, without what was sent."""

    class Meta:
        """What depends on a setting."""

        exclude = ("kept_until",)


class Ping(Schema):
    """A test."""

    subscription = fields.String(required=True, metadata={"example": "sub_19bb91352d222457e2fa0299"})


_OF_TYPE: Mapping[str, type[Schema]] = {
    "stock.low": LowStock,
    "customer.erased": ErasedCustomer,
    "store.silent": SilentStore,
    "store.drift": StoreDrift,
}
_OF_NOUN: Mapping[str, type[Schema]] = {
    "order": OrderOfEvent,
    "payment": Payment,
    "stock": StockMovement,
    "product": Product,
    "customer": Customer,
    "session": CashSession,
    "subscription": CustomerSubscription,
    "delivery": ParkedDelivery,
    "ping": Ping,
}


def data_schema(event_type: str) -> type[Schema]:
    """What the data of events of this type looks like."""
    return _OF_TYPE.get(event_type) or _OF_NOUN[noun_of(event_type)]
