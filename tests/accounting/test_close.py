"""Days are closed in the database: once, whole or not at all, and later changes become corrections."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, Timestamp
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from pos_api.accounting import close, lease, verify
from pos_api.accounting.close import Closed, close_day, close_until, open_days
from pos_api.accounting.refresh import _NOTED, refresh
from pos_api.accounting.z_reports import z_reports
from pos_api.common.money import decimal
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid
from pos_api.orders import apply as orders
from pos_api.payments import apply as payments
from pos_api.payments.model import PaymentUpdate, order_key_by_id
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores
from tests.factories import order_update

DAY, NEXT = "2026-11-02", "2026-11-03"


@pytest.fixture
def stores(db: Db, config: Config) -> Stores:
    return Stores(db, config)


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.get("default")


def put(db: Db, order_id: int = 1, net: str = "100.00", day: str = DAY, **more: Any) -> None:
    """An order paid in cash on a day; of one that is known what it is now."""
    tax = Decimal(net) / 4
    moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    fields: dict[str, Any] = {
        "status": "completed",
        "currency": "SEK",
        "created_at": moment,
        "paid_at": moment,
        "day": day,
        "payment_method": "cod",
        "total": Decimal128(Decimal(net) + tax),
        "total_tax": Decimal128(tax),
        "line_items": [
            {"id": 1, "sku": "", "quantity": 1, "total": Decimal128(net), "total_tax": Decimal128(tax), "tax_class": ""}
        ],
        "tax_lines": [{"rate_id": 1, "rate_percent": "25", "tax_total": Decimal128(tax)}],
        "refunds": [],
        **more,
    }
    at = datetime.now(UTC)
    orders.apply(db, [order_update(order_id, fields, at, kind="created", cause=f"{order_id}-{at}")])


def pay(db: Db, amount: str, order: str | None = None, name: str = "p1", sequence: int = 1, **more: Any) -> None:
    at = datetime.fromisoformat(f"{DAY}T13:00:00+00:00")
    said: dict[str, Any] = {"status": "completed", "paid_at": at, "order": order, "method": "card", **more}
    update = PaymentUpdate("default", name, sequence, "c", at, amount=Decimal128(amount), currency="SEK", **said)
    payments.apply(db, update)


def entered(db: Db) -> dict[str, str]:
    """What all entries have on each account."""
    sums: dict[str, Decimal] = {}
    for entry in db.accounting_entries.find():
        for line in entry["lines"]:
            sums[line["account"]] = sums.get(line["account"], Decimal(0)) + decimal(line["amount"])
    return {account: f"{amount:f}" for account, amount in sorted(sums.items()) if amount}


def look_at_nothing_again(db: Db) -> None:
    """Changes up to now are noted: what is looked at from now on changed later."""
    for collection in ("orders", "payments"):
        if newest := db[collection].find_one({"changed_at": {"$exists": True}}, sort=[("changed_at", -1)]):
            after = Timestamp(newest["changed_at"].time, newest["changed_at"].inc + 1)
            db.accounting_progress.update_one(_NOTED, {"$set": {collection: after}}, upsert=True)


def as_if_changed_on(db: Db, day: str) -> None:
    """What changed became known on this day, not today."""
    db.accounting_sources.update_many({}, {"$set": {"changed_on": day}})


SALE = {"1900": "125.00", "2610": "-25.00", "3001": "-100.00"}


def test_a_day_is_closed_once(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    [closed] = close_day(db, stores, store, DAY, "day")
    assert closed == Closed("default", DAY, "SEK", (f"day:default:SEK:{DAY}",))
    assert entered(db) == SALE
    assert close_day(db, stores, store, DAY, "day") == [Closed("default", DAY, "SEK", (), was_closed=True)]
    assert close_day(db, stores, store, NEXT, "day") == []
    assert db.accounting_entries.count_documents({}) == 1
    assert list(verify.problems(db)) == []


def test_a_day_without_anything_has_no_entry_and_one_that_has_not_come_is_refused(
    db: Db, stores: Stores, store: Store
) -> None:
    assert close_day(db, stores, store, DAY, "day") == []
    with pytest.raises(Invalid, match="has not come yet"):
        close_day(db, stores, store, "2999-01-01", "day")


def test_what_changes_later_is_a_correction_of_the_day_it_became_known(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, net="80.00")
    assert close_day(db, stores, store, NEXT, "day") == [], "it became known today"
    refresh(db, stores)
    as_if_changed_on(db, "2026-11-05")
    [closed] = close_day(db, stores, store, "2026-11-05", "day")
    [identifier] = closed.entries
    correction = db.accounting_entries.find_one({"_id": identifier})
    assert correction is not None
    assert (correction["date"], correction["corrects"]) == ("2026-11-05", f"day:default:SEK:{DAY}")
    assert entered(db) == {"1900": "100.00", "2610": "-20.00", "3001": "-80.00"}
    assert list(verify.problems(db)) == []


def test_closing_a_closed_day_again_forgets_no_change_of_it(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, net="80.00")
    put(db, 2, currency="EUR")
    refresh(db, stores)
    as_if_changed_on(db, DAY)
    assert [each.was_closed for each in close_day(db, stores, store, DAY, "day")] == [False, True]
    close_day(db, stores, store, NEXT, "day")
    sek = list(db.accounting_entries.find({"currency": "SEK"}))
    assert sum(decimal(line["amount"]) for each in sek for line in each["lines"] if line["account"] == "1900") == 100


def test_what_was_imported_is_looked_at_once(db: Db, stores: Stores, store: Store) -> None:
    put(db, 1, day="2020-01-01")
    put(db, 2)
    as_of_then(db, stores)
    [closed] = close_day(db, stores, store, DAY, "day")
    assert len(closed.entries) == 1
    assert db.accounting_sources.count_documents({"changed": True}) == 0
    assert open_days(db, "default", DAY) == ["2020-01-01"]


def test_an_order_that_stays_costs_nothing_at_later_closings(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    as_of_then(db, stores)
    close_day(db, stores, store, DAY, "day")
    assert db.accounting_sources.count_documents({"changed": True}) == 0
    assert db.accounting_sources.count_documents({"open": {"$ne": []}}) == 0
    assert close._candidates(db, "default", NEXT).stored == []
    put(db, refunds=[{"id": 7, "amount": Decimal128("1.00"), "created_at": datetime.now(UTC)}])
    refresh(db, stores)
    [source] = db.accounting_sources.find()
    assert source["open"] == source["booked"][1:], "the day that was closed stays closed"


def as_of_then(db: Db, stores: Stores) -> None:
    refresh(db, stores)
    as_if_changed_on(db, DAY)


def test_a_payment_is_unmatched_until_its_order_comes(db: Db, stores: Stores, store: Store) -> None:
    pay(db, "125.00", "default:1")
    close_day(db, stores, store, DAY, "day")
    assert entered(db) == {"1900": "125.00", "2990": "-125.00"}
    look_at_nothing_again(db)
    put(db)
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    close_day(db, stores, store, NEXT, "day")
    assert entered(db) == SALE


def test_a_payment_that_changes_is_found_and_its_refund_is_of_the_day_it_became_known(
    db: Db, stores: Stores, store: Store
) -> None:
    put(db)
    pay(db, "125.00", "default:1")
    as_of_then(db, stores)
    close_day(db, stores, store, DAY, "day")
    pay(db, "125.00", "default:1", sequence=2, status="refunded", refunded=Decimal128("125.00"))
    refresh(db, stores)
    today = store.local_day(datetime.now(UTC))
    [source] = db.accounting_sources.find({"_id": "order:default:1"})
    assert today in source["days"]
    close_day(db, stores, store, today, "day")
    assert entered(db) == {"1580": "125.00", "2610": "-25.00", "3001": "-100.00"}


def test_a_payment_that_turns_out_to_be_of_another_order_leaves_the_first(db: Db, stores: Stores) -> None:
    put(db)
    put(db, 2)
    pay(db, "125.00", "default:1")
    refresh(db, stores)
    look_at_nothing_again(db)
    pay(db, "125.00", "default:2", sequence=2)
    refresh(db, stores)
    payments = {each["_id"]: each["payments"] for each in db.accounting_sources.find()}
    assert payments == {"order:default:1": [], "order:default:2": ["default:p1"]}


def test_what_became_known_on_a_day_stays_of_that_day(db: Db, stores: Stores) -> None:
    put(db, refunds=[{"id": 7, "amount": Decimal128("10.00")}])
    refresh(db, stores)
    db.accounting_sources.update_one({}, {"$set": {"known_on": {"refund:7": NEXT, "paid_back:7": NEXT}}})
    put(db, customer_note="again", refunds=[{"id": 7, "amount": Decimal128("10.00")}])
    refresh(db, stores)
    [source] = db.accounting_sources.find()
    assert source["days"] == [DAY, NEXT]


def test_what_can_not_be_booked_is_listed_with_the_reason_and_keeps_what_is_entered(
    db: Db, stores: Stores, store: Store
) -> None:
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, total=Decimal128("99.00"))
    refresh(db, stores)
    [source] = db.accounting_sources.find({"refused": {"$exists": True}})
    assert source["refused"] == "Its lines and its VAT add up to 125.00, and its total is 99.00."
    as_if_changed_on(db, NEXT)
    close_day(db, stores, store, NEXT, "day")
    assert entered(db) == SALE
    put(db)
    refresh(db, stores)
    assert db.accounting_sources.count_documents({"refused": {"$exists": True}}) == 0


def test_each_currency_has_entries_of_its_own(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    put(db, 2, "8.00", currency="EUR")
    closed = close_day(db, stores, store, DAY, "day")
    assert [each.currency for each in closed] == ["EUR", "SEK"]
    assert {each["currency"] for each in db.accounting_entries.find()} == {"EUR", "SEK"}


def test_an_order_whose_currency_was_wrong_is_taken_out_of_that_one(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, currency="EUR")
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    list(close_until(db, stores, store, NEXT, "day"))
    for currency, expected in (("SEK", Decimal(0)), ("EUR", Decimal("125.00"))):
        cash = [
            decimal(line["amount"])
            for entry in db.accounting_entries.find({"currency": currency})
            for line in entry["lines"]
            if line["account"] == "1900"
        ]
        assert sum(cash) == expected, currency


def test_a_day_that_was_closed_before_an_order_came_is_not_open_for_it(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, 2)
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    [closed] = close_day(db, stores, store, NEXT, "day")
    assert closed.entries == (f"correction:default:SEK:{NEXT}:day:default:SEK:{DAY}",)
    assert db.accounting_sources.count_documents({"open": {"$ne": []}}) == 0
    assert open_days(db, "default", NEXT) == []


def test_open_days_are_closed_by_hand_the_earliest_first(db: Db, stores: Stores, store: Store) -> None:
    for number, day in enumerate(("2020-01-05", "2020-01-03", DAY), 1):
        put(db, number, day=day)
    refresh(db, stores)
    assert open_days(db, "default", NEXT) == ["2020-01-03", "2020-01-05", DAY]
    closed = list(close_until(db, stores, store, "2020-12-31", "day"))
    assert [each.date for each in closed] == ["2020-01-03", "2020-01-05"]
    assert open_days(db, "default", NEXT) == [DAY]


def test_another_process_that_is_closing_is_waited_for(db: Db, stores: Stores, store: Store) -> None:
    with lease.closing(db), pytest.raises(Conflict, match="by another process"):
        close_day(db, stores, store, DAY, "day")
    assert close_day(db, stores, store, DAY, "day") == []


def test_whoever_lost_the_lease_makes_no_entry(db: Db, stores: Stores, store: Store) -> None:
    put(db)
    with lease.closing(db) as held:
        db.accounting_state.update_one({"_id": "closing"}, {"$set": {"until": datetime(2020, 1, 1, tzinfo=UTC)}})
        with lease.closing(db) as other:
            assert other.token > held.token
            with pytest.raises(lease.ClosedElsewhere):
                held.renew()


def test_lines_of_an_entry_that_another_process_made_do_not_count(db: Db, stores: Stores, store: Store) -> None:
    """A process that hung may go on to write lines under a number that another one has used meanwhile."""
    put(db)
    close_day(db, stores, store, DAY, "day")
    [line] = db.accounting_lines.find()
    put(db, 2, day=NEXT)
    close_day(db, stores, store, NEXT, "day")
    db.accounting_lines.insert_one({**line, "_id": "late", "token": line["token"] + 7})
    put(db, net="80.00")
    refresh(db, stores)
    as_if_changed_on(db, "2026-11-04")
    close_day(db, stores, store, "2026-11-04", "day")
    assert entered(db) == {"1900": "225.00", "2610": "-45.00", "3001": "-180.00"}
    assert list(verify.problems(db)) == []


WRITES = ["insert_many", "insert_one", "update_many"]


@pytest.mark.parametrize("fails_at", range(1, 7))
def test_a_crash_anywhere_leaves_whole_entries_and_closing_again_makes_the_rest(
    db: Db, stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """The process ends ahead of one of the writes that make two entries (one of them a correction)."""
    put(db)
    as_of_then(db, stores)
    close_day(db, stores, store, DAY, "day")
    put(db, net="80.00")
    put(db, 2, "40.00", day=NEXT)
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    _fail_ahead_of_write(monkeypatch, fails_at)
    with pytest.raises(PyMongoError):
        close_day(db, stores, store, NEXT, "day")
    monkeypatch.undo()
    db.accounting_state.update_one({"_id": "closing"}, {"$set": {"holder": ""}})
    close_day(db, stores, store, NEXT, "day")
    assert entered(db) == {"1900": "150.00", "2610": "-30.00", "3001": "-120.00"}
    assert list(verify.problems(db)) == []
    lines = {(each["number"], each["token"]) for each in db.accounting_lines.find()}
    entries = {(each["number"], each["token"]) for each in db.accounting_entries.find()}
    assert lines == entries, "no lines are left without an entry"


def _fail_ahead_of_write(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the numbered write of an entry, its lines or its closing fail."""
    left = [number]
    for name in WRITES:
        original: Callable[..., Any] = getattr(Collection, name)

        def write(self: Any, *args: Any, original: Callable[..., Any] = original, **more: Any) -> Any:
            if self.name in ("accounting_lines", "accounting_entries", "accounting_closings", "accounting_sources"):
                left[0] -= 1
                if left[0] == 0:
                    raise PyMongoError("the process ends here")
            return original(self, *args, **more)

        monkeypatch.setattr(Collection, name, write)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda db: db.accounting_entries.update_one({"number": 1}, {"$set": {"date": NEXT}}),
            "was changed after it was made",
        ),
        (
            lambda db: db.accounting_lines.update_one({}, {"$set": {"lines.0.account": "9999"}}),
            "has other lines than when it was made",
        ),
        (lambda db: db.accounting_lines.delete_one({}), "has other lines than when it was made"),
        (lambda db: db.accounting_entries.delete_one({"number": 1}), "some are missing"),
        (lambda db: db.accounting_entries.delete_one({"number": 2}), f"is missing, with which default:SEK:{NEXT} was"),
        (
            lambda db: (
                db.accounting_entries.delete_one({"number": 2}),
                db.accounting_closings.delete_one({"_id": f"default:SEK:{NEXT}"}),
                db.accounting_exports.insert_one({"_id": 1, "key": "k", "format": "csv", "numbers": [1, 2]}),
            ),
            "missing that are in export 1",
        ),
    ],
)
def test_an_entry_that_was_changed_shows(
    db: Db, stores: Stores, store: Store, change: Callable[[Db], Any], problem: str
) -> None:
    put(db)
    put(db, 2, day=NEXT)
    list(close_until(db, stores, store, NEXT, "day"))
    assert list(verify.problems(db)) == []
    change(db)
    assert any(problem in each for each in verify.problems(db))


