"""A subscription of a test, and the events that came into the outbox for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from pos_api.common.time import now
from pos_api.database import recently_read
from pos_api.database.client import Db
from pos_api.outbox.interest import interest_of
from pos_api.processing.publishing import SOURCES, publish_left
from tests.steps import Crash, Process


def subscribe(db: Db, *patterns: str, name: str = "sub_test") -> None:
    """Let a subscription want these events from now on."""
    db.webhook_subscriptions.replace_one({"_id": name}, {"events": [*patterns], "stores": []}, upsert=True)
    interest_of(db).refresh()


@contextmanager
def known_for_long() -> Iterator[None]:
    """Inside, subscriptions that are known are not read again, so that commands can be counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recently_read, "MAX_AGE", 3600.0)
        yield


def published(db: Db) -> list[tuple[str, str, Any]]:
    """Id, type and data of the events in the outbox, by resource and position."""
    found = db.outbox.find().sort([("resource", 1), ("position", 1), ("_id", 1)])
    return [(each["_id"], each["type"], json.loads(each["data"])) for each in found]


def types(db: Db) -> list[str]:
    """The types of the events in the outbox, by resource and position."""
    return [type for _, type, _ in published(db)]


def assert_all_is_published(db: Db) -> None:
    """Nothing is marked any more, and each event has its delivery."""
    marked = {name: list(db[name].find({"unpublished.0": {"$exists": True}})) for name in SOURCES}
    assert not any(marked.values()), marked
    assert {each["event"] for each in db.webhook_deliveries.find()} == {each["_id"] for each in db.outbox.find()}


def publish_what_is_left(db: Db) -> None:
    """Publish what is marked, as if it had been for long."""
    long_ago = now() - timedelta(minutes=5)
    for name in SOURCES:
        db[name].update_many({"unpublished.at": {"$exists": True}}, {"$set": {"unpublished.$[].at": long_ago}})
    publish_left(db)


def crash_at_each_step(
    process: Process, begin: Callable[[], None], act: Callable[[], object], most: int = 80, every: int = 1
) -> Iterator[int]:
    """Begin anew and crash while acting, ahead of each command in turn (or of every n-th); ends once nothing was cut
    short."""
    for step in range(1, most, every):
        process.steps.go_on()
        begin()
        process.steps.crash_at(step)
        crashed = True
        with suppress(Crash):
            act()
            crashed = False
        process.steps.go_on()
        yield step
        if not crashed:
            return
    pytest.fail("an action with no end")


def ids(events: Iterable[tuple[str, str, Any]]) -> list[str]:
    """The ids of events."""
    return [id for id, _, _ in events]
