"""Erasing a customer's record."""

from __future__ import annotations

from datetime import datetime

from pos_api.customers import collections
from pos_api.customers.model import Buyer
from pos_api.customers.profile import kept_accounts, without_erased
from pos_api.database.client import Db


def erase_record(
    db: Db, customer: str, until: datetime, store: str | None, first: Buyer | None, last: Buyer | None
) -> bool:
    """Erase what the record says of before `until`, in the name of a store (None: of all); returns False when somebody
    changed it meanwhile: read again which orders are left.

    `first` and `last` are the oldest and the newest order that the customer still has: those of after the erasure, or
    of other stores. Without any, and without an account reported since, the record is deleted.
    """
    records = collections.customers(db)
    record = records.find_one({"_id": customer})
    if record is None:
        return True
    unchanged = {
        "_id": customer,
        "orders_seen": record.get("orders_seen"),
        "accounts": record.get("accounts"),
        "as_of": record.get("as_of"),
    }
    if last is None and not kept_accounts(record, until, store):
        return bool(records.delete_one(unchanged).deleted_count)
    kept = without_erased(record, until, store, first, last)
    return bool(records.replace_one(unchanged, kept).matched_count)
