"""Figures kept fresh though nobody looks, so that a look never has much to count: not even during an import, or the
first one after it."""

from __future__ import annotations

from contextlib import suppress

from pos_api.database.client import Db
from pos_api.database.turns import is_due as is_turn_due
from pos_api.figures import rollup, spans
from pos_api.figures.state import NewerMeasures, noted

MANY_CHANGES = 1_000
"""So many are counted within a look without anybody noticing."""
_EVERY = 15.0
"""Seconds between two times, in however many processes."""


def is_due(db: Db) -> bool:
    """Whether more has changed than a look counts quickly, and no process has begun to count it just now."""
    with suppress(NewerMeasures):
        return _is_much_to_count(db) and is_turn_due(db.rollup_state, "background", _EVERY)
    return False


def _is_much_to_count(db: Db) -> bool:
    until = noted(db).until
    if until is None or db.rollup_buckets.find_one({"stale": {"$exists": True}}, {"_id": 1}):
        return True
    return db.orders.count_documents({"changed_at": {"$gt": until}}, limit=MANY_CHANGES) >= MANY_CHANGES


def bring_up_to_date(db: Db, seconds: float) -> int:
    """Count what has changed, and sum up months and years of it; returns how many orders are left at most, more than 0
    only when that took longer than so many seconds; 0 where a newer version of the service keeps the figures."""
    left = rollup.refresh_unless_newer(db, seconds)
    if not left:
        spans.sum_up_all(db)
    return left
