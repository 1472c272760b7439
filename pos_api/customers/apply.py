"""Customers follow orders and the stores' reports. Every step can be run again without effect."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from pos_api.common.time import now
from pos_api.customers import collections
from pos_api.customers.customer_events import marking, publish_marked
from pos_api.customers.model import Buyer, CustomerResult, CustomerUpdate, Outcome
from pos_api.customers.profile import buyers_profile, profile_if_newest, purchases, reported_profile
from pos_api.customers.recording import record
from pos_api.customers.unused_records import remove_unused
from pos_api.database.client import Db
from pos_api.database.write_errors import only_collisions
from pos_api.events import CustomerChanged
from pos_api.outbox.interest import wants


def record_buyers(db: Db, buyers: list[Buyer]) -> None:
    """Record the buyers of orders. The newest report about a person by the owning store counts, in whatever order it
    arrives."""
    if not buyers:
        return
    if wants(db, "customer"):
        _record_marked(db, buyers)
        publish_marked(db, (buyer.key for buyer in buyers))
    else:
        for part in purchases(buyers):
            record(db, list(part.values()))


def _record_marked(db: Db, buyers: list[Buyer]) -> None:
    """Record them with the marks of their events, which needs a step for each.

    Who is new here, or known by nothing newer, is written at once. Where that collides on the `_id`, the customer is
    known by something newer, or from another store, and only the order's own part is recorded. That comes first: from
    then on `remove_unused` leaves the record alone, and where it was removed just before, it is made anew.
    """
    known = [buyers[index] for index in _write(db, [_with_profile(buyer) for buyer in buyers])]
    if known:
        _write(db, [step for buyer in known for step in (_without_profile(buyer), _with_profile(buyer))])


def _write(db: Db, steps: list[UpdateOne]) -> list[int]:
    """Run these steps; returns which of them collided on the `_id`, by their place."""
    try:
        db.customers.bulk_write(steps, ordered=False)
    except BulkWriteError as error:
        return only_collisions(error)
    return []


def _with_profile(buyer: Buyer) -> UpdateOne:
    nothing_newer = {
        "_id": buyer.key,
        "owning_store": {"$in": [buyer.store, None]},
        "as_of": {"$not": {"$gt": buyer.as_of}},
    }
    profile = {name: {"$literal": value} for name, value in buyers_profile(buyer).items()}
    return UpdateOne(nothing_newer, marking(buyer.key, buyer.store, profile | _order_expressions(buyer)), upsert=True)


def _without_profile(buyer: Buyer) -> UpdateOne:
    return UpdateOne({"_id": buyer.key}, marking(buyer.key, buyer.store, _order_expressions(buyer)))


def _order_expressions(buyer: Buyer) -> dict[str, Any]:
    """What an order adds to a record besides the profile, as expressions of an aggregation."""
    known, new = {"$ifNull": ["$external_ids", []]}, [buyer.external_id] if buyer.external_id else []
    return {
        "first_order_at": {"$min": ["$first_order_at", buyer.ordered_at]},
        "last_order_at": {"$max": ["$last_order_at", buyer.ordered_at]},
        "external_ids": {"$concatArrays": [known, {"$setDifference": [{"$literal": new}, known]}]},
        "orders_seen": {"$add": [{"$ifNull": ["$orders_seen", 0]}, 1]},
    }


def apply(db: Db, update: CustomerUpdate) -> CustomerResult:
    """Apply what a store reports about one of its customers.

    Where the store's customer has another e-mail address now, the record of the former one is no account any more, and
    is removed where it has no order.
    """
    if update.is_erased:
        return CustomerResult("stale")
    reports = _reports_of(db, update.external_id)
    if any(as_of > update.as_of for customer, as_of in reports if customer != update.key):
        return CustomerResult("stale")
    outcome = _write_report(db, update)
    _keep_newest_report(db, update.external_id)
    publish_marked(db, [update.key])
    if outcome not in ("created", "updated"):
        return CustomerResult(outcome)
    version = int(update.as_of.timestamp() * 1000)
    return CustomerResult(outcome, (CustomerChanged(update.key, version, outcome, now(), update.store),))


def _reports_of(db: Db, external_id: str) -> list[tuple[str, datetime]]:
    """The records under which a store's customer was reported, and how recent each report is."""
    reported = {"external_ids": external_id, f"accounts.{external_id}": {"$exists": True}}
    found = collections.customers(db).find(reported, {"accounts": 1})
    return [(each["_id"], each["accounts"][external_id]) for each in found]


def _keep_newest_report(db: Db, external_id: str) -> None:
    """Let one record be that of a store's customer, the one reported last: also where two reports came at once."""
    reports = sorted(_reports_of(db, external_id), key=lambda each: (each[1], each[0]))
    former = [customer for customer, _ in reports[:-1]]
    if former:
        no_account = {"$unset": {f"accounts.{external_id}": ""}}
        collections.customers(db).update_many({"_id": {"$in": former}}, no_account)
        remove_unused(db, former)


def _write_report(db: Db, update: CustomerUpdate) -> Outcome:
    account, as_of = update.external_id, update.as_of
    known_at = {"$ifNull": [f"$accounts.{account}", as_of]}
    changes = {
        "accounts": {"$mergeObjects": ["$accounts", {account: {"$max": [known_at, as_of]}}]},
        "external_ids": {"$setUnion": [{"$ifNull": ["$external_ids", []]}, [account]]},
        "last_order_at": {"$ifNull": ["$last_order_at", None]},
        **profile_if_newest(reported_profile(update)),
    }
    steps = marking(update.key, update.store, changes) if wants(db, "customer") else [{"$set": changes}]
    done = collections.customers(db).update_one({"_id": update.key}, steps, upsert=True)
    if done.upserted_id is not None:
        return "created"
    return "updated" if done.modified_count else "unchanged"
