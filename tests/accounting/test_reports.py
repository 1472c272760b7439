"""Z-reports, the proof of the books, exports and lists: what is shown of a day is what was entered."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, Timestamp

from pos_api.accounting import check, exports, queries, set_accounts
from pos_api.accounting import refresh as refreshing
from pos_api.accounting.close import close_day, close_until
from pos_api.accounting.queries import Filter
from pos_api.accounting.refresh import _NOTED, refresh
from pos_api.accounting.z_reports import z_reports
from pos_api.cash import apply as cash
from pos_api.cash.model import CashMovementUpdate, CashSessionUpdate
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Invalid, NotFound, Unavailable
from pos_api.payments import apply as payments
from pos_api.payments.model import PaymentUpdate
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.accounting.sie_reader import read
from tests.accounting.test_close import DAY, NEXT, as_if_changed_on, pay, put

NOON = datetime.fromisoformat(f"{DAY}T12:00:00+00:00")


@pytest.fixture
def stores(db: Db, config: Config) -> Stores:
    return Stores(db, config)


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.get("default")


def texts(shown: Any) -> Any:
    """Amounts as text."""
    if isinstance(shown, dict):
        return {name: texts(value) for name, value in shown.items()}
    if isinstance(shown, list):
        return [texts(each) for each in shown]
    return str(shown) if isinstance(shown, Decimal128) else shown


def test_a_z_report_of_a_day(db: Db, stores: Stores, store: Store) -> None:
    put(db, 1, number="A1", discount_total=Decimal128("5.00"))
    refund = {"id": 7, "amount": Decimal128("25.00"), "created_at": NOON, "line_items": []}
    put(db, 2, "40.00", number="A2", refunds=[refund], paid_at=NOON + timedelta(hours=1))
    put(db, 3, "8.00", day=NEXT)
    [report] = z_reports(db, stores, store, DAY)
    assert report["status"] == "draft"
    shown = texts(report)
    assert (shown["receipts"], shown["first_receipt"], shown["last_receipt"]) == (2, "WOOCOMMERCE-A1", "WOOCOMMERCE-A2")
    assert shown["sales"] == [{"rate": "25", "net": "140.00", "vat": "35.00", "total": "175.00"}]
    assert (shown["sales_total"], shown["refunds_total"], shown["refunds_count"]) == ("175.00", "25.00", 1)
    assert shown["payments"] == [{"method": "cod", "paid": "175.00", "paid_back": "25.00", "total": "150.00"}]
    assert (shown["discounts"], shown["tips"], shown["owed"]) == ("5.00", "0.00", "0.00")
    close_day(db, stores, store, DAY, "day")
    put(db, 1, "1.00", number="A1")
    [closed] = z_reports(db, stores, store, DAY)
    assert closed["status"] == "closed"
    assert texts(closed["sales"]) == shown["sales"], "it stays as it was closed"
    assert z_reports(db, stores, store, "2020-01-01") == []


def test_a_cash_session_is_in_the_z_report_and_what_is_missing_in_the_books(
    db: Db, stores: Stores, store: Store
) -> None:
    def amount(text: str) -> Decimal128:
        return Decimal128(text)

    session = CashSessionUpdate(
        "default", "5", 1, NOON, NOON + timedelta(hours=8), amount("20.00"), amount("67.50"), "SEK", NOON
    )
    cash.apply_session(db, session)
    cash.apply_movement(db, CashMovementUpdate("default", "sale-1", 1, "sale", NOON, amount("50.00"), "SEK"))
    [report] = z_reports(db, stores, store, DAY)
    [shown] = texts(report["cash_sessions"])
    assert (shown["opening_cash"], shown["counted_cash"], shown["difference"]) == ("20.00", "67.50", "-2.50")
    assert texts(report["cash_difference"]) == "-2.50"
    cash.apply_movement(db, CashMovementUpdate("default", "sale-1", 2, "sale", NOON, amount("47.50"), "SEK"))
    assert z_reports(db, stores, store, DAY) == [], "another report of the sale changes what was expected"


def test_until_all_is_worked_out_a_look_says_how_much_is_left(
    db: Db, stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 8):
        put(db, number)
    stamp = Timestamp(1_700_000_000, 1)  # long ago, so that nothing is looked at twice
    for number, order in enumerate(db.orders.find()):
        changed_at = Timestamp(stamp.time, number + 1)
        db.orders.update_one({"_id": order["_id"]}, {"$set": {"changed_at": changed_at}})
    monkeypatch.setattr(refreshing, "_PATIENCE", 0)
    monkeypatch.setattr(refreshing, "_AT_ONCE", 2)
    left: list[str] = []
    while len(left) < 10:
        try:
            [report] = z_reports(db, stores, store, DAY)
            break
        except Unavailable as error:
            left.append(error.message.split("up to ")[-1])
    assert left == [f"{number} orders are left to work out." for number in (5, 4, 3, 2, 1)]
    assert report["receipts"] == 7, "what is shown first is all of it"


def test_what_has_changed_of_very_many_is_worked_out_in_the_background(
    db: Db, stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "_MOST_IN_REQUEST", 2)
    for number in range(1, 4):
        put(db, number)
    refreshing.refresh_where_used(db, stores, closes_by_itself=False)
    assert db.accounting_sources.count_documents({}) == 0, "nobody looks at the books"
    with pytest.raises(Unavailable, match="up to 3 orders are left"):
        z_reports(db, stores, store, DAY)
    refreshing.refresh_where_used(db, stores, closes_by_itself=False)
    monkeypatch.setattr(refreshing, "_MOST_IN_REQUEST", 3)  # as these orders are new, they are looked at again
    assert z_reports(db, stores, store, DAY)[0]["receipts"] == 3
    assert db.accounting_progress.find_one({"_id": "wanted"}) is None


# --- the proof --------------------------------------------------------------------------------------------------


def proof(db: Db, stores: Stores, since: str = DAY, until: str = DAY) -> check.Proof:
    return check.check(db, stores, since, until)


def test_books_figures_and_payments_tie_out(db: Db, stores: Stores, store: Store) -> None:
    put(db, 1)
    pay(db, "125.00", "default:1")
    put(db, 2, "40.00")
    close_day(db, stores, store, DAY, "day")
    found = proof(db, stores)
    assert found.is_explained
    assert {name: f"{amount:f}" for name, amount in found.books["SEK"].items()} == {
        "net_revenue": "140.00",
        "shipping": "0.00",
        "taxes": "35.00",
        "paid": "175.00",
    }
    assert found.others["SEK"]["net_revenue"] == Decimal("140.00")
    assert found.rows == []


def test_other_dates_explain_a_difference_order_by_order(db: Db, stores: Stores, store: Store) -> None:
    later = datetime.fromisoformat(f"{NEXT}T12:00:00+00:00")
    put(db, 1, paid_at=later)
    put(db, 2, "40.00")
    close_day(db, stores, store, NEXT, "day")
    found = proof(db, stores)
    assert found.is_explained
    reasons = {row.source: row.because for row in found.rows}
    assert reasons["order:default:1"] == f"entered on {NEXT}"
    assert reasons["order:default:2"] == "not all of it is entered yet"
    assert proof(db, stores, DAY, NEXT).books["SEK"]["net_revenue"] == Decimal("100.00")


def test_what_can_not_be_booked_is_unexplained(db: Db, stores: Stores) -> None:
    put(db, total=Decimal128("99.00"))
    found = proof(db, stores)
    assert not found.is_explained
    [row] = found.rows
    assert "its total is 99.00" in row.because
    assert [each["source"] for each in queries.refused(db, stores, 10)] == ["order:default:1"]


def test_what_nobody_says_the_currency_of_is_not_explained_until_its_store_has_one(db: Db, config: Config) -> None:
    stores = Stores(db, config)
    put(db, 1, currency="")
    payments.apply(db, PaymentUpdate("default", "p9", 1, "c", NOON, "completed", Decimal128("9.00"), "", paid_at=NOON))
    found = proof(db, stores, DAY, stores.get("default").local_day(datetime.now(UTC)))
    assert not found.is_explained
    assert sorted(row.source for row in found.rows) == ["order:default:1", "payment:default:p9"]
    db.stores.update_one({"_id": "default"}, {"$set": {"currency": "SEK", "name": "default"}}, upsert=True)
    stores = Stores(db, config)
    close_day(db, stores, stores.get("default"), DAY, "day")
    found = proof(db, stores)
    assert found.is_explained
    assert found.books["SEK"]["net_revenue"] == found.others["SEK"]["net_revenue"] == Decimal("100.00")
    assert found.books["SEK"]["paid"] == found.others["SEK"]["paid"] == Decimal("134.00")
    assert queries.refused(db, stores, 10) == []


def test_what_somebody_changed_by_hand_is_unexplained(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    close_day(db, stores, store, DAY, "day")
    ahead = dict.fromkeys(("orders", "payments"), Timestamp(2**31, 0))  # so that the order is not worked out again
    db.accounting_progress.update_one(_NOTED, {"$set": ahead})
    db.accounting_sources.update_one({}, {"$set": {"bookings.0.amount": Decimal128("1.00")}})
    assert not proof(db, stores).is_explained


def test_an_order_whose_totals_contradict_its_lines_is_unexplained_with_a_reason(db: Db, stores: Stores) -> None:
    shipping = [{"id": 9, "total": Decimal128("49.00"), "total_tax": Decimal128("12.25")}]
    tax = [
        {
            "rate_id": 1,
            "rate_percent": "25",
            "tax_total": Decimal128("25.00"),
            "shipping_tax_total": Decimal128("12.25"),
        }
    ]
    totals: dict[str, Any] = {
        "total": Decimal128("186.25"),
        "total_tax": Decimal128("37.25"),
        "shipping_total": Decimal128("0.00"),
    }
    put(db, shipping_lines=shipping, tax_lines=tax, **totals)
    [row] = proof(db, stores).rows
    assert row.unexplained["shipping"] == Decimal("49.00")
    close_day(db, stores, stores.get("default"), DAY, "day")
    [row] = proof(db, stores).rows
    assert row.because == "its lines and payments say another amount than its own totals"


def test_what_entries_of_a_closed_day_have_lost_is_unexplained(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    refresh(db, stores)
    as_if_changed_on(db, DAY)
    close_day(db, stores, store, DAY, "day")
    assert proof(db, stores).is_explained
    lines = db.accounting_lines.find_one({})
    assert lines is not None
    [vat] = [number for number, line in enumerate(lines["lines"]) if line["role"] == "vat"]
    db.accounting_lines.update_one({}, {"$set": {f"lines.{vat}.amount": Decimal128("-1.00")}})
    [row] = proof(db, stores).rows
    assert row.unexplained["taxes"] == Decimal("-24.00")
    assert row.because == "entries of closed days have another amount: see pos-api verify"
    db.accounting_lines.delete_many({})
    found = proof(db, stores)
    assert not found.is_explained
    assert found.unexplained["SEK"]["net_revenue"] == Decimal("-100.00")


# --- lists and exports ------------------------------------------------------------------------------------------


def test_entries_are_listed_newest_first_and_by_what_is_asked_for(db: Db, stores: Stores, store: Store) -> None:
    for number, day in enumerate(("2026-11-01", DAY, NEXT), 1):
        put(db, number, day=day)
    list(close_until(db, stores, store, NEXT, "day"))
    found = queries.find(db, Filter(), 2)
    assert [each["date"] for each in found] == [NEXT, DAY]
    assert [each["date"] for each in queries.find(db, Filter(), 9, (DAY, 2))] == ["2026-11-01"]
    assert [each["date"] for each in queries.find(db, Filter(since=DAY, until=DAY), 9)] == [DAY]
    assert queries.find(db, Filter(store="north"), 9) == []
    [entry] = queries.shown(db, queries.find(db, Filter(reference=f"Z-default-{DAY}"), 9))
    assert texts(entry["lines"][0]) == {
        "account": "1900",
        "name": "Cash and bank",
        "description": "Paid cod",
        "debit": "125.00",
        "orders": 1,
    }
    assert queries.get(db, entry["id"]) == entry
    [source] = queries.sources(db, entry["id"], 9)
    assert source["source"] == "order:default:2"
    assert queries.of_source(db, "order:default:2") == [entry["id"]]
    with pytest.raises(NotFound):
        queries.get(db, "none")


def test_open_days_show_a_draft_of_what_closing_would_make(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    [draft] = queries.drafts(db, stores, Filter(), "day")
    assert (draft["status"], draft["id"], draft["number"]) == ("draft", f"day:default:SEK:{DAY}", None)
    assert db.accounting_entries.count_documents({}) == 0
    close_day(db, stores, store, DAY, "day")
    [closed] = queries.shown(db, queries.find(db, Filter(), 9))
    assert closed["lines"] == draft["lines"]
    assert queries.drafts(db, stores, Filter(), "day") == []


def company(config: Config) -> Config:
    return replace(config, accounting_company="Åäö AB", accounting_orgnr="556677-8899")


def test_an_export_is_numbered_and_has_the_same_bytes_again(
    db: Db, stores: Stores, store: Store, config: Config
) -> None:
    put(db)
    put(db, 2, day=NEXT)
    close_day(db, stores, store, DAY, "day")
    first = exports.export(db, company(config), "sie", Filter())
    assert (first.number, first.name) == (1, "books-sie-1.si")
    assert [each.number for each in read(first.content).verifications] == [1]
    shown = set_accounts.shown(db)
    shown["names"]["1900"] = "Another name"
    set_accounts.save(db, shown)
    assert exports.export(db, config, "sie", Filter()) == first
    assert exports.again(db, 1) == first
    close_day(db, stores, store, NEXT, "day")
    new = exports.export(db, company(config), "sie", Filter(), new=True)
    assert (new.number, [each.number for each in read(new.content).verifications]) == (2, [2])
    assert read(new.content).accounts["1900"] == "Another name"
    with pytest.raises(NotFound, match="no entries that are new"):
        exports.export(db, company(config), "sie", Filter(), new=True)
    assert exports.export(db, config, "csv", Filter(), new=True).number == 3
    assert [each["number"] for each in exports.listed(db, 2)] == [3, 2]
    assert hashlib.sha256(exports.again(db, 1).content).digest() == hashlib.sha256(first.content).digest()


def test_what_can_not_be_written_is_no_export(db: Db, stores: Stores, store: Store, config: Config) -> None:
    put(db)
    put(db, 2, currency="EUR")
    close_day(db, stores, store, DAY, "day")
    with pytest.raises(Invalid):
        exports.export(db, company(config), "sie", Filter())
    assert exports.listed(db, 9) == []
    assert exports.export(db, company(config), "sie", Filter(currency="EUR")).number == 1
    with pytest.raises(NotFound):
        exports.export(db, config, "csv", Filter(store="north"))
    with pytest.raises(NotFound):
        exports.again(db, 7)


def test_accounts_that_are_set_count_from_then_on_and_groups_stay_as_they_were(
    db: Db, stores: Stores, store: Store
) -> None:
    line = {"id": 1, "sku": "MUG", "quantity": 1, "total": Decimal128("100.00"), "total_tax": Decimal128("25.00")}
    shown = set_accounts.shown(db)
    shown["rows"].append({"role": "revenue", "group": "mugs", "account": "3100"})
    shown["groups"] = [{"group": "mugs", "product": "MUG"}]
    set_accounts.save(db, shown)
    put(db, line_items=[line])
    refresh(db, stores)
    set_accounts.save(db, {**shown, "groups": []})
    put(db, line_items=[line], customer_note="again")
    put(db, 2, line_items=[line])
    refresh(db, stores)
    as_if_changed_on(db, DAY)
    close_day(db, stores, store, DAY, "day")
    [entry] = db.accounting_entries.find()
    accounts = {each["account"]: str(each["amount"]) for each in entry["lines"]}
    assert (accounts["3100"], accounts["3001"]) == ("-100.00", "-100.00")


def test_a_payment_at_a_provider_is_booked_to_its_account(db: Db, stores: Stores, config: Config) -> None:
    db.stores.insert_one(
        {"_id": "pay", "name": "Pay", "kind": "stripe", "settings": {"orders_of": "default"}, "keys": []}
    )
    now = datetime.now(UTC)
    update = PaymentUpdate(
        "pay", "p1", 1, "c", now, "completed", Decimal128("10.00"), "SEK", paid_at=NOON, method="card"
    )
    payments.apply(db, update)
    known = Stores(db, config)
    [closed] = close_day(db, known, known.get("pay"), DAY, "day")
    [entry] = db.accounting_entries.find({"_id": {"$in": list(closed.entries)}})
    assert [(each["account"], str(each["amount"])) for each in entry["lines"]] == [
        ("1930", "10.00"),
        ("2990", "-10.00"),
    ]


def test_a_thousandth_of_a_currency_that_has_them_is_unexplained_too(db: Db, stores: Stores, store: Store) -> None:
    put(db, 1, "1.000", currency="KWD")
    close_day(db, stores, store, DAY, "day")
    assert proof(db, stores).is_explained
    put(db, 1, "1.000", currency="KWD", shipping_total=Decimal128("0.004"), total=Decimal128("1.254"))
    refresh(db, stores)
    bookings = db.accounting_sources.find_one({}, {"bookings": 1})
    assert bookings is not None
    number = next(n for n, each in enumerate(bookings["bookings"]) if each["role"] == "shipping")
    db.accounting_sources.update_one({}, {"$set": {f"bookings.{number}.amount": Decimal128("-0.001")}})
    ahead = dict.fromkeys(("orders", "payments"), Timestamp(2**31, 0))
    db.accounting_progress.update_many({}, {"$set": ahead})
    assert not proof(db, stores).is_explained
