"""Payments and tabs are set to what their store's reports say. Every step can be run again without effect."""

from __future__ import annotations

from dataclasses import asdict

from pos_api.common.money import decimal
from pos_api.database.client import Db, Document
from pos_api.database.sequenced import Saved, save_newer
from pos_api.events import PaymentChanged
from pos_api.payments.model import PAID, PaymentResult, PaymentUpdate, TabUpdate


def apply(db: Db, update: PaymentUpdate) -> PaymentResult:
    """Set a payment to what its store's reports say, unless more reports were applied already."""
    saved = save_newer(db.payments, _document(update))
    return PaymentResult(saved.outcome, events=_events(saved, update))


def _document(update: PaymentUpdate) -> Document:
    return {
        "_id": update.key,
        "store": update.store,
        "external_id": update.external_id,
        "sequence": update.sequence,
        "status": update.status,
        "amount": update.amount,
        "refunded": update.refunded,
        "tip": update.tip,
        "currency": update.currency,
        "method": update.method,
        "reference": update.reference,
        "paid_at": update.paid_at,
        "listed_at": update.paid_at or update.received_at,
        "order": update.order,
        "wanted": list(update.wanted),
        "search": [],
        **({"details": dict(update.details)} if update.details else {}),
    }


def _events(saved: Saved, update: PaymentUpdate) -> tuple[PaymentChanged, ...]:
    if saved.outcome not in ("created", "updated"):
        return ()
    before, after = saved.before or {}, saved.after
    events: list[PaymentChanged] = []
    key, store, rev, at = update.key, update.store, after["rev"], update.received_at
    if after["status"] in PAID and before.get("status") not in PAID:
        events.append(PaymentChanged(key, store, rev, "completed", at))
    if decimal(after["refunded"]) > decimal(before.get("refunded")):
        events.append(PaymentChanged(key, store, rev, "refunded", at))
    return tuple(events)


def apply_tab(db: Db, update: TabUpdate) -> PaymentResult:
    """Set a tab to what its store's reports say, unless more reports were applied already."""
    saved = save_newer(db.tabs, {"_id": update.key, **asdict(update)})
    return PaymentResult(saved.outcome)
