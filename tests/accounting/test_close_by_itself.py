"""Days are closed by themselves on the day after, at a set time of each store's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from pos_api.accounting.close_by_itself import close_due, due_days
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.accounting.test_close import DAY, NEXT, put

STORE = Store("default", "default", "woocommerce", timezone="Europe/Stockholm")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("moment", "last", "days"),
    [
        ("2026-11-03T03:59:00", None, []),
        ("2026-11-03T04:00:00", None, ["2026-11-02"]),  # 05:00 in Stockholm
        ("2026-11-03T04:00:00", "2026-11-02", []),
        ("2026-11-03T03:59:00", "2026-11-01", []),
        ("2026-11-03T03:59:00", "2026-10-31", ["2026-11-01"]),
        ("2026-11-03T23:30:00", "2026-11-02", []),  # the next day there, before five
        ("2026-11-05T12:00:00", "2026-11-02", ["2026-11-03", "2026-11-04"]),
    ],
)
def test_the_days_that_are_due(moment: str, last: str | None, days: list[str]) -> None:
    assert due_days(STORE, "05:00", last, at(moment)) == days


def test_at_most_the_latest_31_days_are_closed_after_an_outage() -> None:
    assert len(due_days(STORE, "05:00", "2020-01-01", at("2026-11-05T12:00:00"))) == 31


def test_the_day_before_is_closed_once_and_earlier_ones_only_by_hand(db: Db, config: Config) -> None:
    put(db, 1, day="2026-10-01")
    put(db, 2, day=DAY)
    stores, on = Stores(db, config), replace(config, accounting_close_at="05:00")
    close_due(db, stores, config, at(f"{NEXT}T12:00:00"))
    assert db.accounting_entries.count_documents({}) == 0, "it is off"
    for _ in range(2):
        close_due(db, stores, on, at(f"{NEXT}T12:00:00"))
    assert [each["date"] for each in db.accounting_entries.find()] == [DAY]
    put(db, 3, day=NEXT)
    close_due(db, stores, on, at("2026-11-05T12:00:00"))
    assert [each["date"] for each in db.accounting_entries.find()] == [DAY, NEXT]
