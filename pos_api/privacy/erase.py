"""Erasing a person, everywhere: orders, deliveries in the inbox, the customer's record, events for subscribers, and the
key by which figures count them.

An erasure is remembered first (see `erasures`), and is then a list of steps that find by themselves what is left to
do. So after a crash it is carried out from its beginning, by `run_due`; and in any case once more some minutes later,
for what was on its way meanwhile.

What remains: the order with what was sold, its money and its stock, under a pseudonym that is the same for all orders
of the person, so that figures stay as they are; of a delivery what it was about, when it came and what became of it; of
an event what it was about, and when and to whom it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import UpdateOne

from pos_api.common.batches import in_batches
from pos_api.common.time import now
from pos_api.customers import queries as customers
from pos_api.customers.collections import customers as records
from pos_api.customers.customer_events import publish_erased
from pos_api.customers.erase import erase_record
from pos_api.customers.erasures import AGAIN_AFTER, Erasures
from pos_api.customers.model import CustomerErasure, Erasure, external_ids_of
from pos_api.customers.pseudonyms import is_pseudonym, pseudonym_if_known
from pos_api.customers.unused_records import remove_unused
from pos_api.database.client import Db, Document
from pos_api.database.primary_term import at_one_primary, ensure_one_term, one_primary
from pos_api.figures import rollup
from pos_api.inbox.body_erasure import entries_about, erase_bodies
from pos_api.orders.erasure import erase as erase_orders
from pos_api.orders.save import orders as stored_orders
from pos_api.orders.settle import buyer_of
from pos_api.outbox.erasure import OF_CUSTOMERS, OF_DELIVERIES, erase_events, erase_late_answers, events_about
from pos_api.staff import audit
from pos_api.stock import sync_switch

_BATCH = 500
_ROUNDS = 50
_FIGURES_SECONDS = 5.0
"""So long figures are brought up to date at once; what is left is done as ever, within some minutes."""


@dataclass(slots=True)
class Erased:
    """What an erasure was of: so many orders, so many deliveries."""

    customer: str | None = None
    """The pseudonym of the orders."""
    orders: int = 0
    deliveries: int = 0
    record: bool = False
    """Whether there was a customer's record."""
    other_addresses: list[str] = field(default_factory=list)
    """With which the same account has ordered; they are customers of their own, and are not erased."""

    def found_anything(self) -> bool:
        """Whether there was anything to erase."""
        return bool(self.orders or self.deliveries or self.record)


def person(db: Db, erasures: Erasures, customer: str) -> Erased:
    """Erase a customer (its key: an e-mail address in small letters, or `store:#id`), in all stores, and bring the
    figures up to date. What they do from now on is a new customer's.

    Raises PyMongoError when the database is away; what was begun by then is carried out later.
    """
    others = customers.other_addresses(db, customer)
    erased = _erase(db, erasures, customer, None, now(), orders_too=True)
    rollup.refresh_unless_newer(db, seconds=_FIGURES_SECONDS)
    erased.other_addresses = others
    return erased


def apply_erasure(db: Db, erasures: Erasures, report: CustomerErasure) -> str:
    """Carry out an erasure that a shop reports, for what came from that shop; returns the outcome. Where the shop has
    kept what is in the orders, it stays here as well, and the customer is what the orders say."""
    erased = _erase(db, erasures, report.email, report.store, report.until, orders_too=report.orders)
    return "updated" if erased.found_anything() else "unchanged"


def note_erased_orders(db: Db, erased: Mapping[str, Erasure]) -> None:
    """Remember that these orders (by `_id`) were saved without personal data, and erase the deliveries and events about
    them; once more after AGAIN_AFTER (`run_due`), for those that are still being applied."""
    if not erased:
        return
    again = now() + AGAIN_AFTER
    remembered = [
        UpdateOne({"_id": order}, {"$set": {"at": each.until, "customer": each.customer, "due_at": again}}, upsert=True)
        for order, each in erased.items()
    ]
    db.erased_orders.bulk_write(remembered, ordered=False)
    erase_events_of_removed(db, _named_with(db, erased))
    _erase_about_orders(db, erased)


def erase_events_of_removed(db: Db, customers: Collection[str]) -> None:
    """Erase the events of those of these customers whose records are gone, as their orders were erased one by one."""
    asked = list(customers)
    left = {each["_id"] for each in db.customers.find({"_id": {"$in": asked}}, {"_id": 1})}
    if gone := [each for each in asked if each not in left]:
        erase_events(db, events_about(gone) | OF_CUSTOMERS, again_after=AGAIN_AFTER)


# --- the steps --------------------------------------------------------------------------------------------------------


