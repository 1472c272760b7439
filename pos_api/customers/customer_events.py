"""The events of customers as subscribers are sent them: `customer.created`, `customer.updated`, `customer.erased`.

Whether a write changes what the API shows of a customer is known only where it is made: so that write is an aggregation
that compares what is shown before and after it, and marks the record in the same step. When the first and the last
order were made is not compared: an order is an event of its own. Ids have a digest in place of the record's `_id`,
which is an e-mail address, as ids are logged and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pos_api.common.json_text import json_bytes
from pos_api.common.time import milliseconds, now
from pos_api.customers import presentation
from pos_api.customers.model import CustomerDocument, Erasure
from pos_api.database.client import Db, Document
from pos_api.events import CustomerChanged
from pos_api.outbox.interest import wants
from pos_api.outbox.model import OutboxEvent
from pos_api.outbox.publish import publish, publish_and_clear

_COMPARED = sorted(presentation.LISTED.keys() - {"first_order_at", "last_order_at"})


def marking(customer: str, store: str, changes: Mapping[str, Any]) -> list[Document]:
    """An aggregation that makes these changes (expressions) to a customer's record, and marks it where that makes the
    record, or changes what is shown of it. A version is at least the present time in milliseconds: a record that is
    removed and made anew goes on with greater ones."""
    moment = now()
    resource = _resource(customer)
    shown = {name: f"${name}" for name in _COMPARED}
    known: Document = {"$ne": [{"$type": "$as_of"}, "missing"]}
    is_changed: Document = {"$ne": ["$was.shown", shown]}
    version = {"$max": [{"$add": ["$version", 1]}, milliseconds(moment)]}
    mark = {
        "id": {"$concat": [f"{resource}:", {"$toString": "$version"}]},
        "type": {"$cond": ["$was.known", "customer.updated", "customer.created"]},
        "at": moment,
        "position": "$version",
        "store": {"$literal": store},
    }
    marks = {"$concatArrays": [{"$ifNull": ["$unpublished", []]}, [mark]]}
    return [
        {"$set": {"was": {"shown": shown, "known": known}}},
        {"$set": dict(changes)},
        {"$set": {"version": {"$cond": [is_changed, version, _as_it_is("version")]}}},
        {"$set": {"unpublished": {"$cond": [is_changed, marks, _as_it_is("unpublished")]}}},
        {"$unset": "was"},
    ]


def _as_it_is(name: str) -> Document:
    return {"$ifNull": [f"${name}", "$$REMOVE"]}


def _resource(customer: str) -> str:
    return CustomerChanged(customer, 0, "updated", now()).resource


def publish_marked(db: Db, customers: Iterable[str]) -> None:
    """Publish what the records of these customers are marked with, where a subscription wants it."""
    if wants(db, "customer"):
        wanted = {"_id": {"$in": sorted(customers)}, "unpublished.at": {"$exists": True}}
        marked = list(db.customers.find(wanted))
        if marked:
            publish_and_clear(db, events_of(db, marked), {"customers": marked})


def events_of(db: Db, customers: Sequence[Document]) -> list[OutboxEvent]:
    """All events that these stored records are marked with."""
    return [event for each in customers for event in _events(cast("CustomerDocument", each))]


def _events(record: CustomerDocument) -> Iterator[OutboxEvent]:
    resource = _resource(record["_id"])
    data = json_bytes(presentation.customer(record))
    reference = json_bytes({"id": resource.partition(":")[2]})
    for mark in record["unpublished"]:
        yield OutboxEvent(
            *(mark["id"], mark["type"], mark["at"], mark["store"], resource, mark["position"]),
            *(data, reference, (record["_id"],)),
        )


def publish_erased(db: Db, customer: str, store: str | None, erasures: Iterable[Erasure]) -> None:
    """Publish that a customer was erased, in the name of a store (None: of all), once for each erasure however often it
    is carried out. It has no personal data: the pseudonym that the orders have now, where they were erased too, and the
    digest by which the customer's other events are known."""
    if wants(db, "customer"):
        publish(db, [_erased(customer, store, each) for each in erasures])


def _erased(customer: str, store: str | None, erasure: Erasure) -> OutboxEvent:
    resource = _resource(customer)
    digest = resource.partition(":")[2]
    shown = json_bytes({"id": erasure.customer or digest, "digest": digest, "erased_at": erasure.until})
    id = f"{resource}:{milliseconds(erasure.until)}:erased" + (f":{store}" if store else "")
    moment = now()
    return OutboxEvent(
        id, "customer.erased", moment, store, resource, milliseconds(moment), shown, json_bytes({"id": digest})
    )
