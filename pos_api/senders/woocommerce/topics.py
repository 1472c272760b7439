"""What WooCommerce's events are about: the topics that are understood here."""

from __future__ import annotations

from collections.abc import Mapping

from pos_api.inbox.model import Noun

IMPLIED_STATUS = {
    "order.cancelled": "cancelled",
    "order.refunded": "refunded",
    "order.completed": "completed",
}
ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored", "order.deleted", *IMPLIED_STATUS})
PRODUCT_TOPICS = frozenset({"product.created", "product.updated", "product.restored", "product.deleted"})
CUSTOMER_TOPICS = frozenset({"customer.created", "customer.updated"})
CUSTOMER_ERASED = "customer.erased"
TOPICS = ORDER_TOPICS | PRODUCT_TOPICS | CUSTOMER_TOPICS | {CUSTOMER_ERASED}

_NOUNS: Mapping[str, Noun] = {"order": "order", "product": "product", "customer": "customer"}


def noun_of(topic: str) -> Noun:
    """What a topic is about, also one that is not understood here: its part before the dot."""
    return _NOUNS.get(topic.partition(".")[0], "")
