"""What was read from a shop, rather than sent by it, goes the way of a delivery: inbox, then worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from . import inbox, worker
from .db import Db
from .inbox import Outcome
from .stores import Store

_HEADERS = {"content-type": "application/json", "user-agent": "pos-api"}


def take_in(db: Db, store: Store, bodies: Iterable[bytes], read_at: datetime) -> list[Outcome]:
    """Store and apply these events, as `woocommerce_rest.envelope` makes them, read from the shop at `read_at`; returns
    what became of each, `duplicate` for one known already, `waiting` for one that failed and is tried again later.

    Raises PyMongoError when the database is away: what was stored by then is applied later, the rest is not known.
    """
    lease = inbox.new_lease()
    outcomes: list[Outcome] = []
    for batch in _batches(bodies):
        works = [worker.understand(store, _HEADERS, body, read_at) for body in batch]
        unique = {work.event.key: work for work in works}
        new = inbox.store(db, [work.event for work in unique.values()], lease)
        ended = worker.process(db, lease, [work for key, work in unique.items() if key in new])
        for work in works:
            known = work.event.key not in new
            outcomes.append(ended.get(work.event.key) or Outcome("duplicate" if known else "waiting"))
    return outcomes


def _batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    waiting = iter(bodies)
    while batch := list(islice(waiting, worker.BATCH)):
        yield batch
