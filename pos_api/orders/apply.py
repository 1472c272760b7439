"""Applying updates of orders, end to end, in batches: save what is newer, then settle stock and customers.

What an order is is in `model`, which version counts in `versions`, how an update is merged in `merge`, what an order
holds in `holding`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pos_api.catalogue.lookup import Catalogue, catalogue_of
from pos_api.common.warning_messages import from_stored
from pos_api.database.client import Db
from pos_api.events import Event
from pos_api.orders.erasure import with_erasure
from pos_api.orders.lookup import catalogue_for
from pos_api.orders.merge import Change, decide
from pos_api.orders.model import Order, OrderUpdate, Result
from pos_api.orders.order_events import events_by_order, order_changes
from pos_api.orders.outbox_events import mark
from pos_api.orders.save import SAVE_ATTEMPTS, read_orders, write_orders
from pos_api.orders.settle import settle


def apply(db: Db, updates: list[OrderUpdate]) -> list[Result]:
    """Save what is newer, bring stock and customers to it, and return what became of each update, in order.

    At most one update per order. Every step can be run again without effect, so a batch that was cut short is simply
    applied again. What the orders are marked with is for the caller to publish.
    """
    catalogue, changes = _save(db, updates)
    moved = settle(db, [change for change in changes if change.is_to_settle()], catalogue.balances)
    events = events_by_order(changes, moved)
    skus = catalogue.candidates.current_skus()
    return [_result(change, events[change.update.key], skus) for change in changes]


def _result(change: Change, events: list[Event], skus: Mapping[str, str]) -> Result:
    warnings = tuple(from_stored(change.after["warnings"]))
    return Result(change.outcome, warnings, change.update.erased, tuple(events), change.after, _marked(change), skus)


def _marked(change: Change) -> tuple[Order, ...]:
    """The versions of an order that have events to publish: as it was before, too, as some of them may be about that;
    not where an erasure may have come in between."""
    if not change.is_to_settle():
        return ()
    versions = (change.after,) if change.update.erased or change.before is None else (change.before, change.after)
    return tuple(order for order in versions if order.get("unpublished"))


def _save(db: Db, updates: list[OrderUpdate]) -> tuple[Catalogue, list[Change]]:
    """Merge each update into what is stored and save it, guarded by `rev`: who loses a race merges again.

    What calls itself new is not looked for at the first attempt, which saves a query.
    """
    saved: dict[str, Change] = {}
    catalogue = catalogue_of(())
    waiting = updates
    for attempt in range(SAVE_ATTEMPTS):
        if not waiting:
            return catalogue, [saved[update.key] for update in updates]
        stored = read_orders(db, [each.key for each in waiting if attempt or each.retried or each.kind != "created"])
        catalogue = catalogue_for(db, waiting, stored)
        waiting = [with_erasure(update, stored.get(update.key), db) for update in waiting]
        changes = [decide(update, stored.get(update.key), catalogue) for update in waiting]
        for change in changes:
            mark(db, change.after, order_changes(change))
        catalogue.links.write(db)  # first: once the lines are saved as matched, nothing is looked up again
        lost = write_orders(db, [(change.before, change.after) for change in changes if change.is_to_save()])
        saved.update({change.update.key: change for change in changes})
        waiting = [update for update in waiting if update.key in lost]
    raise RuntimeError(f"{len(waiting)} orders changed {SAVE_ATTEMPTS} times while they were being saved")
