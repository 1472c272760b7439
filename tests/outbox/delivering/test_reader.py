"""What a look at the database finds out besides what is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.outbox.delivering import reader
from tests.outbox.delivering.outbox import event, publish_events, subscribe

NOTHING = reader.Wanted(frozenset(), [], [], [], [])


def test_a_clock_that_is_set_back_keeps_nothing_waiting(
    config: Config, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a start: of a machine whose clock was hours ahead until it asked for the time."""
    monkeypatch.setattr(reader, "SUBSCRIPTIONS_EVERY", 0.0)
    subscribe(db, config, "https://erp.example")
    publish_events(db, event(1), event(1, 2))
    ahead = now() + timedelta(hours=2)
    db.webhook_deliveries.update_many({}, {"$set": {"due_at": ahead}})
    db.webhook_subscriptions.update_one({}, {"$set": {"paused_until": ahead}})
    looking = reader.Reader(db, config, "process")
    with monkeypatch.context() as patched:
        patched.setattr(reader, "now", lambda: ahead)
        looking.look(NOTHING)
        assert db.webhook_deliveries.count_documents({"due_at": ahead}) == 2
    looking.look(NOTHING)
    assert db.webhook_deliveries.count_documents({"due_at": {"$lte": now()}}) == 2
    assert db.webhook_subscriptions.count_documents({"paused_until": {"$lte": now()}}) == 1
    known = db.webhook_subscriptions.find_one()
    looking.look(NOTHING)
    assert known is not None
    assert db.webhook_subscriptions.count_documents({"updated_at": known["updated_at"]}) == 1, "it is done once"
