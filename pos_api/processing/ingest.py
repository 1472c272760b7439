"""What was read from a shop, rather than sent by it, goes the way of a delivery: inbox, then worker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pos_api.common.batches import in_batches
from pos_api.database.client import Db
from pos_api.errors import PayloadTooLarge
from pos_api.inbox import leases, storing
from pos_api.inbox.model import Outcome
from pos_api.processing.batches import BATCH, process
from pos_api.processing.reading import BEGINNING, read_delivery, without_body
from pos_api.processing.work import Work, retried
from pos_api.senders.registry import sender_of
from pos_api.stores.model import Store

_LARGEST = 8 * 1024 * 1024
"""Bytes of one body; MongoDB keeps documents of up to 16 MiB."""
_HEADERS = {"content-type": "application/json", "user-agent": "pos-api"}


def ingest(db: Db, store: Store, bodies: Iterable[bytes], read_at: datetime, *, again: bool = False) -> list[Outcome]:
    """Store and apply these bodies, which were read from the shop at `read_at`, as its sender reads them; returns what
    became of each, `duplicate` for one applied before, `waiting` for one that failed and is tried again later.

    One that was parked or failed before is tried again, and with `again` also one that was applied: a repair is needed
    now, whatever its bytes came to then.

    Raises PyMongoError when the database is away: what was stored by then is applied later, the rest is not known.
    """
    lease = leases.new_lease()
    outcomes: list[Outcome] = []
    for batch in in_batches(bodies, BATCH):
        works = [_read(store, body, read_at) for body in batch]
        unique = {work.entry.key: work for work in works}
        new = storing.store(db, [work.entry for work in unique.values()], lease)
        known = storing.states(db, unique.keys() - new)
        once_more = {key for key, state in known.items() if state != "waiting" and (again or state != "done")}
        if once_more:
            leases.reopen(db, once_more, lease)
        outcomes += _outcomes(db, lease, works, new, once_more)
    return outcomes


def _read(store: Store, body: bytes, read_at: datetime) -> Work:
    """The work that a body is; of one that is too large for the inbox, a trace that names it."""
    sender = sender_of(store.kind)
    if len(body) <= _LARGEST:
        return read_delivery(sender, store, _HEADERS, body, read_at)
    problem = PayloadTooLarge(f"It has {len(body):,} bytes in the shop, and at most {_LARGEST:,} are taken.")
    return without_body(sender, store, _HEADERS, body[:BEGINNING], len(body), read_at, problem)


def _outcomes(db: Db, lease: str, works: list[Work], new: set[str], once_more: set[str]) -> list[Outcome]:
    """Process what is new, or due once more; the outcome of every body of the batch."""
    unique = {work.entry.key: work for work in works}
    to_do = [work if key in new else retried(work) for key, work in unique.items() if key in new | once_more]
    ended = process(db, lease, to_do)
    known = storing.states(db, unique.keys() - ended.keys())
    return [
        ended.get(key) or Outcome("duplicate" if known.get(key) == "done" else "waiting")
        for key in (work.entry.key for work in works)
    ]
