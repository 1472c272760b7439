"""Customers are recorded by the batch as they are one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pos_api.customers.apply import record_buyers
from pos_api.customers.model import Buyer
from pos_api.database.client import Db, Document
from tests.steps import Process, clear

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def buyer(minute: int, name: str, store: str = "default", *, account: int = 0, email: str = "ida@example.se") -> Buyer:
    at = NOON + timedelta(minutes=minute)
    external_id = f"{store}:{account}" if account else ""
    return Buyer(email, store, external_id, at, at, {"email": email, "first_name": name}, {})


def recorded(db: Db, batches: list[list[Buyer]]) -> list[Document]:
    clear(db)
    for each in batches:
        record_buyers(db, each)
    found = db.customers.find().sort("_id", 1)
    return [{**each, "external_ids": sorted(each["external_ids"])} for each in found]


def test_a_batch_of_orders_leaves_the_records_that_they_leave_one_by_one(db: Db) -> None:
    buyers = [
        buyer(3, "Ida", account=1),
        buyer(5, "$first_name"),
        buyer(4, "Older"),
        buyer(9, "Of another store", "till-1", account=7),
        buyer(1, "Bo", email="bo@example.se"),
        buyer(5, "Corrected", account=2),
    ]
    one_by_one = recorded(db, [[each] for each in buyers])
    assert [each["first_name"] for each in one_by_one] == ["Bo", "Corrected"]
    assert (one_by_one[1]["orders_seen"], one_by_one[1]["last_order_at"]) == (5, NOON + timedelta(minutes=9))
    for at in range(len(buyers)):
        batches = [buyers[:at], buyers[at:]]
        assert recorded(db, [batch for batch in batches if batch]) == one_by_one, at


def test_one_that_is_removed_while_it_is_recorded_is_made_anew(process: Process, db: Db) -> None:
    record_buyers(db, [buyer(1, "Ida"), buyer(1, "Bo", email="bo@example.se")])

    def remove(step: int) -> None:
        if step == 2:
            assert db.customers.delete_one({"_id": "bo@example.se"}).deleted_count

    process.steps.go_on()
    process.steps.before = remove
    record_buyers(process.db, [buyer(2, "Ida"), buyer(2, "Bo", email="bo@example.se")])
    assert process.steps.names == ["insert", "update", "insert", "update"]
    last = {each["_id"]: each["last_order_at"] for each in db.customers.find()}
    assert last == dict.fromkeys(("bo@example.se", "ida@example.se"), NOON + timedelta(minutes=2))
