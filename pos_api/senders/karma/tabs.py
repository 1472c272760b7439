"""A tab of Karma: the open bill of a table or a guest. Pure: no database."""

from __future__ import annotations

from pos_api.database.client import Document
from pos_api.payments.model import TabUpdate
from pos_api.senders.karma.fields import odd_fields
from pos_api.senders.karma.kind import TAB_CLOSED, TAB_OPENED
from pos_api.senders.reports import Reported, State
from pos_api.stores.model import Store

_STATES = {"opened": "open"}


def tab_state(store: Store, tab_id: str, reported: Reported) -> State:
    """What a tab is by all its reports: each field as the latest one that has it says. One that was closed stays so.
    What opened the tab is older than all else, whenever it was emitted (again)."""
    known: Document = {"state": "open"}
    for each in sorted(reported.reports, key=lambda each: (each.name != TAB_OPENED, each.moment, each.id)):
        known.update(each.content)
    state = "closed" if reported.named(TAB_CLOSED) else str(_STATES.get(known["state"], known["state"]))
    tab = TabUpdate(
        store.id,
        tab_id,
        reported.sequence,
        state,
        warnings=odd_fields(*(each.content for each in reported.reports)),
        **{name: known.get(name) for name in ("total", "paid", "tip", "opened_at", "closed_at")},
    )
    return State((tab,))
