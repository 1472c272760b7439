"""Reading customers: lists, one customer, the keys that a text names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, TypeAlias

from pos_api.common.text_search import NO_WORDS, beginning_with, typed_words, wanted_contact_words
from pos_api.customers import collections, presentation
from pos_api.customers.model import CustomerDocument
from pos_api.database.client import Db
from pos_api.errors import Conflict, NotFound

_CUSTOMER_ID = re.compile(r"(?:([a-z0-9][a-z0-9-]{0,39}):)?#?(\d{1,19})")

Position: TypeAlias = tuple[datetime | None, str]
"""Where a list stands: `last_order_at` and `_id` of its last customer."""


def find(
    db: Db, words: str | None, limit: int, after: Position | None = None, *, is_typed: bool = False
) -> list[CustomerDocument]:
    """Up to `limit` customers from `after` on, who ordered last first, those without an order at the end.

    `words` are looked for in name, company, e-mail address and telephone number, each as a whole word; where they are
    still being typed, the last may be the beginning of one.
    """
    query: dict[str, Any] = {}
    if words is not None and is_typed:
        whole, beginning = typed_words(words)
        looked_for = [*whole, *([] if beginning is None else [beginning_with(beginning)])]
        query["$and"] = [{"search": each} for each in looked_for] or [NO_WORDS]
    elif words is not None:
        query["search"] = {"$all": wanted_contact_words(words)}
    if after is not None:
        last_order_at, customer = after
        query["$nor"] = [{"last_order_at": last_order_at, "_id": {"$gte": customer}}]
        query["last_order_at"] = {"$not": {"$gt": last_order_at}} if last_order_at else None
    newest_first = [("last_order_at", -1), ("_id", -1)]
    cursor = collections.customers(db).find(query, presentation.LISTED).sort(newest_first).limit(limit)
    return list(cursor if words is not None else cursor.hint(newest_first))


def get(db: Db, customer: str) -> CustomerDocument:
    """A customer by an e-mail address in any case, or by a store's id: `3501`, `#3501` or `store:#3501`.

    Where an id has several records, as one account that orders with two addresses does, it is the one that was reported
    as the account, else who ordered last. Raises NotFound, and Conflict, naming the candidates, where the id is one of
    several stores.
    """
    text = customer.strip().lower()
    wanted = _external_ids(db, text, None)
    found = list(collections.customers(db).find({"$or": [{"_id": text}, {"external_ids": {"$in": wanted}}]}))
    if not found:
        raise NotFound(f"There is no customer {customer[:80]!r}.")
    candidates = sorted({each for record in found for each in record.get("external_ids", ()) if each in wanted})
    if len(candidates) > 1:
        names = [each.replace(":", ":#") for each in candidates]
        raise Conflict(f"Several stores have a customer {text[:80]}; say which.", details={"candidates": names})
    return max(found, key=lambda each: _rank(each, text, candidates))


def _rank(record: CustomerDocument, text: str, external_ids: list[str]) -> tuple[bool, bool, datetime]:
    """How well a record fits what it was looked up by."""
    is_account = any(each in record.get("accounts", {}) for each in external_ids)
    return record["_id"] == text, is_account, record.get("last_order_at") or datetime.min.replace(tzinfo=UTC)


def keys(db: Db, text: str, store: str | None) -> list[str]:
    """The keys of whom `text` names: an e-mail address, a key, or a store's customer id (`3501`, `#3501`,
    `store:#3501`; without a store, of `store`, else of any)."""
    text = text.strip().lower()
    wanted = _external_ids(db, text, store)
    found = collections.customers(db).find({"external_ids": {"$in": wanted}}, {"_id": 1}) if wanted else ()
    return sorted({text, *(each["_id"] for each in found)})


def _external_ids(db: Db, text: str, store: str | None) -> list[str]:
    """The external ids that a text may mean; none where it is no store's customer id."""
    named = _CUSTOMER_ID.fullmatch(text)
    if named is None or (named[1] and "#" not in text):
        return []
    if named[1]:
        return [f"{named[1]}:{named[2]}"]
    stores = [store] if store is not None else _stores_with_orders(db)
    return [f"{each}:{named[2]}" for each in stores]


def _stores_with_orders(db: Db) -> list[str]:
    return [each["_id"] for each in db.orders.aggregate([{"$group": {"_id": "$store"}}])]


def other_addresses(db: Db, customer: str) -> list[str]:
    """The other customers with whose address an account of this one has ordered. It may be the same person, or somebody
    who used the account."""
    records = collections.customers(db)
    record = records.find_one({"_id": customer}, {"accounts": 1})
    accounts = list(record.get("accounts", ())) if record else []
    others = records.find({"external_ids": {"$in": accounts}, "_id": {"$ne": customer}}, {"_id": 1}) if accounts else ()
    return sorted(each["_id"] for each in others)
