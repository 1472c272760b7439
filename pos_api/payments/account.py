"""An order's account: its payments, what is paid and owed of it, and where that contradicts what its shop says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from pos_api.common.money import decimal128
from pos_api.database.client import Db, Document
from pos_api.orders.model import Order
from pos_api.payments import queries
from pos_api.payments.balance import Provider, balance
from pos_api.staff import audit

_READ = dict.fromkeys(
    (
        *("store", "stage", "counts_as_sale", "deleted_at", "total", "currency", "refunds", "paid_at", "received_at"),
        *("payment_method", "payment_method_title", "test_mode", "tab", "parent"),
    ),
    1,
)
"""What of an order its account is worked out from."""


def of_order(db: Db, order: str, providers: Mapping[str, Provider], moment: datetime) -> Document:
    """`payments`, `paid`, `owed` and `discrepancies` of a stored order (its `_id`) at this moment. `providers` are the
    stores that take payments for its store."""
    stored = cast("Order", db.orders.find_one({"_id": order}, _READ))
    payments = queries.of_order(db, order)
    worked_out = balance(stored, payments, providers, moment)
    return {
        "payments": queries.shown(db, payments),
        "paid": decimal128(worked_out.paid),
        "owed": decimal128(worked_out.owed),
        "discrepancies": [{"code": each.code, "message": each.message} for each in worked_out.discrepancies],
    }


def known_since(db: Db, store: str) -> datetime | None:
    """When a store was added, as far back as the audit goes; None for before that."""
    added = audit.find(db, audit.Filter(action="store.created", target=store), limit=1)
    return cast("datetime", added[0]["time"]) if added else None
