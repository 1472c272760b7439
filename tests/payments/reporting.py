"""A payment provider for tests: what it reports about a payment, and its store for orders of the default one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bson import Decimal128

from pos_api.database.client import Db
from pos_api.inbox import storing
from pos_api.inbox.model import InboxEntry, Outcome
from pos_api.payments.model import PaymentUpdate
from pos_api.processing.batches import process
from pos_api.processing.work import Work
from pos_api.senders.reports import Report, Reported, State
from tests.steps import Process

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)


def add_provider(db: Db, *processes: Process) -> None:
    """Add the provider's store, `pay`, and let these processes know it."""
    settings = {"orders_of": "default"}
    db.stores.insert_one({"_id": "pay", "name": "Pay", "kind": "woocommerce", "settings": settings, "keys": []})
    for each in processes:
        each.stores._read_at = float("-inf")
        each.stores.all()
        each.steps.go_on()


def _put_together(reported: Reported) -> State:
    """The payment that the reports come to: each field of the last report that has it."""
    said: dict[str, Any] = {}
    for each in reported.reports:
        said |= each.content
    said["wanted"] = tuple(said.pop("wanted"))
    update = PaymentUpdate(
        "pay", said.pop("payment"), reported.sequence, reported.cause, reported.received_at, currency="SEK", **said
    )
    return State((update,))


def report(payment: str, wanted: Sequence[str] = (), *, minute: int = 0, key: str = "", **said: Any) -> Work:
    """The delivery by which the provider reports a payment of 100 kronor, or what `said` says of it."""
    content = {"status": "completed", "amount": Decimal128("100.00"), **said, "payment": payment, "wanted": [*wanted]}
    at = RECEIVED.replace(minute=minute)
    entry = InboxEntry("pay", "pay", "payment", payment, repr(content).encode(), {}, RECEIVED)
    return Work(entry, (Report("pay", f"payment:{payment}", "paid", content, at, RECEIVED, entry.key, _put_together),))


def deliver(at: Process, work: Work) -> Outcome:
    """Take the delivery at a process."""
    storing.store(at.db, [work.entry], at.lease)
    return process(at.db, at.lease, [work])[work.entry.key]
