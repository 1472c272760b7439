"""Customers: one record per e-mail address, kept up to date by orders and by the shop's customer webhooks.

A customer: `_id` (the e-mail address, lower-cased; else `store:#customer id`), `email`, `first_name`, `last_name`,
`phone`, `company`, `billing`, `shipping`, `as_of` (how recent these are), `home` (the store that they come from: the
first one that had this customer; none after it was disconnected), `shop_ids` (`store:id`), `first_order_at`,
`last_order_at`, `search`, `accounts` (of the shops' own customers that were reported under this address, by `store:id`:
how recent that is), `orders_seen` (raised whenever an order is recorded here), and `erased_as` (see `pseudonym`).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from pos_api.common.event_warnings import EventWarning
from pos_api.common.text_search import MOST_KEPT, search_words, wanted_words
from pos_api.customers.erasures import Erasure, customer_key
from pos_api.database.client import Db, Document
from pos_api.database.write_errors import only_collisions
from pos_api.errors import Conflict, NotFound

_ERASED = "erased:"
_SHOP_ID = re.compile(r"(?:([a-z0-9][a-z0-9-]{0,39}):)?#?(\d{1,19})")
_SEARCHED = ("email", "phone", "last_name", "first_name", "company")


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
    """What a shop's customer webhook says. `said_at` is when, None where it does not say that; `erasures` are those of
    this customer."""

    store: str
    shop_id: int
    email: str
    as_of: datetime
    fields: Document
    warnings: tuple[EventWarning, ...] = ()
    said_at: datetime | None = None
    erasures: tuple[Erasure, ...] = ()

    @property
    def is_erased(self) -> bool:
        """Whether all that it says is from before the customer was erased."""
        return any(self.said_at is None or self.said_at <= erasure.until for erasure in self.erasures)


@dataclass(frozen=True, slots=True)
class CustomerErasure:
    """What a shop says when it has erased a person: `until` when, and whether from their orders too."""

    store: str
    email: str
    until: datetime
    orders: bool


def upsert(db: Db, buyers: list[Buyer]) -> None:
    """Record these buyers. The newest report about a person by their own store counts, in whatever order it arrives.

    Who is new here, or known by nothing newer, is written at once. Where that collides on the `_id`, the customer is
    known by something newer, or from another store, and only the order's own part is recorded. That comes first: from
    then on `remove_unused` leaves the record alone, and where it was removed just before, it is made anew.
    """
    if not buyers:
        return
    known = [buyers[index] for index in _write(db, [_with_profile(buyer) for buyer in buyers])]
    if known:
        _write(db, [step for buyer in known for step in (_without_profile(buyer), _with_profile(buyer))])


def _write(db: Db, steps: list[UpdateOne]) -> list[int]:
    """Run these steps in order; returns which of them collided on the `_id`."""
    try:
        db.customers.bulk_write(steps, ordered=False)
    except BulkWriteError as error:
        return only_collisions(error)
    return []


def _with_profile(buyer: Buyer) -> UpdateOne:
    nothing_newer = {"_id": buyer.key, "home": {"$in": [buyer.store, None]}, "as_of": {"$not": {"$gt": buyer.as_of}}}
    return UpdateOne(nothing_newer, {"$set": _profile(buyer), **_ordered(buyer)}, upsert=True)


def _profile(buyer: Buyer) -> Document:
    """What an order says about its customer."""
    billing = buyer.billing
    profile = {
        "email": billing.get("email", "").strip(),
        **{name: billing.get(name, "") for name in ("first_name", "last_name", "company", "phone")},
    }
    words = search_words(*(profile[name] for name in _SEARCHED))
    return {
        **profile,
        "home": buyer.store,
        "billing": billing,
        "shipping": buyer.shipping,
        "search": words,
        "as_of": buyer.as_of,
    }


def _without_profile(buyer: Buyer) -> UpdateOne:
    return UpdateOne({"_id": buyer.key}, _ordered(buyer))


def _ordered(buyer: Buyer) -> Document:
    shop_ids = [f"{buyer.store}:{buyer.shop_id}"] if buyer.shop_id else []
    return {
        "$min": {"first_order_at": buyer.ordered_at},
        "$max": {"last_order_at": buyer.ordered_at},
        "$addToSet": {"shop_ids": {"$each": shop_ids}},
        "$inc": {"orders_seen": 1},
    }


def apply(db: Db, snapshot: CustomerSnapshot) -> str:
    """Apply what a shop reports about one of its customers; returns the outcome.

    Where the shop's customer has another e-mail address now, the record of the former one is no account any more, and
    is removed where it has no order.
    """
    if snapshot.is_erased:
        return "stale"
    customer = customer_key(snapshot.store, snapshot.email, snapshot.shop_id)
    account = f"{snapshot.store}:{snapshot.shop_id}"
    if any(newer > snapshot.as_of for _, newer in _records_of(db, account, besides=customer)):
        return "stale"
    outcome = _report(db, snapshot, customer, account)
    _keep_newest(db, account)
    return outcome


def _records_of(db: Db, account: str, besides: str | None) -> list[tuple[str, datetime]]:
    """The records, besides one, under which a shop's customer was reported, and how recent each report is."""
    reported = {"shop_ids": account, f"accounts.{account}": {"$exists": True}, "_id": {"$ne": besides}}
    return [(each["_id"], each["accounts"][account]) for each in db.customers.find(reported, {"accounts": 1})]


