"""Whatever happens to orders and payments, and whenever days are closed: at the end all entries together are what the
stored orders and payments say, and no entry was changed."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128

from pos_api.accounting import check, verify
from pos_api.accounting.close import close_day, close_until
from pos_api.accounting.entries import Mode
from pos_api.accounting.refresh import refresh
from pos_api.accounting.working_out import BookingContext
from pos_api.common.money import decimal
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.payments.model import order_key_by_id
from pos_api.stores.registry import Stores
from tests.accounting.histories import short
from tests.accounting.stored_lines import purposes
from tests.accounting.test_close import pay, put

DAYS = [f"2026-11-{day:02}" for day in range(2, 12)]


def _act(db: Db, chance: random.Random) -> None:
    """Something happens to one of three orders or payments."""
    order, day = chance.randint(1, 3), chance.choice(DAYS[:6])
    if chance.random() < 0.4:
        amount = chance.choice(["50.00", "125.00"])
        back = chance.choice(["0", "0", "20.00", amount])
        of = chance.choice([f"default:{order}", None])
        wanted = () if of else (order_key_by_id("default", "999"),)
        more: dict[str, Any] = {"refunded": Decimal128(back), "paid_at": _noon(day)}
        pay(
            db,
            amount,
            of,
            f"p{order}",
            chance.randint(1, 9),
            wanted=wanted,
            **more,
        )
        return
    refunds = [
        {"id": 7, "amount": Decimal128("10.00"), "line_items": []},
        {"id": 8, "amount": Decimal128("115.00"), "created_at": _noon(chance.choice(DAYS)), "line_items": []},
    ]
    put(
        db,
        order,
        chance.choice(["100.00", "80.00"]),
        day,
        status=chance.choice(["pending", "processing", "completed", "cancelled", "on-hold"]),
        paid_at=chance.choice([None, _noon(day)]),
        payment_method=chance.choice(["cod", "swish"]),
        refunds=refunds[: chance.randint(0, 2)],
        currency=chance.choice(["SEK", "SEK", "SEK", "EUR"]),
    )


def _short(purpose: str) -> str:
    """What is owed stays on the account on which it was entered, so both are one here."""
    return {"under_way": "receivable"}.get(purpose, purpose)


def _noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00").astimezone(UTC)


def _became_known_on(db: Db, day: str) -> None:
    """What changed since the last closing became known on this day, and not today."""
    today = datetime.now(UTC).date().isoformat()
    db.accounting_sources.update_many({"changed_on": today}, {"$set": {"changed_on": day}})


@pytest.mark.parametrize("mode", ["day", "sale"])
@pytest.mark.parametrize("seed", range(4))
def test_all_entries_together_are_what_orders_and_payments_say(db: Db, config: Config, seed: int, mode: Mode) -> None:
    chance, stores = random.Random(seed), Stores(db, config)
    store = stores.get("default")
    seen: dict[str, Any] = {}
    for day in DAYS:
        for _ in range(chance.randint(0, 5)):
            _act(db, chance)
        refresh(db, stores)
        _became_known_on(db, day)
        if chance.random() < 0.6:
            close_day(db, stores, store, day, mode)
        entries = {each["_id"]: each for each in db.accounting_entries.find()}
        assert {name: entries[name] for name in seen} == seen, "an entry was changed"
        seen = entries
    today = store.local_day(datetime.now(UTC))
    list(close_until(db, stores, store, today, mode))
    wanted: dict[tuple[str, str], Decimal] = {}
    means = BookingContext(db, stores)
    groups: dict[str, Any] = {}
    orders = means.orders([f"default:{number}" for number in (1, 2, 3)], groups)
    payments = means.payments([f"default:p{number}" for number in (1, 2, 3)])
    for source in (*orders.values(), *payments.values()):
        for booking in source.bookings:
            key = booking.currency, _short(short(booking.purpose))
            wanted[key] = wanted.get(key, Decimal(0)) + booking.amount
    found: dict[tuple[str, str], Decimal] = {}
    for (currency, purpose), amount in purposes(db).items():
        key = currency, _short(purpose)
        found[key] = found.get(key, Decimal(0)) + amount
    assert {key: amount for key, amount in found.items() if amount} == {
        key: amount for key, amount in wanted.items() if amount
    }
    assert list(verify.problems(db)) == []
    assert check.check(db, stores, DAYS[0], today).is_explained
    for entry in db.accounting_entries.find():
        assert not sum(decimal(line["amount"]) for line in entry["lines"])
