"""Customers' subscriptions are set to what their provider's reports say. Every step can be run again without effect."""

from __future__ import annotations

from typing import cast

from pos_api.database.client import Db, Document
from pos_api.database.sequenced import save_newer
from pos_api.events import SubscriptionChange, SubscriptionChanged
from pos_api.outbox.interest import wants
from pos_api.outbox.marks import add_marks, mark_of
from pos_api.subscriptions.model import SavedChange, Subscription, SubscriptionResult, SubscriptionUpdate


def apply(db: Db, update: SubscriptionUpdate) -> SubscriptionResult:
    """Set a subscription to what its provider's reports say, unless more reports were applied already.

    The events are those of the changes that this inbox entry made, now or before a crash. The subscription is marked
    with them where somebody wants them.
    """
    is_marked = wants(db, "subscription")
    saved = save_newer(
        db.customer_subscriptions,
        _document(update),
        kept=("unpublished",),
        complete=lambda after, before: _complete(after, before, update, is_marked=is_marked),
    )
    subscription = cast("Subscription", saved.after)
    return SubscriptionResult(saved.outcome, events=_events(subscription, update), subscription=subscription)


def _document(update: SubscriptionUpdate) -> Document:
    return {
        "_id": update.key,
        "store": update.store,
        "external_id": update.external_id,
        "sequence": update.sequence,
        "customer": update.customer,
        "status": update.status,
        "current_period_end": update.current_period_end,
        "history": list(update.history),
        "listed_at": update.at,
        "changes": [],
    }


def _complete(after: Document, before: Document | None, update: SubscriptionUpdate, *, is_marked: bool) -> None:
    """Set what became of a subscription, with what it has from before, and mark it with what changed."""
    changes: list[SavedChange] = list(before["changes"]) if before else []
    rev = before["rev"] + 1 if before else 1
    change = _change(after, before)
    new: list[SavedChange] = [{"change": change, "cause": update.cause, "rev": rev}] if change else []
    after["changes"] = changes + new
    if is_marked:
        add_marks(after, (mark_of(_event(each, update), each["rev"]) for each in new))


def _change(after: Document, before: Document | None) -> SubscriptionChange | None:
    if before is None:
        return "created"
    ignored = {"changes": (), "sequence": 0}
    if {**after, **ignored} == {**before, **ignored}:
        return None
    return "canceled" if after["status"] == "canceled" != before["status"] else "updated"


def _events(subscription: Subscription, update: SubscriptionUpdate) -> tuple[SubscriptionChanged, ...]:
    return tuple(_event(saved, update) for saved in subscription["changes"] if saved["cause"] == update.cause)


def _event(saved: SavedChange, update: SubscriptionUpdate) -> SubscriptionChanged:
    return SubscriptionChanged(update.key, update.store, saved["rev"], saved["change"], update.received_at)
