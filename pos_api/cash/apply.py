"""Cash sessions and movements are set to what their till's reports say. Every step can be run again without effect."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from pos_api.cash.model import CashMovementUpdate, CashResult, CashSession, CashSessionUpdate
from pos_api.database.client import Db, Document
from pos_api.database.sequenced import save_newer
from pos_api.events import CashSessionChanged
from pos_api.outbox.interest import wants
from pos_api.outbox.marks import add_marks, mark_of


def apply_session(db: Db, update: CashSessionUpdate) -> CashResult:
    """Set a cash session to what its till's reports say, unless more reports were applied already. It is marked with
    the events where a subscription wants them."""
    state: Document = {"_id": update.key, **asdict(update)}
    state["listed_at"] = update.opened_at or state["at"]
    del state["at"], state["warnings"]
    is_marked = wants(db, "session")

    def mark(after: Document, before: Document | None) -> None:
        if is_marked:
            add_marks(after, (mark_of(each, _position(each, update)) for each in _events(update, before)))

    saved = save_newer(db.cash_sessions, state, kept=("unpublished",), complete=mark, stamped=True)
    events = _events(update, saved.before) if saved.outcome in ("created", "updated") else ()
    return CashResult(saved.outcome, update.warnings, events, cast("CashSession", saved.after))


def _events(update: CashSessionUpdate, before: Document | None) -> tuple[CashSessionChanged, ...]:
    """What an update means for a session as it was before."""
    known, events = before or {}, []
    if update.opened_at and not known.get("opened_at"):
        events.append(CashSessionChanged(update.key, update.store, "opened", update.opened_at))
    if update.closed_at and not known.get("closed_at"):
        events.append(CashSessionChanged(update.key, update.store, "closed", update.closed_at))
    return tuple(events)


def _position(event: CashSessionChanged, update: CashSessionUpdate) -> int:
    """Events come in the order in which they were found out: a session may be known by its closing first."""
    return update.sequence * 2 + (event.change == "closed")


def apply_movement(db: Db, update: CashMovementUpdate) -> CashResult:
    """Set a movement of cash to what its till's reports say, unless more reports were applied already."""
    return CashResult(save_newer(db.cash_movements, {"_id": update.key, **asdict(update)}, stamped=True).outcome)
