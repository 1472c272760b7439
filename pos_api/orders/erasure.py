"""Erasing the personal data of orders, and finding out which erasure an update is subject to."""

from __future__ import annotations

from dataclasses import replace

from pos_api.customers.model import Erasure
from pos_api.customers.pseudonyms import is_pseudonym, pseudonym, pseudonym_of_order
from pos_api.database.client import Db, Document
from pos_api.orders.merge import erased_order
from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.outbox_events import mark, publish
from pos_api.orders.save import orders, write_orders

_ERASED_AT_ONCE = 500
_MOST_BATCHES = 10_000


def erase(db: Db, wanted: Document, erasure: Erasure) -> int:
    """Erase the personal data of the orders that match, and return of how many. Their stock and figures stay as they
    are; the customer's record is for the caller to erase. Events of these orders that were not published yet, by a
    crash, are published now, without the person.

    Run again, it does the rest. An index of `wanted` should find them.
    """
    query = {**wanted, "erased_at": None}
    erased = 0
    for _ in range(_MOST_BATCHES):
        found = list(orders(db).find(query).limit(_ERASED_AT_ONCE))
        if not found:
            return erased
        changes = [(order, erased_order(order, erasure)) for order in found]
        for _, after in changes:
            mark(db, after, ("updated",))
        lost = write_orders(db, changes)
        publish(db, [after for _, after in changes if after["_id"] not in lost])
        erased += len(found) - len(lost)
    raise RuntimeError("orders kept changing while they were being erased")


def with_erasure(update: OrderUpdate, before: Order | None, db: Db | None = None) -> OrderUpdate:
    """The update with the erasure that it is subject to. An order once erased stays so, whatever comes. Without a
    database, as to compare, a customer who has no pseudonym yet gets none."""
    if before is not None and "erased_at" in before:
        return replace(update, erased=Erasure(before["erased_at"], before["customer"]))
    if not update.erasures and not update.anonymized:
        return update if update.erased is None else replace(update, erased=None)
    made_at = update.fields.get("created_at") or (before["created_at"] if before else update.received_at)
    asked = next((each for each in update.erasures if each.orders and made_at <= each.until), None)
    if asked or not update.anonymized:
        return replace(update, erased=asked)
    customer = pseudonym_of_order(update.key) if before is None else before["customer"]
    if customer and db is not None and not is_pseudonym(customer):
        customer = pseudonym(db, customer)
    return replace(update, erased=Erasure(update.modified_at or update.received_at, customer))
