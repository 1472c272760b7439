"""Customers: one record per e-mail address, kept up to date by orders and by the shop's customer webhooks.

A customer: `_id` (the e-mail address, lower-cased; else `store:#customer id`), `email`, `first_name`, `last_name`,
`phone`, `company`, `billing`, `shipping`, `as_of` (how recent these are), `shop_ids` (`store:id`), `first_order_at`,
`last_order_at` and `search`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from .db import Db, Document, only_collisions
from .errors import NotFound
from .event_warnings import EventWarning
from .words import search_words, wanted_words

_SEARCHED = ("email", "first_name", "last_name", "company", "phone")


@dataclass(frozen=True, slots=True)
class Buyer:
    """What one version of an order says about its customer."""

    key: str
    store: str
    shop_id: int
    ordered_at: datetime
    as_of: datetime
    billing: Document
    shipping: Document


@dataclass(frozen=True, slots=True)
class CustomerSnapshot:
    """What a shop's customer webhook says."""

    store: str
    shop_id: int
    email: str
    as_of: datetime
    fields: Document
    warnings: tuple[EventWarning, ...] = ()


def key(store: str, email: str, shop_id: int) -> str | None:
    """The `_id` of a customer; None for a guest without an e-mail address, who makes no customer."""
    if email := email.strip().lower():
        return email
    return f"{store}:#{shop_id}" if shop_id else None


def upsert(db: Db, buyers: list[Buyer]) -> None:
    """Record these buyers. The newest word about a person counts, in whatever order it arrives.

    Who is new here, or known by nothing newer, is written at once. Where that collides on the `_id`, the customer is
    there: what is known of the person then decides, and each part is a plain update.
    """
    if not buyers:
        return
    try:
        db.customers.bulk_write([_newest_word(buyer, upsert=True) for buyer in buyers], ordered=False)
    except BulkWriteError as error:
        known = [buyers[index] for index in only_collisions(error)]
        db.customers.bulk_write([step for buyer in known for step in (_newest_word(buyer), _older_word(buyer))])


def _newest_word(buyer: Buyer, *, upsert: bool = False) -> UpdateOne:
    billing = buyer.billing
    profile = {
        "email": billing.get("email", "").strip(),
        **{name: billing.get(name, "") for name in ("first_name", "last_name", "company", "phone")},
    }
    words = search_words(*(profile[name] for name in _SEARCHED))
    told = {**profile, "billing": billing, "shipping": buyer.shipping, "search": words, "as_of": buyer.as_of}
    nothing_newer = {"_id": buyer.key, "as_of": {"$not": {"$gt": buyer.as_of}}}
    return UpdateOne(nothing_newer, {"$set": told, **_ordered(buyer)}, upsert=upsert)


def _older_word(buyer: Buyer) -> UpdateOne:
    return UpdateOne({"_id": buyer.key}, _ordered(buyer))


def _ordered(buyer: Buyer) -> Document:
    shop_ids = [f"{buyer.store}:{buyer.shop_id}"] if buyer.shop_id else []
    return {
        "$min": {"first_order_at": buyer.ordered_at},
        "$max": {"last_order_at": buyer.ordered_at},
        "$addToSet": {"shop_ids": {"$each": shop_ids}},
    }


def apply(db: Db, snapshot: CustomerSnapshot) -> str:
    """Take over what a shop says about a customer; returns the outcome."""
    customer = key(snapshot.store, snapshot.email, snapshot.shop_id)
    profile = {"email": snapshot.email, **_filled(snapshot.fields)}
    update = {
        "shop_ids": {
            "$setUnion": [{"$ifNull": ["$shop_ids", []]}, [f"{snapshot.store}:{snapshot.shop_id}"]],
        },
        "last_order_at": {"$ifNull": ["$last_order_at", None]},
    }
    done = db.customers.update_one(
        {"_id": customer}, [{"$set": update | _if_newest(profile, snapshot.as_of)}], upsert=True
    )
    if done.upserted_id is not None:
        return "created"
    return "updated" if done.modified_count else "unchanged"


def _filled(fields: Document) -> Document:
    """A shop's customer record often has blank names and addresses; what orders told is better than nothing."""
    kept = {name: value for name, value in fields.items() if value and not isinstance(value, dict)}
    for name in ("billing", "shipping"):
        address = fields.get(name, {})
        if address.get("last_name") or address.get("address_1"):
            kept[name] = address
    for name in ("company", "phone"):  # which a shop has in addresses only
        if value := fields.get("billing", {}).get(name):
            kept[name] = value
    return kept


def _if_newest(profile: Document, as_of: datetime) -> Document:
    """Aggregation expressions that set `profile` where it is at least as recent as what is stored. Values are literal:
    a name may start with a dollar sign. What it leaves out stays, and so do the words that may be of that."""
    newest = {"$gte": [as_of, {"$ifNull": ["$as_of", as_of]}]}
    words: Document = {"$literal": search_words(*(profile.get(name, "") for name in _SEARCHED))}
    if not profile.keys() >= set(_SEARCHED):
        words = {"$setUnion": [{"$ifNull": ["$search", []]}, words]}
    values = {name: {"$literal": value} for name, value in {**profile, "as_of": as_of}.items()}
    return {name: {"$cond": [newest, value, f"${name}"]} for name, value in {**values, "search": words}.items()}


# --- reading --------------------------------------------------------------------------------------------------------

Position = tuple[datetime | None, str]
"""Where a list stands: `last_order_at` and `_id` of its last customer."""


def find(db: Db, words: str | None, limit: int, after: Position | None = None) -> list[Document]:
    """Up to `limit` customers from `after` on, who ordered last first, those without an order at the end.

    `words` are looked for in name, company, e-mail address and telephone number, each as a whole word.
    """
    query: Document = {}
    if words is not None:
        query["search"] = {"$all": wanted_words(words)}
    if after is not None:
        last_order_at, customer = after
        query["$nor"] = [{"last_order_at": last_order_at, "_id": {"$gte": customer}}]
        query["last_order_at"] = {"$not": {"$gt": last_order_at}} if last_order_at else None
    newest_first = [("last_order_at", -1), ("_id", -1)]
    cursor = db.customers.find(query, {"search": 0, "as_of": 0}).sort(newest_first).limit(limit)
    return list(cursor if words is not None else cursor.hint(newest_first))


def get(db: Db, customer: str) -> Document:
    """A customer by its key: an e-mail address in any case, or `store:#customer id`. Raises NotFound."""
    found = db.customers.find_one({"_id": customer.strip().lower()}, {"search": 0, "as_of": 0})
    if found is None:
        raise NotFound(f"There is no customer {customer[:80]!r}.")
    return found


def keys(db: Db, text: str, store: str | None) -> list[str]:
    """The keys of whom `text` names: an e-mail address, a key, or a shop's customer id (of `store`, else of any)."""
    text = text.strip().lower()
    if not text.isdecimal():
        return [text]
    stores = [store] if store is not None else _stores_with_orders(db)
    return [each["_id"] for each in db.customers.find({"shop_ids": {"$in": [f"{each}:{text}" for each in stores]}})]


def _stores_with_orders(db: Db) -> list[str]:
    return [each["_id"] for each in db.woocommerceorders.aggregate([{"$group": {"_id": "$store"}}])]
