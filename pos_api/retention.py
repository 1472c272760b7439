"""What is deleted after a time: deliveries in the inbox, those that ended well and, later, those that need a look.

A delivery that is due to go can be replayed until then; one that is replayed, or has a place in the audit, is no
exception. Each query is an index's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from . import inbox
from .config import Config
from .db import Db, Document
from .logs import get_logger
from .values import now

WARNED_BEFORE = timedelta(days=30)
"""So long before a delivery that needs a look is deleted, it is counted as one that goes soon."""

log = get_logger(__name__)


def run(db: Db, config: Config) -> None:
    """Delete what is due. Run as often as you like, by any number of processes."""
    done, left = _ended_before(config)
    db.inbox.delete_many({"done_at": {"$lt": done}})
    if deleted := db.inbox.delete_many({"attention_at": {"$lt": left}}).deleted_count:
        log.warning("parked and failed deliveries were deleted, as nobody replayed them", count=deleted)


def _ended_before(config: Config) -> tuple[datetime, datetime]:
    """What ended before the first and went well, or before the second and did not, is deleted."""
    moment = now()
    return moment - timedelta(days=config.inbox_days), moment - timedelta(days=config.inbox_parked_days)


def kept_until(entry: Document, config: Config) -> datetime | None:
    """When an event of the inbox is deleted; None while it waits."""
    if attention_at := entry.get("attention_at"):
        return attention_at + timedelta(days=config.inbox_parked_days)  # type: ignore[no-any-return]
    done_at = entry.get("done_at")
    return done_at + timedelta(days=config.inbox_days) if done_at else None


def inbox_counts(db: Db, config: Config) -> dict[str, int]:
    """How many events of the inbox wait, need a look (`attention`), and of these are `deleted_soon`."""
    _, left = _ended_before(config)
    attention = db.inbox.count_documents({"attention_at": {"$exists": True}}, hint="attention_at_-1")
    soon = db.inbox.count_documents({"attention_at": {"$lt": left + WARNED_BEFORE}}, hint="attention_at_-1")
    return {"waiting": inbox.waiting(db), "attention": attention, "deleted_soon": soon}
