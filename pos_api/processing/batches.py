"""Works are applied in batches, which cost one round trip a step for all of them; what fails is applied by itself."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from pos_api import metrics
from pos_api.common.time import now
from pos_api.database.client import Db
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.database.write_errors import is_too_large
from pos_api.events import DeliveryParked
from pos_api.inbox import finishing, retry_schedule
from pos_api.inbox.lease_renewal import renewal
from pos_api.inbox.model import Outcome
from pos_api.logs import get_logger
from pos_api.processing import listeners
from pos_api.processing.applying import apply_works
from pos_api.processing.faults import describe, is_outage
from pos_api.processing.publishing import publish_parked
from pos_api.processing.work import Work, retried

BATCH = 100
"""So many works are applied at once."""

log = get_logger(__name__)


@at_one_primary
def process(db: Db, lease: str, works: list[Work]) -> dict[str, Outcome]:
    """Apply works and note their outcomes; returns those that ended, by event key.

    A work that fails, fails alone: its batch is done again one by one, and it is due again after a pause. Raises
    PyMongoError when the database is away: everything stays leased, and is due again when the lease runs out. Until
    then the leases are renewed.
    """
    outcomes: dict[str, Outcome] = {}
    with renewal.renewed(db, lease, [work.entry.key for work in works]):
        for batch in in_rounds(works):
            started = time.perf_counter()
            try:
                ended = apply_works(db, batch)
            except Exception as error:
                if is_outage(error):
                    raise
                ended = _apply_one_by_one(db, lease, batch)
            outcomes |= ended
            metrics.applied(len(batch), time.perf_counter() - started)
        ensure_one_term(db)
        moment = now()
        reports = [work.entry.key for work in works if work.reports()]
        finishing.finish(db, lease, outcomes.items(), reports, moment)
    _publish_parked(db, works, outcomes, moment)
    return outcomes


def _publish_parked(db: Db, works: list[Work], outcomes: dict[str, Outcome], moment: datetime) -> None:
    ended = [(work.entry, outcomes.get(work.entry.key)) for work in works]
    parked = [entry for entry, outcome in ended if outcome and outcome.outcome == "parked"]
    failed = [entry for entry, outcome in ended if outcome is None and retry_schedule.is_last_attempt(entry)]
    listeners.notify(DeliveryParked(entry.store, entry.key, moment) for entry in parked)
    publish_parked(db, (entry.key for entry in (*parked, *failed)))


def in_rounds(works: list[Work]) -> Iterable[list[Work]]:
    """The works in batches that hold each order once, in the order they were received."""
    while works:
        named: set[str] = set()
        batch: list[Work] = []
        rest: list[Work] = []
        for work in works:
            about = {update.key for update in work.orders()} or {work.entry.key}
            (batch if named.isdisjoint(about) else rest).append(work)
            named |= about  # of what waits for the next batch too: nothing that came later overtakes it
        yield batch
        works = rest


def _apply_one_by_one(db: Db, lease: str, works: list[Work]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for work in works:
        try:
            outcomes |= apply_works(db, [retried(work)])
        except Exception as error:
            if is_outage(error):
                raise
            fault = describe(error)
            log.error("event failed", event_key=work.entry.key, topic=work.entry.topic, fault=fault)
            if is_too_large(error):  # which it is at the next attempt, too
                outcomes[work.entry.key] = Outcome("parked", reason=TOO_LARGE)
            else:
                retry_schedule.fail(db, lease, work.entry, fault)
    return outcomes


TOO_LARGE = "What it changes would be larger than the database can keep in one document (16 MiB)."
