"""Payments and tabs are set to what their store's reports say. Every step can be run again without effect."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from pos_api.common.money import decimal
from pos_api.common.warning_messages import EventWarning, warn
from pos_api.database.client import Db, Document
from pos_api.database.sequenced import save_newer
from pos_api.events import PaymentChange, PaymentChanged
from pos_api.outbox.interest import wants
from pos_api.outbox.marks import add_marks, mark_of
from pos_api.payments.matching import match_payment
from pos_api.payments.model import PAID, Payment, PaymentResult, PaymentStep, PaymentUpdate, TabUpdate
from pos_api.payments.naming import search_words


def apply(db: Db, update: PaymentUpdate) -> PaymentResult:
    """Set a payment to what its store's reports say, unless more reports were applied already, and look for its order.

    The events are those of the changes that this inbox entry made, now or before a crash. The payment is marked with
    them where a subscription wants them.
    """
    is_marked = wants(db, "payment")
    saved = save_newer(
        db.payments,
        _document(update),
        kept=("unpublished",),
        complete=lambda after, before: _complete(after, before, update, is_marked=is_marked),
        stamped=True,
    )
    payment = cast("Payment", saved.after)
    if payment["wanted"]:
        payment = match_payment(db, payment)
    return PaymentResult(saved.outcome, _warnings(payment), _events(payment, update), payment)


def _document(update: PaymentUpdate) -> Document:
    document: Document = {
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
        "wanted": [] if update.order else list(update.wanted),
        "search": [],
        "changes": [],
    }
    said: Document = {
        "tab": update.tab,
        "method_is_assumed": update.method_is_assumed,
        "settles_debt": update.settles_debt,
        "reason": update.reason,
        "details": dict(update.details),
    }
    return document | {name: value for name, value in said.items() if value}


def _complete(after: Document, before: Document | None, update: PaymentUpdate, *, is_marked: bool) -> None:
    """Set what a payment has from before: its order, while it names it in the same ways, or in more; what became of it;
    the time by which it is listed, where none is known; the words by which it is found; and the marks of what
    changed."""
    if before and before["wanted"] and set(before["wanted"]) <= set(after["wanted"]):
        after |= {name: before[name] for name in ("order", "order_names", "candidates") if name in before}
    if before and after["paid_at"] is None:
        after["listed_at"] = before["listed_at"]
    names = after.get("order_names") or [(after["order"] or "").partition(":")[2]]
    after["search"] = search_words(after["external_id"], after["reference"], after["wanted"], names)
    steps: list[PaymentStep] = list(before["changes"]) if before else []
    rev = before["rev"] + 1 if before else 1
    new: list[PaymentStep] = [
        {"change": change, "cause": update.cause, "rev": rev} for change in _changes(after, before)
    ]
    after["changes"] = steps + new
    if is_marked:
        add_marks(after, (mark_of(_event(step, update), _position(step)) for step in new))


def _changes(after: Document, before: Document | None) -> list[PaymentChange]:
    changes: list[PaymentChange] = []
    made = before["changes"] if before else []
    if after["status"] in PAID and all(step["change"] != "completed" for step in made):
        changes.append("completed")
    if decimal(after["refunded"]) > decimal(before["refunded"] if before else None):
        changes.append("refunded")
    return changes


def _events(payment: Payment, update: PaymentUpdate) -> tuple[PaymentChanged, ...]:
    return tuple(_event(step, update) for step in payment["changes"] if step["cause"] == update.cause)


def _event(step: PaymentStep, update: PaymentUpdate) -> PaymentChanged:
    return PaymentChanged(update.key, update.store, step["rev"], step["change"], update.received_at)


def _position(step: PaymentStep) -> int:
    """One save may complete a payment and pay some of it back, in this order."""
    return step["rev"] * 2 + (step["change"] == "refunded")


def _warnings(payment: Payment) -> tuple[EventWarning, ...]:
    candidates = payment.get("candidates")
    return (warn("payment_names_several_orders", orders=", ".join(candidates)),) if candidates else ()


def apply_tab(db: Db, update: TabUpdate) -> PaymentResult:
    """Set a tab to what its store's reports say, unless more reports were applied already."""
    document = {"_id": update.key, **asdict(update)}
    del document["warnings"]
    return PaymentResult(save_newer(db.tabs, document).outcome, update.warnings)
