"""What WooCommerce's events are about: the topics that are understood here."""

from __future__ import annotations

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
