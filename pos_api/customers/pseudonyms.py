"""The keys under which the orders of erased people are counted."""

from __future__ import annotations

import secrets

from pymongo import ReturnDocument

from pos_api.customers import collections
from pos_api.database.client import Db

_PREFIX = "erased:"


def is_pseudonym(customer: str | None) -> bool:
    """Whether this key stands for a person whose data was erased. It has no record. (What has an @ is an address.)"""
    return customer is not None and customer.startswith(_PREFIX) and "@" not in customer


def pseudonym_of_order(order: str) -> str:
    """The key that stands for the customer of an order that was erased before it came here."""
    return f"{_PREFIX}{order}"


def new_pseudonym() -> str:
    """A key that stands for an erased person: random, so nobody can be found by it."""
    return f"{_PREFIX}{secrets.token_hex(8)}"


def pseudonym(db: Db, customer: str) -> str:
    """The key that stands for a customer in orders that were erased: always the same one, so that figures go on to
    count one customer. It is kept with the customer's record until that is erased too, or has no order any more."""
    chosen = [{"$set": {"pseudonym": {"$ifNull": ["$pseudonym", new_pseudonym()]}}}]
    record = collections.customers(db).find_one_and_update(
        {"_id": customer}, chosen, {"pseudonym": 1}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert record is not None  # as it upserts
    return record["pseudonym"]


def pseudonym_if_known(db: Db, customer: str) -> str:
    """The same, but where there is no record of the customer, a new one, and no record is made."""
    known = collections.customers(db).find_one({"_id": customer}, {"_id": 1})
    return pseudonym(db, customer) if known else new_pseudonym()
