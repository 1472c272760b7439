"""Customers' subscriptions are set to what their provider's reports say. Every step can be run again without effect."""

from __future__ import annotations

from dataclasses import asdict

from pos_api.database.client import Db, Document
from pos_api.database.sequenced import save_newer
from pos_api.events import SubscriptionChange, SubscriptionChanged
from pos_api.subscriptions.model import SubscriptionResult, SubscriptionUpdate


def apply(db: Db, update: SubscriptionUpdate) -> SubscriptionResult:
    """Set a subscription to what its provider's reports say, unless more reports were applied already."""
    state: Document = {"_id": update.key, **asdict(update)}
    state["history"] = list(update.history)
    state["listed_at"] = state.pop("at")
    del state["received_at"]
    saved = save_newer(db.customer_subscriptions, state)
    if saved.outcome not in ("created", "updated"):
        return SubscriptionResult(saved.outcome)
    change: SubscriptionChange = "created" if saved.outcome == "created" else "updated"
    if update.status == "canceled" and (saved.before or {}).get("status") != "canceled":
        change = "canceled"
    event = SubscriptionChanged(update.key, update.store, saved.after["rev"], change, update.received_at)
    return SubscriptionResult(saved.outcome, events=(event,))
