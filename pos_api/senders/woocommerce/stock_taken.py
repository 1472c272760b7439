"""When a shop took an order's units out of its stock, as far as the order's dates say so."""

from __future__ import annotations

from datetime import datetime

from pos_api.database.client import Document
from pos_api.senders.fields import Field, FieldPath, read_fields, same_names
from pos_api.senders.values import moment, text
from pos_api.senders.woocommerce.messages import Message
from pos_api.stock.opening import StockReduction

_REDUCTION_FIELDS = {
    "date_created_gmt": Field("created_at", moment),
    "date_paid_gmt": Field("paid_at", moment),
    **same_names(text, "payment_method"),
}
_TAKEN_UNPAID = frozenset({"bacs", "cheque", "cod"})
"""WooCommerce's own ways to pay whose orders take stock when they are placed, and are paid later."""


def stock_reduction_of(order: Document, read_at: datetime, *, otherwise: datetime) -> StockReduction:
    """What an order that was read from the shop's REST API at `read_at` says of when its stock was taken. Its date is
    `otherwise` where it has none that can be read, or one that had not come yet. Its id has to be a whole number."""
    message = Message("order.updated", str(order["id"]), order)
    fields = read_fields(order, _REDUCTION_FIELDS, FieldPath(message.report))
    created_at = fields.get("created_at") or otherwise
    return StockReduction(
        order["id"],
        created_at if created_at <= read_at else otherwise,
        likely_taken_at=likely_taken_at(message, fields, None),
    )


def likely_taken_at(message: Message, fields: Document, modified_at: datetime | None) -> datetime | None:
    """When the shop took an order's stock, as far as its dates say; None where they don't.

    Others than bank transfer, cheque and cash on delivery take it when they are paid (`woocommerce_payment_complete`).
    An order of the block checkout bears the date of its draft; when the shop reports it as new, its last change is
    about its placing. Orders that are read later, by an import, may have changed long after that.
    """
    if fields.get("paid_at") and fields.get("payment_method") not in _TAKEN_UNPAID:
        paid_at: datetime = fields["paid_at"]
        return paid_at
    reported_new = message.topic == "order.created" and (message.native or message.sequence > 0)
    return modified_at if reported_new and message.data.get("created_via") == "store-api" else None