def test_what_comes_after_a_day_was_closed_is_not_lost_where_it_is_closed_once_more(
    db: Db, stores: Stores, store: Store
) -> None:
    """On the day itself: somebody closes it at noon and again in the evening."""
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, net="80.00")
    put(db, 2, "40.00")
    put(db, 3, "8.00", currency="EUR")
    refresh(db, stores)
    as_if_changed_on(db, DAY)
    again = close_day(db, stores, store, DAY, "day")
    assert [(each.currency, each.was_closed) for each in again] == [("EUR", False), ("SEK", True)]
    close_day(db, stores, store, NEXT, "day")
    assert entered(db) == {"1900": "160.00", "2610": "-32.00", "3001": "-128.00"}
    assert db.accounting_sources.count_documents({"$or": [{"changed": True}, {"open": {"$ne": []}}]}) == 0


def test_who_hung_and_lost_the_lease_neither_enters_twice_nor_makes_an_entry_without_lines(
    db: Db, stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has written the lines of an entry and hangs; another one closes the day; then it goes on."""
    put(db)
    original = Collection.insert_one
    others: list[Any] = []

    def insert_one(self: Any, document: Any, *args: Any, **more: Any) -> Any:
        if self.name == "accounting_entries" and not others:
            others.append(None)
            ended = {"$set": {"until": datetime(2020, 1, 1, tzinfo=UTC)}}
            db.accounting_state.update_one({"_id": "closing"}, ended)
            monkeypatch.setattr(close._Writer, "make", _hang)
            with pytest.raises(RuntimeError, match="hung"):
                close_day(db, stores, store, DAY, "day")
            monkeypatch.setattr(close._Writer, "make", make)
        return original(self, document, *args, **more)

    def _hang(*_: Any) -> str:
        raise RuntimeError("hung")

    make = close._Writer.make
    monkeypatch.setattr(Collection, "insert_one", insert_one)
    with pytest.raises(lease.ClosedElsewhere):
        close_day(db, stores, store, DAY, "day")
    monkeypatch.undo()
    assert list(verify.problems(db)) == []
    close_day(db, stores, store, DAY, "day")
    assert entered(db) == SALE


def test_a_day_that_is_closed_with_many_corrections_still_names_its_own_entry(
    db: Db, stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(close, "_MOST_NAMED", 1)
    put(db)
    close_day(db, stores, store, DAY, "day")
    put(db, net="80.00")
    put(db, 2, day=NEXT)
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    close_day(db, stores, store, NEXT, "day")
    closing = db.accounting_closings.find_one({"day": NEXT})
    assert closing is not None
    assert closing["entries"] == [f"day:default:SEK:{NEXT}"]


def test_what_is_paid_after_its_sale_was_entered_is_booked_on_its_day_and_corrects_nothing(
    db: Db, stores: Stores, store: Store
) -> None:
    """As what is paid on delivery: the shop says only then that it is paid."""
    put(db, status="processing", paid_at=None)
    as_of_then(db, stores)
    close_day(db, stores, store, DAY, "day")
    assert entered(db) == {"1510": "125.00", "2610": "-25.00", "3001": "-100.00"}
    put(db, paid_at=datetime.fromisoformat(f"{NEXT}T12:00:00+00:00"))
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    close_day(db, stores, store, NEXT, "day")
    [_, of_next] = db.accounting_entries.find().sort("number", 1)
    assert (of_next["corrects"], {each["account"]: str(each["amount"]) for each in of_next["lines"]}) == (
        "",
        {"1510": "-125.00", "1900": "125.00"},
    )
    put(db, net="80.00", paid_at=datetime.fromisoformat(f"{NEXT}T12:00:00+00:00"))
    refresh(db, stores)
    as_if_changed_on(db, "2026-11-04")
    close_day(db, stores, store, "2026-11-04", "day")
    assert entered(db) == {"1900": "100.00", "2610": "-20.00", "3001": "-80.00"}


def test_a_sale_that_is_not_entered_yet_is_of_the_day_it_was_paid(db: Db, stores: Stores, store: Store) -> None:
    put(db, status="processing", paid_at=None)
    refresh(db, stores)
    put(db, paid_at=datetime.fromisoformat(f"{NEXT}T12:00:00+00:00"))
    assert close_day(db, stores, store, DAY, "day") == []
    close_day(db, stores, store, NEXT, "day")
    assert entered(db) == SALE


def test_all_that_is_worked_out_anew_is_as_it_was(db: Db, stores: Stores, store: Store) -> None:
    """As after a restore: what was noted of changes is not in a backup."""
    put(db, refunds=[{"id": 7, "amount": Decimal128("10.00")}])
    pay(db, "5.00", wanted=(order_key_by_id("default", "999"),))
    refresh(db, stores)
    before = list(db.accounting_sources.find())
    db.accounting_progress.drop()
    refresh(db, stores)
    assert list(db.accounting_sources.find()) == before
    assert len(before) == 2


def test_who_lost_the_lease_closes_no_day(
    db: Db, stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs after its entry is made: which days are closed may not change under whoever closes another one."""
    put(db)
    make = close._Writer.make

    def make_and_hang(self: close._Writer, entry: Any) -> str:
        made = make(self, entry)
        db.accounting_state.update_one({"_id": "closing"}, {"$set": {"holder": "another"}})
        return made

    monkeypatch.setattr(close._Writer, "make", make_and_hang)
    with pytest.raises(lease.ClosedElsewhere):
        close_day(db, stores, store, DAY, "day")
    assert db.accounting_closings.count_documents({}) == 0
    monkeypatch.undo()
    db.accounting_state.update_one({"_id": "closing"}, {"$set": {"holder": ""}})
    assert close_day(db, stores, store, DAY, "day") == [Closed("default", DAY, "SEK", (f"day:default:SEK:{DAY}",))]
    assert close_day(db, stores, store, DAY, "day") == [Closed("default", DAY, "SEK", (), was_closed=True)]
    assert entered(db) == SALE


def test_a_day_on_which_all_was_sold_and_refunded_is_closed_with_its_z_report(
    db: Db, stores: Stores, store: Store
) -> None:
    back = {"id": 7, "amount": Decimal128("125.00"), "created_at": datetime.fromisoformat(f"{DAY}T15:00:00+00:00")}
    put(db, refunds=[back])
    refresh(db, stores)
    as_if_changed_on(db, DAY)
    assert close_day(db, stores, store, DAY, "day") == [Closed("default", DAY, "SEK", ())]
    assert close_day(db, stores, store, DAY, "day") == [Closed("default", DAY, "SEK", (), was_closed=True)]
    [report] = z_reports(db, stores, store, DAY)
    assert (report["status"], report["receipts"], report["refunds_count"]) == ("closed", 1, 1)
    put(db)
    refresh(db, stores)
    as_if_changed_on(db, NEXT)
    [closed] = close_day(db, stores, store, NEXT, "day")
    assert closed.entries == (f"correction:default:SEK:{NEXT}:{DAY}",)
    assert entered(db) == SALE
    assert list(verify.problems(db)) == []
