"""What was read from a shop, rather than sent by it, goes the way of a delivery: inbox, then worker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from pos_api.common.batches import in_batches
from pos_api.database.client import Db
from pos_api.errors import PayloadTooLarge
from pos_api.inbox import leases, storing
from pos_api.inbox.model import Outcome
from pos_api.processing import worker
from pos_api.processing.worker import Work
from pos_api.senders.woocommerce.envelope import envelope
from pos_api.stores.model import Store

_LARGEST = 8 * 1024 * 1024
"""Bytes of one event; MongoDB keeps documents of up to 16 MiB."""
_HEADERS = {"content-type": "application/json", "user-agent": "pos-api"}


def take_in(db: Db, store: Store, bodies: Iterable[bytes], read_at: datetime, *, again: bool = False) -> list[Outcome]:
    """Store and apply these events, as `woocommerce_rest.envelope` makes them, read from the shop at `read_at`; returns
    what became of each, `duplicate` for one applied before, `waiting` for one that failed and is tried again later.

    One that was parked or failed before is tried again, and with `again` also one that was applied: a repair is needed
    now, whatever its bytes came to then.

    Raises PyMongoError when the database is away: what was stored by then is applied later, the rest is not known.
    """
    lease = leases.new_lease()
    outcomes: list[Outcome] = []
    for batch in in_batches(bodies, worker.BATCH):
        works = [_understand(store, body, read_at) for body in batch]
        unique = {work.event.key: work for work in works}
        new = storing.store(db, [work.event for work in unique.values()], lease)
        known = storing.states(db, unique.keys() - new)
        once_more = {key for key, state in known.items() if state != "waiting" and (again or state != "done")}
        if once_more:
            leases.reopen(db, once_more, lease)
        outcomes += _outcomes(db, lease, works, new, once_more)
    return outcomes


def _understand(store: Store, body: bytes, read_at: datetime) -> Work:
    """What an event says; of one that is too large for the inbox, a trace that names it."""
    if len(body) <= _LARGEST:
        return worker.understand(store, _HEADERS, body, read_at)
    problem = PayloadTooLarge(f"It has {len(body):,} bytes in the shop, and at most {_LARGEST:,} are taken.")
    event = json.loads(body)
    shop_id = event["data"].get("id") if isinstance(event["data"], dict) else None
    beginning = envelope(event["event"], {"id": shop_id})
    return worker.without_body(store, _HEADERS, beginning, len(body), read_at, problem)


def _outcomes(db: Db, lease: str, works: list[Work], new: set[str], once_more: set[str]) -> list[Outcome]:
    """Process what is new, or due once more; the outcome of every event of the batch."""
    unique = {work.event.key: work for work in works}
    to_do = [work if key in new else worker.again(work) for key, work in unique.items() if key in new | once_more]
    ended = worker.process(db, lease, to_do)
    known = storing.states(db, unique.keys() - ended.keys())
    return [
        ended.get(key) or Outcome("duplicate" if known.get(key) == "done" else "waiting")
        for key in (work.event.key for work in works)
    ]