def _keep_newest(db: Db, account: str) -> None:
    """Let one record be that of a shop's customer, the one reported last: also where two reports came at once."""
    records = sorted(_records_of(db, account, besides=None), key=lambda each: (each[1], each[0]))
    former = [customer for customer, _ in records[:-1]]
    if former:
        db.customers.update_many({"_id": {"$in": former}}, {"$unset": {f"accounts.{account}": ""}})
        remove_unused(db, former)


def _report(db: Db, snapshot: CustomerSnapshot, customer: str | None, account: str) -> str:
    profile = {"email": snapshot.email, **_filled(snapshot.fields)}
    known_at = {"$ifNull": [f"$accounts.{account}", snapshot.as_of]}
    update = {
        "accounts": {"$mergeObjects": ["$accounts", {account: {"$max": [known_at, snapshot.as_of]}}]},
        "shop_ids": {
            "$setUnion": [{"$ifNull": ["$shop_ids", []]}, [account]],
        },
        "last_order_at": {"$ifNull": ["$last_order_at", None]},
    }
    done = db.customers.update_one(
        {"_id": customer}, [{"$set": update | _if_newest(profile, snapshot.as_of, snapshot.store)}], upsert=True
    )
    if done.upserted_id is not None:
        return "created"
    return "updated" if done.modified_count else "unchanged"


# --- records that are nobody's any more -----------------------------------------------------------------------------


def remove_unused(db: Db, customers: list[str]) -> None:
    """Remove those of these records that have no order and are no account of a shop: a mistyped e-mail address that was
    corrected, a guest who has registered since, a person whose data was erased.

    An order is saved before it is recorded here. So who finds no order, and removes what nothing was recorded in
    meanwhile, removes nothing that an order needs: one that comes later makes the record anew.
    """
    for customer in customers:
        record = db.customers.find_one({"_id": customer}, {"orders_seen": 1, "accounts": 1})
        if (
            record is None
            or record.get("accounts")
            or db.woocommerceorders.find_one({"customer": customer}, {"_id": 1})
        ):
            continue
        unchanged = {"orders_seen": record.get("orders_seen"), "accounts": record.get("accounts")}
        db.customers.delete_one({"_id": customer, **unchanged})


def is_pseudonym(customer: str | None) -> bool:
    """Whether this key stands for a person whose data was erased. It has no record. (What has an @ is an address.)"""
    return customer is not None and customer.startswith(_ERASED) and "@" not in customer


def unknown_person(order: str) -> str:
    """The key that stands for the customer of an order that was erased before it came here."""
    return f"{_ERASED}{order}"


def new_pseudonym() -> str:
    """A key that stands for an erased person: random, so nobody can be found by it."""
    return f"{_ERASED}{secrets.token_hex(8)}"


