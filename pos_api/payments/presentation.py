"""What is shown of a payment and a tab, by the API and in CSV files. A field that is not named here is shown nowhere.

Payments have no data of persons, so viewers are shown all of this, but no transaction id of an order. Pure: no
database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pos_api.common.money import decimal, decimal128, with_decimals_of
from pos_api.common.presentation import fields, shown
from pos_api.common.warning_messages import warn
from pos_api.database.client import Document
from pos_api.orders.model import Order
from pos_api.payments.model import Payment
from pos_api.payments.naming import named, way_of

_TAB = fields("id", "external_id", "state", "total", "paid", "tip")
_PAYMENT = fields(
    *("id", "store", "external_id", "order", "status", "amount", "refunded", "tip", "currency"),
    *("method", "method_is_assumed", "reference", "paid_at", "reason", "details"),
    tab=_TAB,
)

LISTED = {**dict.fromkeys(_PAYMENT.keys() - {"id"}, 1), "candidates": 1, "listed_at": 1}
"""What a query reads of payments that are shown."""


def payment(stored: Mapping[str, Any], tabs: Mapping[str, Mapping[str, Any]]) -> Document:
    """A stored payment. `tabs` has the stored tabs by their `_id`. The reason says also why it is matched with none of
    several orders. `refunded` and `tip` have the decimals of the amount."""
    amount = decimal(stored["amount"])
    beside = {name: decimal128(with_decimals_of(decimal(stored[name]), amount)) for name in ("refunded", "tip")}
    document = {"id": stored["_id"], **stored, **beside}
    if "tab" in stored:
        document["tab"] = tab(stored["store"], stored["tab"], tabs)
    candidates = stored.get("candidates")
    if candidates and "reason" not in stored:
        document["reason"] = warn("payment_names_several_orders", orders=", ".join(candidates)).message
    return shown(document, _PAYMENT)


def history(
    payment: Payment, order: Order | None, received: Mapping[str, datetime], *, with_transactions: bool
) -> Document:
    """How a stored payment is matched with its order, and what was reported of it. `received` has when the deliveries
    came that changed it, by their keys, as long as they are kept. Without transactions, `name` is null where a payment
    names its order by the transaction id.

    `matched_by` is null where no order is known; `store`: the store that reports the payment names the order as its
    own; `earlier`: it names it no longer.
    """
    matched_by = None
    if order is not None:
        matched_by = (way_of(payment["wanted"], order) or "earlier") if payment["wanted"] else "store"
    return {
        "matched_by": matched_by,
        "named": [
            {"store": store, "by": by, "name": name if with_transactions or by != "transaction" else None}
            for store, by, name in named(payment["wanted"])
        ],
        "candidates": payment.get("candidates", []),
        "changes": [
            {"change": step["change"], "at": received.get(step["cause"]), "cause": step["cause"]}
            for step in payment["changes"]
        ],
    }


def tab_key(store: str, tab: str) -> str:
    """The `_id` of a tab by its store's id of it."""
    return f"{store}:{tab}"


def tab(store: str, external_id: str, tabs: Mapping[str, Mapping[str, Any]]) -> Document:
    """A tab with what its store said about it; None for what it did not say."""
    key = tab_key(store, external_id)
    unknown = dict.fromkeys(("state", "total", "paid", "tip"))
    return shown({"id": key, "external_id": external_id, **unknown, **tabs.get(key, {})}, _TAB)
