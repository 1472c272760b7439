"""The types of events that there are: the one list of them, which subscriptions choose from."""

from __future__ import annotations

from collections.abc import Mapping

from pos_api.outbox.model import noun_of

EVENT_TYPES: Mapping[str, str] = {
    "order.created": "An order came in that was not known here.",
    "order.updated": "An order was changed, in its status or otherwise, unless one of the types below says how.",
    "order.completed": "An order came into a status that means it is completed.",
    "order.cancelled": "An order was cancelled.",
    "order.refunded": "More of an order was paid back, all of it or a part.",
    "order.restored": "An order that was deleted is there again.",
    "order.deleted": "An order was deleted at its store; it is kept here, marked as deleted.",
    "payment.completed": "A payment was made.",
    "payment.refunded": "More of a payment was paid back.",
    "stock.changed": "Units of a product came in or went out: one event for each movement of its stock.",
    "stock.low": "A product's stock fell to its low-stock threshold or below, or below zero.",
    "product.created": "A product was added, by a store or by staff.",
    "product.updated": "A product was changed, except for its stock, or is no longer archived.",
    "product.archived": "A product was archived: it is no longer sold.",
    "customer.created": "A customer was seen for the first time.",
    "customer.updated": "What is known of a customer changed.",
    "customer.erased": "A customer's personal data was erased.",
    "session.opened": "A till's cash session was opened.",
    "session.closed": "A till's cash session was closed and its cash counted.",
    "subscription.created": "A customer's subscription at a payment provider began.",
    "subscription.updated": "A customer's subscription changed, such as when it was renewed or paused.",
    "subscription.canceled": "A customer's subscription ended.",
    "delivery.parked": "What a store sent can't be used, and waits in the inbox for somebody to look at it.",
    "store.silent": "Nothing has come from a store for far longer than usual.",
    "store.drift": "A comparison with a shop found that it and the POS differ.",
    "ping": "A test, sent to one subscription when somebody asks for it, whatever events it is for.",
}
"""Each with what it means."""

NOUNS = tuple(dict.fromkeys(noun_of(type) for type in EVENT_TYPES if type != "ping"))
"""What events are about: `order`."""
PATTERNS = ("*", *(f"{noun}.*" for noun in NOUNS))
"""What stands for several types."""


def types_of(pattern: str) -> list[str]:
    """The types that a type or a pattern (`order.*`, `*`) stands for; none for what is neither."""
    if pattern == "*":
        return list(EVENT_TYPES)
    if pattern in PATTERNS:
        return [type for type in EVENT_TYPES if f"{noun_of(type)}.*" == pattern]
    return [pattern] if pattern in EVENT_TYPES else []