def pseudonym(db: Db, customer: str) -> str:
    """The key that stands for a customer in orders that were erased: always the same one, so that figures go on to
    count one customer. It is kept with the customer's record until that is erased too, or has no order any more."""
    chosen = [{"$set": {"erased_as": {"$ifNull": ["$erased_as", new_pseudonym()]}}}]
    record: Document | None = db.customers.find_one_and_update(
        {"_id": customer}, chosen, {"erased_as": 1}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert record is not None  # as it upserts
    return str(record["erased_as"])


def known_pseudonym(db: Db, customer: str) -> str:
    """The same, but where there is no record of the customer, a new one, and no record is made."""
    return pseudonym(db, customer) if db.customers.find_one({"_id": customer}, {"_id": 1}) else new_pseudonym()


def accounts_of(customer: str, record: Document | None) -> list[str]:
    """The shops' own customers (`store:id`) that a customer is, by the key and the record, if there is one."""
    by_key = [] if "@" in customer else [customer.replace("#", "")]  # `store:#id`
    return [*(record or {}).get("accounts", ()), *by_key]


def other_addresses(db: Db, customer: str) -> list[str]:
    """The other customers with whose address an account of this one has ordered. It may be the same person, or somebody
    who used the account."""
    record = db.customers.find_one({"_id": customer}, {"accounts": 1}) or {}
    accounts = list(record.get("accounts", ()))
    others = (
        db.customers.find({"shop_ids": {"$in": accounts}, "_id": {"$ne": customer}}, {"_id": 1}) if accounts else ()
    )
    return sorted(each["_id"] for each in others)


# --- erasing ----------------------------------------------------------------------------------------------------------


def erase(db: Db, customer: str, until: datetime, store: str | None, first: Buyer | None, last: Buyer | None) -> bool:
    """Erase what the record says of before `until`, in the name of a store (None: of all); returns False when somebody
    changed it meanwhile: read again which orders are left.

    `first` and `last` are the oldest and the newest order that the customer still has: those of after the erasure, or
    of other stores. Without any, and without an account reported since, the record is deleted.
    """
    record = db.customers.find_one({"_id": customer})
    if record is None:
        return True
    accounts = {
        account: as_of
        for account, as_of in record.get("accounts", {}).items()
        if as_of > until or (store and not account.startswith(f"{store}:"))
    }
    unchanged = {"_id": customer} | {name: record.get(name) for name in ("orders_seen", "accounts", "as_of")}
    if last is None and not accounts:
        return bool(db.customers.delete_one(unchanged).deleted_count)
    of_others = [each for each in record.get("shop_ids", ()) if store and not each.startswith(f"{store}:")]
    kept = _without_erased(record, until, accounts, of_others, first, last)
    if store and record.get("home") not in (None, store):  # its names and addresses are another store's
        kept |= {name: record[name] for name in _PROFILE if name in record}
    return bool(db.customers.replace_one(unchanged, kept).matched_count)


_PERSON = ("first_name", "last_name", "company", "phone", "username", "billing", "shipping", "search", "home")
_PROFILE = (*_PERSON, "email", "as_of")
"""What a record says of the person; all of it comes from its home store."""


def _without_erased(
    record: Document,
    until: datetime,
    accounts: dict[str, datetime],
    of_others: list[str],
    first: Buyer | None,
    last: Buyer | None,
) -> Document:
    """The record with what is known since the erasure, or from other stores."""
    kept = {name: value for name, value in record.items() if name not in ("erased_as", "accounts", "first_order_at")}
    if accounts:
        kept["accounts"] = accounts
    shop_ids = {f"{buyer.store}:{buyer.shop_id}" for buyer in (first, last) if buyer and buyer.shop_id}
    kept["shop_ids"] = sorted(shop_ids | accounts.keys() | {*of_others})
    kept |= {"first_order_at": first.ordered_at} if first else {}
    kept["last_order_at"] = last.ordered_at if last else None
    if record.get("as_of") and record["as_of"] > until:
        return kept
    for name in _PERSON:
        kept.pop(name, None)
    return kept | _profile(last) if last else kept | {"search": search_words(record.get("email", ""))}


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


def _if_newest(profile: Document, as_of: datetime, store: str) -> Document:
    """Aggregation expressions that set `profile` where the customer is this store's, and it is at least as recent as
    what is stored. Values are literal: a name may start with a dollar sign. What it leaves out stays, and so do the
    words that may be of that."""
    own = {"$eq": [{"$ifNull": ["$home", store]}, store]}
    newest = {"$and": [own, {"$gte": [as_of, {"$ifNull": ["$as_of", as_of]}]}]}
    words: Document = {"$literal": search_words(*(profile.get(name, "") for name in _SEARCHED))}
    if not profile.keys() >= set(_SEARCHED):
        words = {"$slice": [{"$setUnion": [words, {"$ifNull": ["$search", []]}]}, MOST_KEPT]}
    values = {name: {"$literal": value} for name, value in {**profile, "as_of": as_of, "home": store}.items()}
    return {name: {"$cond": [newest, value, f"${name}"]} for name, value in {**values, "search": words}.items()}


# --- reading --------------------------------------------------------------------------------------------------------

_INTERNAL = dict.fromkeys(("search", "as_of", "accounts", "orders_seen", "erased_as", "home"), 0)

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
    cursor = db.customers.find(query, _INTERNAL).sort(newest_first).limit(limit)
    return list(cursor if words is not None else cursor.hint(newest_first))


def get(db: Db, customer: str) -> Document:
    """A customer by an e-mail address in any case, or by the shop's id: `3501`, `#3501` or `store:#3501`.

    Where an id has several records, as one account that orders with two addresses does, it is the one that was reported
    as the account, else who ordered last. Raises NotFound, and Conflict, naming the candidates, where the id is one of
    several stores.
    """
    text = customer.strip().lower()
    shop_ids = _shop_ids(db, text, None)
    found = list(db.customers.find({"$or": [{"_id": text}, {"shop_ids": {"$in": shop_ids}}]}))
    if not found:
        raise NotFound(f"There is no customer {customer[:80]!r}.")
    candidates = sorted({name for each in found for name in each.get("shop_ids", ()) if name in shop_ids})
    if len(candidates) > 1:
        names = [name.replace(":", ":#") for name in candidates]
        raise Conflict(f"Several stores have a customer {text[:80]}; say which.", details={"candidates": names})
    best = max(found, key=lambda each: _rank(each, text, candidates))
    return {name: value for name, value in best.items() if name not in _INTERNAL}


def _rank(record: Document, text: str, shop_ids: list[str]) -> tuple[bool, bool, datetime]:
    """How well a record fits what it was looked up by."""
    is_account = any(name in record.get("accounts", {}) for name in shop_ids)
    return record["_id"] == text, is_account, record.get("last_order_at") or datetime.min.replace(tzinfo=UTC)


def keys(db: Db, text: str, store: str | None) -> list[str]:
    """The keys of whom `text` names: an e-mail address, a key, or a shop's customer id (`3501`, `#3501`, `store:#3501`;
    without a store, of `store`, else of any)."""
    text = text.strip().lower()
    shop_ids = _shop_ids(db, text, store)
    found = db.customers.find({"shop_ids": {"$in": shop_ids}}, {"_id": 1}) if shop_ids else ()
    return sorted({text, *(each["_id"] for each in found)})


def _shop_ids(db: Db, text: str, store: str | None) -> list[str]:
    """The `shop_ids` that a text may mean; none where it is no shop's customer id."""
    named = _SHOP_ID.fullmatch(text)
    if named is None or (named[1] and "#" not in text):
        return []
    if named[1]:
        return [f"{named[1]}:{named[2]}"]
    stores = [store] if store is not None else _stores_with_orders(db)
    return [f"{each}:{named[2]}" for each in stores]


def _stores_with_orders(db: Db) -> list[str]:
    return [each["_id"] for each in db.woocommerceorders.aggregate([{"$group": {"_id": "$store"}}])]
