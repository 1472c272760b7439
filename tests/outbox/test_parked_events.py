"""Each time that a delivery is for people to look at there is an event, once, whatever crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from pos_api.common.json_text import json_bytes
from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.events import DeliveryParked
from pos_api.inbox import finishing, leases, presentation, queries, retry_schedule, storing
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.inbox.replay import replay_entries
from pos_api.processing.publishing import publish_parked
from tests.factories import event, line, order
from tests.outbox.subscribed import (
    assert_all_is_published,
    crash_at_each_step,
    known_for_long,
    publish_what_is_left,
    published,
    subscribe,
    types,
)
from tests.steps import Process, clear, processes

_ODD: dict[str, Any] = {"id": "no number", "line_items": []}


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    with known_for_long(), processes(config, 2) as both:
        for process in both:
            subscribe(process.db, "delivery.*")
        yield both


def _begin(pair: list[Process]) -> None:
    clear(pair[0].db)
    subscribe(pair[0].db, "delivery.*")


@contextmanager
def orders_fail(db: Db) -> Iterator[None]:
    """Inside, the database refuses every order."""
    db.command("collMod", "orders", validator={"no_order_has": True})
    try:
        yield
    finally:
        db.command("collMod", "orders", validator={})


def test_a_parked_delivery_is_an_event_that_shows_what_the_inbox_lists(pair: list[Process]) -> None:
    process, _ = pair
    assert process.deliver("order.created", _ODD) == "parked"
    ((id, type, data),) = published(process.db)
    (stored,), _ = queries.find(process.db, queries.Filter())
    listed = json.loads(json_bytes(presentation.entry(stored, None)))
    assert data == {name: value for name, value in listed.items() if name != "kept_until"}
    assert (data["state"], data["topic"]) == ("parked", "order.created")
    assert (id, type) == (DeliveryParked("default", stored["_id"], stored["attention_at"]).id, "delivery.parked")
    assert_all_is_published(process.db)


def test_one_that_is_replayed_and_parked_again_is_another_event(pair: list[Process]) -> None:
    process, _ = pair
    process.deliver("order.created", _ODD)
    (key,) = (each["_id"] for each in process.db.inbox.find())
    replay_entries(process.db, [key])
    process.take_over()
    assert types(process.db) == ["delivery.parked", "delivery.parked"]
    assert_all_is_published(process.db)


def test_a_crash_ahead_of_any_command_loses_no_event_and_makes_none_twice(pair: list[Process]) -> None:
    first, second = pair
    batch = [("order.created", _ODD), ("order.updated", _ODD), ("order.created", order(1, line("A")))]
    for step in crash_at_each_step(first, lambda: _begin(pair), lambda: first.deliver_all(batch)):
        if step % 2:
            publish_what_is_left(second.db)
        second.take_over()
        second.deliver_all(batch)
        publish_what_is_left(second.db)
        assert types(first.db) == ["delivery.parked", "delivery.parked"], step
        assert {data["topic"] for _, _, data in published(first.db)} == {"order.created", "order.updated"}
        assert_all_is_published(first.db)


def test_one_that_failed_at_its_last_attempt_is_an_event_and_before_that_none(pair: list[Process]) -> None:
    process, _ = pair
    with orders_fail(process.db):
        process.deliver("order.created", order(1, line("A")))
        process.take_over()
        assert types(process.db) == []
        process.db.inbox.update_many({}, {"$set": {"attempts": retry_schedule.MAX_ATTEMPTS - 1}})
        process.take_over()
    ((_, type, data),) = published(process.db)
    assert (type, data["state"], data["attempts"]) == ("delivery.parked", "failed", retry_schedule.MAX_ATTEMPTS)
    assert_all_is_published(process.db)


def _store(db: Db, number: int, lease: str) -> InboxEntry:
    entry = event(number)
    storing.store(db, [entry], lease)
    return entry


def test_what_is_parked_later_is_an_event_also_where_it_was_being_worked_on(pair: list[Process]) -> None:
    db = pair[0].db
    ended, in_work = _store(db, 1, "one"), _store(db, 2, "one")
    finishing.finish(db, "one", [(ended.key, Outcome("created"))])
    for entry in (ended, in_work):
        finishing.park(db, entry.key, "more was paid back than was paid")
        finishing.park(db, entry.key, "more was paid back than was paid")
    finishing.finish(db, "one", [(in_work.key, Outcome("created"))], [in_work.key])
    publish_what_is_left(db)
    assert {data["key"]: data["reason"] for _, _, data in published(db)} == {
        ended.key: "more was paid back than was paid",
        in_work.key: "more was paid back than was paid",
    }
    assert len(types(db)) == 2
    assert_all_is_published(db)


def test_one_on_which_processes_ended_is_published_as_what_was_left_behind(pair: list[Process]) -> None:
    db = pair[0].db
    entry = _store(db, 1, "one")
    db.inbox.update_one({}, {"$set": {"alone": "two", "interrupted_alone": 1, "due_at": now()}})
    assert leases.claim(db, "three", 10) == []
    publish_what_is_left(db)
    ((_, _, data),) = published(db)
    assert (data["key"], data["reason"]) == (entry.key, leases.INTERRUPTED)
    assert_all_is_published(db)


def test_an_event_is_about_whoever_the_delivery_is_about(pair: list[Process]) -> None:
    process, _ = pair
    process.deliver("customer.updated", {"id": 9, "email": "anna@example.se", "date_modified_gmt": "never"})
    process.deliver("customer.updated", {"id": 0, "email": "anna@example.se"})
    (stored,) = process.db.outbox.find()
    assert "anna@example.se" in stored["about"]
    assert b"anna@example.se" not in stored["reference"]


def test_without_a_subscription_nothing_is_marked_and_no_command_more_is_sent(pair: list[Process]) -> None:
    process, _ = pair
    process.deliver("order.created", _ODD)
    wanted = len(process.steps.names)
    clear(process.db)
    subscribe(process.db, "order.*")
    process.steps.go_on()
    process.deliver_all([("order.created", _ODD), ("order.updated", _ODD)])
    assert process.steps.names == ["insert", "update"], wanted
    assert not process.db.inbox.count_documents({"unpublished": {"$exists": True}})
    assert types(process.db) == []


def test_an_outage_after_entries_have_ended_is_no_failure_of_theirs() -> None:
    with MongoClient[Document]("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50) as away:
        publish_parked(away["away"], ["default:order.created:1"])  # the subscriptions can't be read
