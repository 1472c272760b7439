"""What a till reports comes to the same in any order of arrival, with any duplicates, crashes and processes; a till and
a shop that sell the same unit leave a ledger that adds up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_api.config import Config
from pos_api.database.client import Db
from tests.factories import assert_books_balance, line, order, stock_of
from tests.factories import product as shop_product
from tests.senders.any_order import (
    Delivery,
    assert_any_arrival_ends_the_same,
    assert_any_crash_ends_the_same,
    bounded,
    processes_with,
)
from tests.senders.kaynko.till import add_till, debt, item, product, sale, session, stock, void
from tests.steps import Crash, Process, clear, interleave

_TILL = "till-1"
_RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
_METHODS = ("cash", "card", "credit")


@pytest.fixture
def pair(config: Config, db: Db) -> Iterator[list[Process]]:
    """Two processes that know a till."""

    def add(db: Db) -> None:
        add_till(db, config, _TILL)

    with processes_with(config, add) as pair:
        yield pair


def _start(db: Db) -> None:
    stock(db, "A", "B")


_items = st.lists(
    st.builds(item, st.sampled_from(["A", "B", None]), st.sampled_from([1, 2, 1.5])), min_size=1, max_size=3
)


@st.composite
def _reports(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to seven reports about two sales, a session and a debt, each sent at another time."""
    minutes = draw(st.permutations(range(10)))
    reports: list[dict[str, Any]] = []
    for sent in minutes[: draw(st.integers(1, 7))]:
        what, number = draw(st.sampled_from(["sale", "sale", "void", "session", "debt"])), draw(st.integers(1, 2))
        if what == "sale":
            total = draw(st.sampled_from([15.5, 0.1, 100]))
            method = draw(st.sampled_from(_METHODS))
            made = draw(st.sampled_from([0, sent]))
            name = f"Buyer {total}"  # whose name it is says the content, else none would be right
            lines = draw(_items)
            more = {"total": total, "paymentMethod": method, "customerName": name}
            reports.append(sale(number, *lines, sent=sent, made=made, **more))
        elif what == "void":
            reports.append(void(number, sent=sent, voidReason=draw(st.sampled_from(["broken", "returned"]))))
        elif what == "session":
            change = draw(st.sampled_from(["opened", "closed"]))
            reports.append(session(5, change, draw(st.sampled_from([20, 30.5])), sent=sent))
        else:
            reports.append(debt(7, draw(st.sampled_from([50, 0.1])), sent=sent))
    return reports


def _deliveries(reports: list[dict[str, Any]]) -> list[Delivery]:
    return [Delivery(_TILL, {}, each) for each in reports]


