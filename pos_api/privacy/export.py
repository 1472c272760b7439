"""Everything that is held about a person, for the person."""

from __future__ import annotations

import json
from typing import Any, cast

from pos_api.common import json_body
from pos_api.common.time import now
from pos_api.customers import presentation as customer_presentation
from pos_api.customers import queries as customers
from pos_api.customers.collections import customers as records
from pos_api.customers.model import CustomerDocument, external_ids_of
from pos_api.database.client import Db, Document
from pos_api.errors import NotFound, PosError
from pos_api.inbox import presentation as inbox_presentation
from pos_api.inbox.body_erasure import entries_about
from pos_api.inbox.model import StoredEntry
from pos_api.orders import presentation as order_presentation
from pos_api.outbox.recipients import recipients
from pos_api.staff import audit
from pos_api.stores.registry import Stores


def export(db: Db, stores: Stores, customer: str) -> Document:
    """What is held about a customer (its key: an e-mail address in small letters, or `store:#id`): `customer`, the
    record; `orders`, each whole; `deliveries`, what shops sent about the person, as long as it is kept; `audit`, when
    this was exported or erased before; `recipients`, which subscribers were sent events about the person, as long as
    that is kept. `other_addresses` are those with which the same account has ordered: they may be
    somebody else's, so what is held about them is not in here.

    Records in the audit that it was exported, first. Raises NotFound where nothing is held.
    """
    record = records(db).find_one({"_id": customer})
    orders = list(db.orders.find({"customer": customer}).sort("created_at", -1))
    deliveries = list(_deliveries(db, customer, record, [order["_id"] for order in orders]))
    if not (record or orders or deliveries):
        raise NotFound(f"Nothing is held about {customer[:80]!r}.")
    accounts = [account.replace(":", ":#", 1) for account in external_ids_of(customer, record)]
    name = stores.erasures.id_of(customer, None)
    entries = audit.find(db, audit.Filter(action="customer", target=name), limit=100)
    audit.record(db, "customer.exported", target=name, details={"orders": len(orders), "deliveries": len(deliveries)})
    return {
        "exported_at": now(),
        "id": customer,
        "customer": customer_presentation.for_the_person(record) if record else None,
        "other_addresses": customers.other_addresses(db, customer),
        "orders": [order_presentation.for_buyer(order, stores.get(order["store"]).kind) for order in orders],
        "deliveries": deliveries,
        "recipients": recipients(db, {customer, *accounts, *(order["_id"] for order in orders)}),
        "audit": [{name: entry[name] for name in ("time", "action", "details", "outcome")} for entry in entries],
    }


def _deliveries(db: Db, customer: str, record: CustomerDocument | None, orders: list[str]) -> Any:
    """Those that name the person's address, account or orders, the oldest first."""
    queries = [
        entries_about([customer]),
        entries_about(external_ids_of(customer, record), noun="customer"),
        entries_about(orders, noun="order"),
    ]
    for entry in db.inbox.find({"$or": queries}).sort([("received_at", 1), ("_id", 1)]):
        yield {**inbox_presentation.for_person(cast(StoredEntry, entry)), "body": _body(bytes(entry["body"]))}


def _body(body: bytes) -> Any:
    """What was sent: as JSON, where it is JSON that an answer can hold, else as text."""
    try:
        value = json_body.parse(body)
        json.dumps(value, allow_nan=False)  # a number such as 1e999 was read as infinity
    except (PosError, ValueError):
        return body.decode("utf-8", "replace")
    return value
