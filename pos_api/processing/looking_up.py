"""What is due is looked up at its provider, and the answer applied as a report about it."""

from __future__ import annotations

from datetime import timedelta

from pymongo.errors import PyMongoError

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.database.primary_term import at_one_primary, ensure_one_term
from pos_api.inbox import storing
from pos_api.inbox.leases import new_lease
from pos_api.logs import get_logger
from pos_api.outbound.client import guarded_client
from pos_api.processing.applying import apply_answer
from pos_api.processing.faults import describe
from pos_api.senders import kept_reports, lookup_queue
from pos_api.senders.lookup_queue import StoredLookup
from pos_api.senders.lookups import LOOKUPS
from pos_api.senders.reports import Report
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

log = get_logger(__name__)

_LONGEST_DISCONNECTED = timedelta(minutes=1)
"""So long after it was asked for, a look-up is over where its store is disconnected; by then a store that was connected
again meanwhile is known to be."""


def look_up_next(db: Db, config: Config, stores: Stores, store: str) -> bool:
    """Look up what became due last of what the store has to look up; False where nothing is due. Raises
    PyMongoError: it is due again when the lease runs out."""
    lease = new_lease()
    lookup = lookup_queue.claim(db, store, lease)
    if lookup is None:
        return False
    try:
        _look_up(db, config, stores.get(store), lookup, lease)
    except PyMongoError:
        raise
    except Exception as error:
        log.error("a look-up failed", store=store, fault=describe(error))
        lookup_queue.postpone(db, lookup, lease, _pause(lookup))
    return True


def _look_up(db: Db, config: Config, store: Store, lookup: StoredLookup, lease: str) -> None:
    causes = kept_reports.causes(db, lookup["_id"])
    report, reason = _ask(config, store, lookup, causes[0] if causes else "")
    is_disconnected = store.kind in LOOKUPS and not LOOKUPS[store.kind].is_connected(store)
    is_over = now() - lookup["since"] >= (_LONGEST_DISCONNECTED if is_disconnected else lookup_queue.LONGEST)
    if report is None and not is_over:
        log.info("a look-up has no answer yet", store=store.id, thing=lookup["thing"], reason=reason)
        lookup_queue.postpone(db, lookup, lease, _pause(lookup))
        return
    if report is None and store.kind in LOOKUPS:
        without_answer = LOOKUPS[store.kind].without_answer
        report = without_answer(store, lookup["thing"], causes[0] if causes else "", lookup["since"], reason)
    _apply(db, lookup, lease, report, causes)


def _ask(config: Config, store: Store, lookup: StoredLookup, cause: str) -> tuple[Report | None, str]:
    """The provider's answer, or why there is none."""
    if store.kind not in LOOKUPS:  # it was removed, or this process does not know of it yet
        return None, "There is no such store."
    if not LOOKUPS[store.kind].is_connected(store):
        return None, "The store is disconnected."
    with guarded_client(config.outbound_allow) as client:
        return LOOKUPS[store.kind].ask(client, store, lookup["thing"], cause)


@at_one_primary
def _apply(db: Db, lookup: StoredLookup, lease: str, report: Report | None, causes: list[str]) -> None:
    """Apply the answer. A claim whose entry is still being worked on can't be parked yet: it is looked up once more
    then. One that is reported after this ends our lease (`lookup_queue.add`)."""
    is_at_work = "waiting" in storing.states(db, causes).values()
    if report is not None:
        outcome = apply_answer(db, report)
        log.info("looked up", store=lookup["store"], thing=lookup["thing"], outcome=outcome.outcome)
    if is_at_work:
        lookup_queue.postpone(db, lookup, lease, lookup_queue.pause(1, now() - lookup["since"]))
    else:
        ensure_one_term(db)
        lookup_queue.finish(db, lookup, lease)


def _pause(lookup: StoredLookup) -> timedelta:
    return lookup_queue.pause(lookup["attempts"] + 1, now() - lookup["since"])
