"""Which of the things that a store has to look up is next."""

from __future__ import annotations

from datetime import timedelta

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.senders import lookup_queue
from pos_api.senders.reports import LookUp


def test_what_was_just_reported_waits_for_no_backlog(db: Db) -> None:
    """Of the look-ups that false claims have left behind there may be more than can be done in time."""
    before = now() - timedelta(minutes=1)
    asked = {"store": "kaspa-1", "since": before, "attempts": 5}
    db.lookups.insert_many([{"_id": f"kaspa-1:{n}", "thing": f"{n}", "due_at": before, **asked} for n in range(3)])
    lookup_queue.add(db, LookUp("kaspa-1", "new"))
    claimed = [lookup_queue.claim(db, "kaspa-1", "lease") for _ in range(5)]
    things = [each["thing"] if each else None for each in claimed]
    assert things[0] == "new"
    assert sorted(things[1:4], key=str) == ["0", "1", "2"]
    assert things[4] is None
