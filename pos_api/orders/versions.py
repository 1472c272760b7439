"""Which of two versions of an order is the newer. Pure: no database."""

from __future__ import annotations

from datetime import timedelta

from pos_api.orders.model import Order, OrderUpdate

_SEQUENCE_RULES = timedelta(days=1)
"""For so long a greater sequence outranks a later time of change."""


def is_older(update: OrderUpdate, stored: Order) -> bool:
    """Whether an update is older than what is stored.

    Where both have a sequence it decides: the sender raises it with every change, also where its clock stood still or
    went back. But what was changed more than a day after the stored version is newer in any case, so that one false
    sequence does not outrank all that follows. Else `modified_at` does; of two equal ones the one with a sequence is
    the newer. Without one, and where all is equal, updates count in order of arrival, also when a crash or another
    worker turned that order round. What `replaces` the stored order was read after it.
    """
    if update.replaces is not None:
        return False
    sequence, known_sequence = update.sequence, stored.get("sequence", 0)
    modified_at, known = update.modified_at, stored.get("modified_at")
    if sequence and known_sequence and sequence != known_sequence:
        much_later = bool(modified_at and known and modified_at - known > _SEQUENCE_RULES)
        return sequence < known_sequence and not much_later
    if modified_at and known and modified_at != known:
        return modified_at < known
    if modified_at and known and bool(sequence) != bool(known_sequence):
        return not sequence
    return update.received_at < stored.get("received_at", update.received_at)
