"""The kind of Karma's stores, and what they report."""

from __future__ import annotations

from pos_api.inbox.model import Noun

KIND = "karma"

CREATED, UPDATED = "order.created", "order.updated"
COMPLETED, CANCELLED = "order.completed", "order.cancelled"
CONFIRMED, REFUNDED = "purchase.confirmed", "purchase.refunded"
TAB_OPENED, TAB_CLOSED, TAB_PAYMENT = "tab.opened", "tab.closed", "tab.payment_received"
ITEM_CREATED, ITEM_UPDATED = "inventory.created", "inventory.updated"
ITEM_DELETED, ITEM_AVAILABILITY = "inventory.deleted", "inventory.availability_changed"

TOPICS = frozenset(
    (
        *(CREATED, UPDATED, COMPLETED, CANCELLED),
        *(CONFIRMED, REFUNDED),
        *(TAB_OPENED, TAB_CLOSED, TAB_PAYMENT),
        *(ITEM_CREATED, ITEM_UPDATED, ITEM_DELETED, ITEM_AVAILABILITY),
    )
)
"""The events that are translated; Karma has more, about other things."""

_NOUNS: dict[str, Noun] = {"order": "order", "purchase": "order", "tab": "payment", "inventory": "product"}
"""A purchase is kept as an order, which its payment pays."""


def noun_of(topic: str) -> Noun:
    """What deliveries of a topic are about."""
    return _NOUNS.get(topic.partition(".")[0], "") if topic in TOPICS else ""
