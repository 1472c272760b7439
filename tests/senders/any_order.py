"""Any deliveries of a sender, in any order of arrival, with any duplicates and any crash, end in the same state.

For senders that report in parts (`senders.reports`). A test module makes the stores once (`processes_with`), draws what
a store reports, and gives it to these functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db, Document
from tests.factories import assert_books_balance
from tests.steps import Crash, Process, clear, processes

bounded = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
_BY_THE_WAY = (
    *("rev", "changed_at", "received_at", "status_history", "closed_at", "modified_at", "sequence"),
    *("seq", "listed_at", "changes", "rollup_bucket"),
)
_THINGS = ("orders", "payments", "tabs", "cash_sessions", "cash_movements", "customer_subscriptions", "items")


class Delivery(NamedTuple):
    """A delivery of a store: its headers, lower-cased, and its message."""

    store: str
    headers: Mapping[str, str]
    message: Any

    def sent(self) -> tuple[str, Mapping[str, str], bytes]:
        """As a process takes it."""
        headers = {"content-type": "application/json", **self.headers}
        return self.store, headers, json.dumps(self.message).encode()


@contextmanager
def processes_with(config: Config, add_stores: Callable[[Db], None]) -> Iterator[list[Process]]:
    """Two processes that know the stores that `add_stores` makes, also after a test has emptied the database."""
    with processes(config, 2) as pair:
        add_stores(pair[0].db)
        for process in pair:
            process.stores._read_at = float("-inf")
            process.stores.all()
            process.steps.go_on()
        yield pair


def end_state(db: Db) -> Document:
    """All that matters at the end: everything that senders report, and stock; without what shows the way there."""
    ended: Document = {
        name: {
            each["_id"]: {key: value for key, value in each.items() if key not in _BY_THE_WAY}
            for each in db[name].find()
        }
        for name in _THINGS
    }
    return {**ended, "stock": {each["_id"]: each["stock"] for each in db.products.find()}}


def assert_any_arrival_ends_the_same(
    pair: list[Process],
    start: Callable[[Db], None],
    deliveries: Sequence[Delivery],
    data: st.DataObject,
    more: Sequence[Delivery] = (),
) -> None:
    """The deliveries once, in their order, and twice each, in any order, at two processes, end in the same state; also
    with `more` of them, that report the same under new ids."""
    first, second = pair
    expected = _end_of(first, start, deliveries)
    clear(first.db)
    start(first.db)
    for delivery in data.draw(st.permutations([*deliveries, *deliveries, *more])):
        data.draw(st.sampled_from([first, second])).deliver_bodies([delivery.sent()], RECEIVED)
    assert end_state(first.db) == expected
    assert_books_balance(first.db)


def assert_any_crash_ends_the_same(
    pair: list[Process], start: Callable[[Db], None], deliveries: Sequence[Delivery], *, at: int, again: int
) -> None:
    """A process that ends ahead of its step `at`, and whoever takes over ahead of its step `again`, change nothing."""
    first, second = pair
    expected = _end_of(first, start, deliveries)
    clear(first.db)
    start(first.db)
    first.steps.crash_at(at)
    for delivery in deliveries:
        try:
            first.deliver_bodies([delivery.sent()], RECEIVED)
        except Crash:
            event("crashed")
            first.steps.go_on()
            second.steps.crash_at(again)
            try:
                second.take_over()
            except Crash:
                event("crashed again")
            second.steps.go_on()
            first.deliver_bodies([delivery.sent()], RECEIVED)  # nobody acknowledged it
    first.steps.go_on()
    first.take_over()
    assert end_state(first.db) == expected
    assert_books_balance(first.db)
    assert first.db.inbox.count_documents({"state": {"$in": ["waiting", "failed"]}}) == 0


def _end_of(process: Process, start: Callable[[Db], None], deliveries: Sequence[Delivery]) -> Document:
    clear(process.db)
    process.steps.go_on()
    start(process.db)
    for delivery in deliveries:
        process.deliver_bodies([delivery.sent()], RECEIVED)
    return end_state(process.db)