def _newest_sales(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What counts of these reports: of each sale that was not voided, what was sent last."""
    voided = {each["data"]["saleId"] for each in reports if each["event"] == "sale.voided"}
    sales = sorted((each for each in reports if each["event"] == "sale.completed"), key=lambda each: each["timestamp"])
    newest = {each["data"]["saleId"]: each["data"] for each in sales}
    return [data for number, data in newest.items() if number not in voided]


def _assert_units_and_cash_are_those_of(db: Db, reports: list[dict[str, Any]]) -> None:
    counted = _newest_sales(reports)
    for sku in ("A", "B"):
        sold = sum(each["quantity"] for data in counted for each in data["items"] if each["productCode"] == sku)
        assert stock_of(db)[sku] == 10 - sold
    debts = {each["timestamp"]: each["data"]["paymentAmount"] for each in reports if each["event"] == "debt.settled"}
    cash = [data["total"] for data in counted if data["paymentMethod"] == "cash"] + list(debts.values())
    paid = [data["total"] for data in counted if data["paymentMethod"] != "credit"] + list(debts.values())
    assert sum(each["amount"].to_decimal() for each in db.cash_movements.find()) == sum(Decimal(str(x)) for x in cash)
    payments = [each for each in db.payments.find() if each["status"] != "canceled"]
    kept = sum(each["amount"].to_decimal() - each["refunded"].to_decimal() for each in payments)
    assert kept == sum(Decimal(str(each)) for each in paid)


@given(reports=_reports(), data=st.data())
@bounded
def test_any_order_of_arrival_and_any_duplicates_end_in_the_same_state(
    reports: list[dict[str, Any]], data: st.DataObject, pair: list[Process]
) -> None:
    assert_any_arrival_ends_the_same(pair, _start, _deliveries(reports), data)
    _assert_units_and_cash_are_those_of(pair[0].db, reports)


@given(reports=_reports(), at=st.integers(1, 40), again=st.integers(1, 30))
@bounded
def test_a_crash_ahead_of_any_step_loses_nothing_and_doubles_nothing(
    reports: list[dict[str, Any]], at: int, again: int, pair: list[Process]
) -> None:
    assert_any_crash_ends_the_same(pair, _start, _deliveries(reports), at=at, again=again)
    _assert_units_and_cash_are_those_of(pair[0].db, reports)


def _till_sends(process: Process, message: dict[str, Any]) -> None:
    process.deliver_bodies([Delivery(_TILL, {}, message).sent()], _RECEIVED)


def _shop_sends(process: Process, status: str, modified: int) -> None:
    process.deliver("order.updated", order(1, line("A", 1), modified=modified, status=status))


@pytest.mark.parametrize("i", range(1, 11))
def test_a_till_and_a_shop_that_sell_the_last_unit_leave_an_exact_ledger(i: int, pair: list[Process]) -> None:
    till, shop = pair
    sold, voided = sale(42, item("A", 1)), void(42)
    for j in range(1, 11):
        clear(till.db)
        stock(till.db, "A", units=1)
        interleave(till, lambda: _till_sends(till, sold), shop, lambda: _shop_sends(shop, "processing", 1), i, j)
        assert stock_of(till.db) == {"A": -1}, "both have sold it"
        interleave(till, lambda: _till_sends(till, voided), shop, lambda: _shop_sends(shop, "cancelled", 2), i, j)
        assert stock_of(till.db) == {"A": 1}, "both have given it back"
        assert_books_balance(till.db)
        assert sum(each["amount"].to_decimal() for each in till.db.cash_movements.find()) == 0


@pytest.mark.parametrize("i", range(1, 11, 3))
def test_a_sale_and_its_void_at_two_processes_at_once_leave_nothing_sold(i: int, pair: list[Process]) -> None:
    one, other = pair
    sold, voided = sale(42, item("A", 1)), void(42)
    for j in range(1, 14, 3):
        clear(one.db)
        stock(one.db, "A", units=1)
        interleave(one, lambda: _till_sends(one, sold), other, lambda: _till_sends(other, voided), i, j)
        assert stock_of(one.db) == {"A": 1}
        assert [each["status"] for each in one.db.orders.find()] == ["voided"]
        assert [each["status"] for each in one.db.payments.find()] == ["refunded"]
        assert sum(each["amount"].to_decimal() for each in one.db.cash_movements.find()) == 0
        assert_books_balance(one.db)


_CODES = st.sampled_from(["A", "SHOP", "NEW", "OTHER", None])


@given(reports=st.lists(st.tuples(st.integers(1, 3), _CODES, st.integers(0, 20)), min_size=1, max_size=8))
@bounded
def test_whatever_a_till_reports_about_products_no_stock_moves(
    reports: list[tuple[int, str | None, int]], pair: list[Process]
) -> None:
    till, shop = pair
    clear(till.db)
    stock(till.db, "A")
    assert shop.deliver("product.created", shop_product(9, "SHOP", 7)) == "created"
    for number, code, sent in reports:
        _till_sends(till, product(number, code, f"Name {sent}", sent=sent))
    found = {each["_id"]: each for each in till.db.products.find()}
    assert (found.pop("A")["stock"], found["SHOP"]["stock"], found.pop("SHOP")["name"]) == (10, 7, "Product SHOP")
    assert not found, "a till makes no product"
    assert {each["seq"] for each in till.db.stock_movements.find()} == {1}, "each ledger has its beginning alone"
    assert_books_balance(till.db)


@pytest.mark.parametrize("step", range(3, 6))
def test_the_buyers_name_is_not_lost_when_a_void_overtakes_a_sale_that_was_cut_short(
    pair: list[Process], step: int
) -> None:
    one, other = pair
    clear(one.db)
    _start(one.db)
    one.steps.crash_at(step)
    with pytest.raises(Crash):
        one.deliver_bodies([Delivery(_TILL, {}, sale(1, item("A"), customerName="Jane")).sent()], _RECEIVED)
    one.steps.go_on()
    other.deliver_bodies([Delivery(_TILL, {}, void(1)).sent()], _RECEIVED + timedelta(seconds=5))
    other.take_over()
    [known] = one.db.orders.find()
    assert (known["status"], known["billing"]["first_name"]) == ("voided", "Jane")
