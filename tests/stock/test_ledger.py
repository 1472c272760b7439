"""The ledger: one history per SKU, whoever moves it and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pos_api.database.client import Db
from pos_api.stock import ledger as stock
from pos_api.stock.model import Holding
from tests.factories import assert_books_balance, stock_of, stock_up


def hold(db: Db, order: str, *, opening: frozenset[str] = frozenset(), **held: float) -> None:
    stock.settle(db, [Holding(order, held, opening, "test")], {})


def test_settling_again_changes_nothing(db: Db) -> None:
    stock_up(db, A=10)
    for _ in range(3):
        hold(db, "s:1", A=3)
    assert stock_of(db) == {"A": 7}
    assert db.stock_movements.count_documents({"order": "s:1"}) == 1


def test_settling_returns_the_changes(db: Db) -> None:
    stock_up(db, A=10)
    holding = Holding("s:1", {"A": 3}, frozenset(), "the entry")
    [change] = stock.settle(db, [holding], {})
    assert (change.id, change.before, change.after, change.cause) == ("stock:A:2", 10, 7, "the entry")
    assert stock.settle(db, [holding], {}) == []


def test_a_product_left_behind_by_a_crash_is_caught_up_by_whoever_settles_next(db: Db) -> None:
    stock_up(db, A=10)
    hold(db, "s:1", A=3)
    db.products.update_one({"_id": "A"}, {"$set": {"stock": 10, "seq": 1}})
    hold(db, "s:1", A=3)
    assert stock_of(db) == {"A": 7}
    db.products.update_one({"_id": "A"}, {"$set": {"stock": 10, "seq": 1}})
    hold(db, "s:2", A=1)
    assert stock_of(db) == {"A": 6}
    assert_books_balance(db)


def test_a_late_projection_does_no_harm(db: Db) -> None:
    stock_up(db, A=10)
    hold(db, "s:1", A=3)
    hold(db, "s:1", A=4)
    movements = list(stock.movements(db).find({"order": "s:1"}).sort("seq", 1))
    stock.project(db, movements[:1])
    assert stock_of(db) == {"A": 6}


def test_many_threads_on_one_product_lose_no_unit(db: Db) -> None:
    stock_up(db, A=1000, B=1000)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: hold(db, f"s:{number % 10}", A=number % 7, B=1), range(60)))
        list(threads.map(lambda _: stock.move(db, "A", -1, reason="broken", cause="staff:bo"), range(20)))
    for number in range(10):
        hold(db, f"s:{number}", A=2, B=1)
    assert stock_of(db) == {"A": 1000 - 20 - 20, "B": 1000 - 10}
    assert_books_balance(db)


def test_a_count_sets_what_there_is_now(db: Db) -> None:
    stock_up(db, A=10)
    hold(db, "s:1", A=3)
    movement = stock.move(db, "A", None, count=12, reason="count", cause="staff:bo")
    assert (movement["quantity"], movement["balance"]) == (5, 12)
    assert_books_balance(db)


def test_what_the_opening_contains_is_held_and_moves_nothing(db: Db) -> None:
    stock_up(db, A=10)
    hold(db, "s:1", opening=frozenset({"A"}), A=3)
    assert stock_of(db) == {"A": 10}
    hold(db, "s:1", opening=frozenset({"A"}), A=0)
    assert stock_of(db) == {"A": 13}


def test_an_order_that_drops_a_product_gives_its_units_back(db: Db) -> None:
    stock_up(db, A=10, B=10)
    hold(db, "s:1", A=3, B=2)
    hold(db, "s:1", B=2)
    assert stock_of(db) == {"A": 10, "B": 8}
