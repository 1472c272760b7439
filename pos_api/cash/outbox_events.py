"""The events that cash sessions are marked with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pos_api.cash import queries
from pos_api.cash.model import CashSession
from pos_api.cash.queries import CurrencyOf
from pos_api.database.client import Db, Document
from pos_api.outbox.marks import events_of_marks
from pos_api.outbox.model import OutboxEvent


def events_of(db: Db, sessions: Sequence[Document], currency_of: CurrencyOf) -> list[OutboxEvent]:
    """All events that these stored sessions are marked with, with the cash that was expected as it is known now."""
    return [
        event
        for session in sessions
        for event in events_of_marks(
            session,
            f"session:{session['_id']}",
            store=session["store"],
            data=queries.show(db, currency_of, cast("CashSession", session)),
            reference={"id": session["_id"]},
        )
    ]