def _erase(
    db: Db, erasures: Erasures, customer: str, store: str | None, until: datetime, *, orders_too: bool
) -> Erased:
    """Record, remember and carry out an erasure that is asked for now; by a store, or for all (None)."""
    details = {"store": store, "orders_too": orders_too} if store else None
    with audit.act(db, "customer.erased", target=erasures.id_of(customer, store), details=details) as added:
        pseudonym = pseudonym_if_known(db, customer) if orders_too else None
        erasure = erasures.remember(customer, store, Erasure(until, pseudonym, orders_too))
        started_at = now()
        erased = _carry_out(db, customer, store, erasure)
        publish_erased(db, customer, store, [erasure])
        erasures.carried_out(customer, store, started_at)
        added |= {"customer": erased.customer, "orders": erased.orders, "deliveries": erased.deliveries}
    return erased


def _carry_out(db: Db, customer: str, store: str | None, erasure: Erasure) -> Erased:
    """All steps of one erasure."""
    erased = Erased(erasure.customer)
    if erasure.orders:
        of_person = {"customer": customer, "created_at": {"$lte": erasure.until}}
        erased.orders = erase_orders(db, of_person | ({"store": store} if store else {}), erasure)
        erased.deliveries += _erase_deliveries_of_orders(db, erasure)
    erased.deliveries += _erase_deliveries_of_accounts(db, customer, store, erasure)
    erased.record = _erase_record(db, customer, store, erasure)
    erased.deliveries += _erase_deliveries_with_address(db, customer, store, erasure)
    _erase_events_of_person(db, customer, store, erasure)
    return erased


def _erase_deliveries_of_orders(db: Db, erasure: Erasure) -> int:
    """Of all orders under the pseudonym, those that were erased just now, or before a crash; with the events."""
    found = db.orders.find({"customer": erasure.customer}, {"_id": 1})
    return sum(_erase_about_orders(db, batch) for batch in in_batches((order["_id"] for order in found), _BATCH))


def _erase_about_orders(db: Db, orders: Collection[str]) -> int:
    """Erase the deliveries and the events about these orders; returns how many deliveries. Events of their versions
    without personal data are about nobody, so these stay."""
    erase_events(db, events_about(orders), again_after=AGAIN_AFTER)
    return erase_bodies(db, entries_about(orders, noun="order"))


def _named_with(db: Db, orders: Collection[str]) -> set[str]:
    """Whom deliveries and events about these orders name, until these are erased."""
    found = [
        *db.inbox.find(entries_about(orders, noun="order"), {"about": 1}),
        *db.outbox.find(events_about(orders), {"about": 1}),
    ]
    return {name for each in found for name in each["about"]}.difference(orders)


def _erase_deliveries_of_accounts(db: Db, customer: str, store: str | None, erasure: Erasure) -> int:
    """What shops reported about the accounts of the person's record, which goes after this step: under whatever
    address, until the erasure. With the events about these."""
    accounts = external_ids_of(customer, records(db).find_one({"_id": customer}, {"accounts": 1}))
    if not accounts:
        return 0
    keys = [account.replace(":", ":#", 1) for account in accounts]
    of_keys = events_about(keys) | _of(store) | {"at": {"$lte": erasure.until}}
    erase_events(db, of_keys, again_after=AGAIN_AFTER)
    return erase_bodies(db, entries_about(accounts, store=store, noun="customer") | _until(erasure))


def _erase_deliveries_with_address(db: Db, customer: str, store: str | None, erasure: Erasure) -> int:
    """What names the person's address, in whatever kind of delivery. Where nothing is held of the person any more, that
    is all there is, also what came since: it is from before. Else they have come back, and it is what came until the
    erasure."""
    if "@" not in customer:
        return 0
    record = db.customers.find_one({"_id": customer}, {"accounts": 1})
    accounts = [
        account for account in (record or {}).get("accounts", ()) if not store or account.startswith(f"{store}:")
    ]
    of_account = entries_about([customer], store=store, noun="customer")
    erased = erase_bodies(db, of_account | (_until(erasure) if accounts else {}))
    if erasure.orders:
        erased += erase_bodies(db, entries_about([customer], store=store) | (_until(erasure) if record else {}))
    return erased


def _erase_events_of_person(db: Db, customer: str, store: str | None, erasure: Erasure) -> None:
    """The events about the person: those of the record whatever store they came from, as it is one record for all; and
    where orders are erased, all others. With a record, which is of who came back, those until the erasure."""
    of_record = [OF_CUSTOMERS, OF_DELIVERIES | _of(store)]
    asked: Document = {"$or": [*of_record, _of(store)] if erasure.orders else of_record}
    if db.customers.find_one({"_id": customer}, {"_id": 1}):
        asked["at"] = {"$lte": erasure.until}
    erase_events(db, events_about([customer]) | asked, again_after=AGAIN_AFTER)


