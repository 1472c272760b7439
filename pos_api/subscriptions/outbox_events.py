"""The events that customers' subscriptions are marked with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pos_api.database.client import Db, Document
from pos_api.outbox.marks import events_of_marks
from pos_api.outbox.model import OutboxEvent
from pos_api.subscriptions import presentation
from pos_api.subscriptions.model import Subscription


def events_of(db: Db, subscriptions: Sequence[Document]) -> list[OutboxEvent]:
    """All events that these stored subscriptions are marked with."""
    return [
        event
        for each in subscriptions
        for event in events_of_marks(
            each,
            f"subscription:{each['_id']}",
            store=each["store"],
            data=presentation.subscription(cast("Subscription", each)),
            reference={"id": each["_id"]},
        )
    ]
