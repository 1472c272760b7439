"""The events that payments are marked with."""

from __future__ import annotations

from collections.abc import Sequence

from pos_api.database.client import Db, Document
from pos_api.outbox.marks import events_of_marks
from pos_api.outbox.model import OutboxEvent
from pos_api.payments import queries


def events_of(db: Db, payments: Sequence[Document]) -> list[OutboxEvent]:
    """All events that these stored payments are marked with."""
    return [
        event
        for payment, shown in zip(payments, queries.shown(db, payments), strict=True)
        for event in events_of_marks(
            payment, f"payment:{payment['_id']}", store=payment["store"], data=shown, reference={"id": payment["_id"]}
        )
    ]