def _of(store: str | None) -> Document:
    """A query for what is of a store, or of any (None)."""
    return {"store": store} if store else {}


def _until(erasure: Erasure) -> Document:
    return {"received_at": {"$lte": erasure.until}}


def _erase_record(db: Db, customer: str, store: str | None, erasure: Erasure) -> bool:
    """Whether there was a record of the person."""
    if db.customers.find_one({"_id": customer}, {"_id": 1}) is None:
        return False
    for _ in range(_ROUNDS):
        left = [
            stored_orders(db).find_one({"customer": customer}, sort=[("created_at", way), ("_id", way)])
            for way in (1, -1)
        ]
        first, last = (buyer_of(order) if order else None for order in left)
        if erase_record(db, customer, erasure.until, store, first, last):
            return True
    raise RuntimeError("a customer kept changing while it was being erased")


# --- again ------------------------------------------------------------------------------------------------------------


def run_due(db: Db, erasures: Erasures) -> None:
    """Carry out the erasures that are due: those that a crash cut short, each once more some minutes after it was asked
    for, and all after a restore that did not come to its end, which may not have switched stock sync off either."""
    if erasures.restore_is_due():
        sync_switch.switch_all_off(db, sync_switch.RESTORED)
        after_restore(db, erasures)
    carried_out = False
    for customer, store, times in erasures.due():
        started_at = now()
        with one_primary(db):
            for erasure in times:
                _carry_out(db, customer, store, erasure)
            publish_erased(db, customer, store, times)
            ensure_one_term(db)
            erasures.carried_out(customer, store, started_at)
        carried_out = True
    _erase_deliveries_again(db)
    erase_late_answers(db)
    if carried_out:
        rollup.refresh_unless_newer(db, seconds=_FIGURES_SECONDS)


@at_one_primary
def _erase_deliveries_again(db: Db) -> None:
    """Erase the deliveries and events about orders that were erased one by one, so long ago that none of them is still
    applied."""
    due = {"due_at": {"$lte": now()}}
    for batch in in_batches((each["_id"] for each in db.erased_orders.find(due, {"_id": 1})), _BATCH):
        _erase_about_orders(db, batch)
        ensure_one_term(db)
        db.erased_orders.update_many({"_id": {"$in": batch}, **due}, {"$unset": {"due_at": ""}})


def after_restore(db: Db, erasures: Erasures) -> int:
    """Carry out again all that is remembered, as a backup brings back what was erased since; returns how many orders
    were erased.

    It looks at every customer and every delivery once, as a restore does.
    """
    erasures.refresh()
    erased = 0
    for customer in _all_customer_keys(db):
        for store, times in erasures.by_store(customer):
            for erasure in times:
                erased += _carry_out(db, customer, store, erasure).orders
    for batch in in_batches(db.erased_orders.find(), _BATCH):
        keys = [each["_id"] for each in batch]
        back = db.orders.find({"_id": {"$in": keys}, "erased_at": None}, {"_id": 1})
        brought_back = {order["_id"] for order in back}
        for each in batch:
            if each["_id"] in brought_back:
                erased += _erase_order_again(db, each["_id"], Erasure(each["at"], each["customer"]))
        _erase_about_orders(db, keys)
    erasures.restore_ended()
    return erased


def _erase_order_again(db: Db, order: str, erasure: Erasure) -> int:
    """Erase an order that had been erased by itself; returns whether there was anything to erase."""
    stored = db.orders.find_one({"_id": order, "erased_at": None}, {"customer": 1})
    if stored is None:
        return 0
    customer = stored["customer"]
    if customer and not is_pseudonym(customer):  # those that are erased later are the same person's
        unknown = {"_id": customer, "pseudonym": None}
        db.customers.update_one(unknown, {"$set": {"pseudonym": erasure.customer}})
    erased = erase_orders(db, {"_id": order}, erasure)
    if customer:
        remove_unused(db, [customer])
        erase_events_of_removed(db, [customer])
    return erased


def _all_customer_keys(db: Db) -> Iterator[str]:
    """The keys of all customers, and all that deliveries and events are about."""
    for record in db.customers.find({}, {"_id": 1}):
        yield record["_id"]
    addresses: list[Document] = [
        {"$unwind": "$about"},
        {"$match": {"about": {"$regex": "@|:#"}}},
        {"$group": {"_id": "$about"}},
    ]
    for stored in (db.inbox, db.outbox):
        for group in stored.aggregate(addresses):
            yield group["_id"]
