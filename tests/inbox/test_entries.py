"""The inbox: stored once and for good, taken by one at a time, never forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.errors import NotFound
from pos_api.inbox import finishing, leases, queries, retry_schedule, storing
from pos_api.inbox.model import Outcome, event_key
from pos_api.inbox.replay import replay_entries
from tests.factories import event


def test_a_key_is_made_of_who_what_and_the_exact_bytes() -> None:
    keys = {
        event_key(store, topic, resource, body)
        for store in ("a", "b")
        for topic in ("order.created", "order.updated")
        for resource in ("1", "2")
        for body in (b"{}", b"{ }")
    }
    assert len(keys) == 16
    assert event_key("a", "bc", "", b"") != event_key("ab", "c", "", b"")


def test_only_what_is_new_is_told_to_be_new(db: Db) -> None:
    assert storing.store(db, [event(1), event(2)], None) == {event(1).key, event(2).key}
    assert storing.store(db, [event(2), event(3), event(1)], None) == {event(3).key}


def test_what_somebody_holds_is_nobody_elses_until_the_lease_runs_out(db: Db) -> None:
    storing.store(db, [event()], "one")
    assert leases.claim(db, "two", 10) == []
    db.inbox.update_many({}, {"$set": {"due_at": now() - timedelta(seconds=1)}})
    assert [each.key for each in leases.claim(db, "two", 10)] == [event().key]
    assert leases.claim(db, "three", 10) == []


def test_whoever_lost_the_lease_can_not_end_the_event(db: Db) -> None:
    storing.store(db, [event()], "one")
    db.inbox.update_many({}, {"$set": {"due_at": now()}})
    leases.claim(db, "two", 10)
    finishing.finish(db, "one", [(event().key, Outcome("created"))])
    retry_schedule.fail(db, "one", event(), "no")
    [entry] = db.inbox.find()
    assert (entry["state"], entry["lease"], entry["attempts"]) == ("waiting", "two", 0)


def test_an_ended_event_and_a_parked_one_have_the_time_of_their_end(db: Db) -> None:
    storing.store(db, [event(1), event(2)], "one")
    finishing.finish(db, "one", [(event(1).key, Outcome("created")), (event(2).key, Outcome("parked", reason="odd"))])
    done, parked = (db.inbox.find_one({"_id": event(number).key}) or {} for number in (1, 2))
    assert "done_at" in done
    assert "due_at" not in done
    assert "done_at" not in parked
    assert (parked["state"], parked["reason"]) == ("parked", "odd")


def test_a_failed_attempt_waits_longer_each_time_and_the_last_is_for_people(db: Db) -> None:
    storing.store(db, [event()], "one")
    pauses = []
    for attempt in range(retry_schedule.MAX_ATTEMPTS):
        retry_schedule.fail(db, "one", replace(event(), attempts=attempt), "because")
        [entry] = db.inbox.find()
        assert entry["attempts"] == attempt + 1
        if "due_at" in entry:
            pauses.append((entry["due_at"] - now()).total_seconds())
            db.inbox.update_many({}, {"$set": {"lease": "one"}})
    assert all(later > sooner for sooner, later in pairwise(pauses))
    assert (entry["state"], entry["reason"]) == ("failed", "because")
    assert leases.claim(db, "two", 10) == []


def test_parked_and_failed_events_are_replayed_one_or_all(db: Db) -> None:
    storing.store(db, [event(number) for number in range(3)], "one")
    finishing.finish(db, "one", [(event(number).key, Outcome("parked", reason="odd")) for number in range(3)])
    assert replay_entries(db, [event(0).key]) == 1
    assert [each.key for each in leases.claim(db, "two", 10)] == [event(0).key]
    assert replay_entries(db, queries.Filter()) == 2
    with pytest.raises(NotFound):
        replay_entries(db, ["unknown"])


def test_the_oldest_comes_first(db: Db) -> None:
    events = [replace(event(number), received_at=now() - timedelta(seconds=number)) for number in range(5)]
    storing.store(db, events, None)
    assert [each.resource_id for each in leases.claim(db, "one", 3)] == ["4", "3", "2"]


@pytest.mark.parametrize("wanted", [{}, {"kind": "till"}, {"store": "till-1"}, {"topic": "order.packed"}])
def test_the_list_of_what_was_ignored_costs_what_it_shows_whatever_the_inbox_holds(
    wanted: dict[str, Any], db: Db
) -> None:
    entries = [replace(event(number), kind="till", store="till-1", topic="order.packed") for number in range(20)]
    storing.store(db, entries + [event(number) for number in range(100, 300)], "one")
    finishing.finish(db, "one", [(event(number).key, Outcome("created")) for number in range(120, 300)])
    finishing.finish(db, "one", [(each.key, Outcome("ignored")) for each in entries])
    finishing.finish(db, "one", [(event(number).key, Outcome("ignored")) for number in range(100, 120)])
    query = queries.Filter(outcome="ignored", **wanted)
    found = db.inbox.find(query.query()).sort([(query.sorted_by, -1), ("_id", -1)]).limit(10)
    stats = found.explain()["executionStats"]
    assert (stats["nReturned"], stats["totalDocsExamined"]) == (10, 10)
    assert stats["totalKeysExamined"] <= 31


def test_what_ends_well_enters_no_index_of_what_was_ignored(db: Db) -> None:
    storing.store(db, [event(1), event(2)], "one")
    finishing.finish(db, "one", [(event(1).key, Outcome("created")), (event(2).key, Outcome("ignored"))])
    indexed = [
        each["_id"] for each in db.inbox.find({"ignored_at": {"$exists": True}}).hint(_index_of(db, "ignored_at"))
    ]
    assert indexed == [event(2).key]
    finishing.park(db, event(2).key, "it was needed")
    assert db.inbox.count_documents({"ignored_at": {"$exists": True}}) == 0


def _index_of(db: Db, field: str) -> str:
    return next(name for name in db.inbox.index_information() if name.startswith(field))
