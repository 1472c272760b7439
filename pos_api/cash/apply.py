"""Cash sessions and movements are set to what their till's reports say. Every step can be run again without effect."""

from __future__ import annotations

from dataclasses import asdict

from pos_api.cash.model import CashMovementUpdate, CashResult, CashSessionUpdate
from pos_api.database.client import Db, Document
from pos_api.database.sequenced import save_newer
from pos_api.events import CashSessionChanged


def apply_session(db: Db, update: CashSessionUpdate) -> CashResult:
    """Set a cash session to what its till's reports say, unless more reports were applied already."""
    state: Document = {"_id": update.key, **asdict(update)}
    state["listed_at"] = update.opened_at or state["at"]
    del state["at"], state["warnings"]
    saved = save_newer(db.cash_sessions, state)
    before, events = saved.before or {}, []
    if saved.outcome in ("created", "updated"):
        if update.opened_at and not before.get("opened_at"):
            events.append(CashSessionChanged(update.key, update.store, "opened", update.opened_at))
        if update.closed_at and not before.get("closed_at"):
            events.append(CashSessionChanged(update.key, update.store, "closed", update.closed_at))
    return CashResult(saved.outcome, update.warnings, tuple(events))


def apply_movement(db: Db, update: CashMovementUpdate) -> CashResult:
    """Set a movement of cash to what its till's reports say, unless more reports were applied already."""
    return CashResult(save_newer(db.cash_movements, {"_id": update.key, **asdict(update)}).outcome)
