"""What goes after a time: deliveries in the inbox, those that ended well and, later, those that need a look; events for
subscribers, with their deliveries; and, where ORDER_PERSONAL_DAYS is set, the personal data of orders that are closed.

Every step finds by an index what is left to do, and can be done again: after a crash the next run goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.customers.model import Erasure
from pos_api.customers.pseudonyms import is_pseudonym, pseudonym
from pos_api.customers.unused_records import remove_unused
from pos_api.database.client import Db, Document
from pos_api.figures import rollup
from pos_api.inbox import storing
from pos_api.inbox.model import StoredEntry
from pos_api.logs import get_logger
from pos_api.orders.erasure import erase as erase_orders
from pos_api.outbox.collections import events
from pos_api.outbox.erasure import delete_before
from pos_api.privacy import erase

WARNED_BEFORE = timedelta(days=30)
"""So long before a delivery that needs a look is deleted, it is counted as one that goes soon."""

_BATCH = 200
_MOST_BATCHES = 1000
_FIGURES_SECONDS = 20.0
_NEEDED = {"customer": 1, "closed_at": 1}

log = get_logger(__name__)


def run(db: Db, config: Config) -> None:
    """Delete what is due. Run as often as you like, by any number of processes."""
    _delete_deliveries(db, config)
    delete_before(db, now() - timedelta(days=config.event_days))
    if config.order_personal_days:
        _erase_closed_orders(db, now() - timedelta(days=config.order_personal_days))


def _delete_deliveries(db: Db, config: Config) -> None:
    done, left = _ended_before(config)
    db.inbox.delete_many({"done_at": {"$lt": done}})
    if deleted := db.inbox.delete_many({"attention_at": {"$lt": left}}).deleted_count:
        log.warning("parked and failed deliveries were deleted, as nobody replayed them", count=deleted)


def _erase_closed_orders(db: Db, closed_before: datetime) -> None:
    """Erase the personal data of orders that were closed before then, of deliveries and events about them, and of
    customers with no other order and no account; and bring the figures up to date, which know customers by their keys.
    """
    due = {"closed_at": {"$lt": closed_before}}
    for _ in range(_MOST_BATCHES):
        batch = list(db.orders.find(due, _NEEDED).sort("closed_at", 1).limit(_BATCH))
        if not batch:
            return
        _erase_batch(db, batch, due)
        rollup.refresh_unless_newer(db, seconds=_FIGURES_SECONDS)
        log.info("personal data of closed orders was erased", orders=len(batch))


def _erase_batch(db: Db, batch: list[Document], due: Document) -> None:
    """Erase these orders. Whose they were is kept with them until nothing is left to do here, for who goes on after a
    crash; `closed_at`, by which they are found, goes last. `erase.note_erased_orders` erases deliveries and
    events."""
    of_customer: dict[str | None, list[str]] = {}
    for order in batch:
        of_customer.setdefault(order["customer"], []).append(order["_id"])
    keys = [order["_id"] for order in batch]
    people = [customer for customer in of_customer if customer and not is_pseudonym(customer)]
    for customer in people:
        noted = {"$addToSet": {"former_customers": customer}}
        db.orders.update_many({"_id": {"$in": of_customer[customer]}}, noted)
    for buyer, orders_ in of_customer.items():
        erasure = Erasure(now(), pseudonym(db, buyer) if buyer in people else buyer)
        erase_orders(db, {"_id": {"$in": orders_}, **due}, erasure)
    erased = {"_id": {"$in": keys}, "erased_at": {"$exists": True}}
    saved = list(db.orders.find(erased, {"customer": 1, "erased_at": 1, "former_customers": 1}))
    erase.note_erased_orders(db, {order["_id"]: Erasure(order["erased_at"], order["customer"]) for order in saved})
    noted_before = {name for order in saved for name in order.get("former_customers", ())}
    # of this batch too, as a delivery that came meanwhile has taken the note away
    persons = sorted(noted_before.union(people))
    remove_unused(db, persons)
    erase.erase_events_of_removed(db, persons)
    db.orders.update_many(erased, {"$unset": {"closed_at": "", "former_customers": ""}})


def _ended_before(config: Config) -> tuple[datetime, datetime]:
    """What ended before the first and went well, or before the second and did not, is deleted."""
    moment = now()
    return moment - timedelta(days=config.inbox_days), moment - timedelta(days=config.inbox_parked_days)


def kept_until(entry: StoredEntry, config: Config) -> datetime | None:
    """When an inbox entry is deleted; None while it waits."""
    if attention_at := entry.get("attention_at"):
        return attention_at + timedelta(days=config.inbox_parked_days)
    done_at = entry.get("done_at")
    return done_at + timedelta(days=config.inbox_days) if done_at else None


def oldest(db: Db) -> dict[str, datetime | None]:
    """When the oldest that is kept ended or came: `done` and `attention` of deliveries, `events`, and closed `orders`
    with personal data. None where there is none. Each is the first of an index."""
    wanted: dict[str, tuple[Collection[Any], str]] = {
        "done": (db.inbox, "done_at"),
        "attention": (db.inbox, "attention_at"),
        "events": (events(db), "written_at"),
        "orders": (db.orders, "closed_at"),
    }
    found: dict[str, datetime | None] = {}
    for name, (collection, field) in wanted.items():
        first = collection.find_one({field: {"$exists": True}}, {field: 1}, sort=[(field, 1)])
        found[name] = first[field] if first else None
    return found


def inbox_counts(db: Db, config: Config) -> dict[str, int]:
    """How many inbox entries wait, need a look (`attention`), and of these are `deleted_soon`."""
    _, left = _ended_before(config)
    attention = db.inbox.count_documents({"attention_at": {"$exists": True}}, hint="attention_at_-1")
    soon = db.inbox.count_documents({"attention_at": {"$lt": left + WARNED_BEFORE}}, hint="attention_at_-1")
    return {"waiting": storing.waiting(db), "attention": attention, "deleted_soon": soon}
