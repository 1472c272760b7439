"""Records that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterable

from pos_api.customers import collections
from pos_api.database.client import Db


def remove_unused(db: Db, customers: Iterable[str]) -> None:
    """Remove those of these records that have no order and are no account of a store: a mistyped e-mail address that
    was corrected, a guest who has registered since, a person whose data was erased.

    An order is saved before it is recorded here. So who finds no order, and removes what nothing was recorded in
    meanwhile, removes nothing that an order needs: one that comes later makes the record anew.
    """
    records = collections.customers(db)
    for customer in customers:
        record = records.find_one({"_id": customer}, {"orders_seen": 1, "accounts": 1})
        if record is None or record.get("accounts"):
            continue
        if db.orders.find_one({"customer": customer}, {"_id": 1}) is None:
            unchanged = {"orders_seen": record.get("orders_seen"), "accounts": record.get("accounts")}
            records.delete_one({"_id": customer, **unchanged})
