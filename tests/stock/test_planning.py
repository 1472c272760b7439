"""The movements that bring the ledger to what orders hold."""

from __future__ import annotations

from datetime import UTC, datetime

from pos_api.common.quantity import Quantity
from pos_api.stock.model import Balance, Holding, Movement, stock_changed
from pos_api.stock.planning import plan_movements

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def holding(order: str = "s:1", opening: frozenset[str] = frozenset(), **held: Quantity) -> Holding:
    return Holding(order, held, opening, "the entry")


def plan(*holdings: Holding, last: list[Movement] | None = None, **stock: Quantity) -> list[Movement]:
    by_order: dict[str, dict[str, Movement]] = {}
    for movement in last or []:
        by_order.setdefault(movement["order"], {})[movement["sku"]] = movement
    return plan_movements(list(holdings), by_order, {sku: Balance(1, units) for sku, units in stock.items()}, NOON)


def steps(movements: list[Movement]) -> list[tuple[str, int, Quantity, Quantity, str]]:
    return [(each["sku"], each["seq"], each["quantity"], each["balance"], each["reason"]) for each in movements]


def test_what_an_order_holds_leaves_the_stock() -> None:
    assert steps(plan(holding(B=1, A=2), A=10, B=5)) == [("A", 2, -2, 8, "order"), ("B", 2, -1, 4, "order")]


def test_a_change_moves_the_difference_and_what_is_not_held_any_more_comes_back() -> None:
    first = plan(holding(A=5, B=1), A=10, B=10)
    assert steps(plan(holding(A=2), last=first, A=5, B=9)) == [("A", 2, 3, 8, "return"), ("B", 2, 1, 10, "return")]
    assert plan(holding(A=5, B=1), last=first, A=5, B=9) == []


def test_orders_of_one_batch_follow_each_other_in_a_products_history() -> None:
    assert steps(plan(holding("s:2", A=1), holding("s:1", A=2), A=10)) == [
        ("A", 2, -2, 8, "order"),
        ("A", 3, -1, 7, "order"),
    ]


def test_stock_may_go_below_zero() -> None:
    assert steps(plan(holding(A=5), A=1)) == [("A", 2, -5, -4, "order")]


def test_ten_tenths_are_one() -> None:
    movements = plan(*(holding(f"s:{number}", A=0.1) for number in range(10)), A=1)
    assert movements[-1]["balance"] == 0


def test_units_that_were_gone_before_move_nothing_when_first_seen_and_come_back_later() -> None:
    first = plan(holding(A=3, opening=frozenset("A")), A=10)
    assert steps(first) == [("A", 2, 0, 10, "opening")]
    assert steps(plan(holding(A=0, opening=frozenset("A")), last=first, A=10)) == [("A", 2, 3, 13, "return")]


def test_to_carry_units_to_another_product_moves_no_stock() -> None:
    first = plan(holding(A=2), A=10)
    carried = Holding("s:1", {"B": 2}, frozenset(), "the entry", carried={"A": -2, "B": 2})
    assert steps(plan(carried, last=first, A=8, B=40)) == [("A", 2, 0, 8, "transfer"), ("B", 2, 0, 40, "transfer")]


def test_a_movement_is_an_event_with_the_stock_before_and_after() -> None:
    [movement] = plan(holding("north:7", A=2), A=10)
    event = stock_changed(movement)
    assert (event.id, event.type, event.resource) == ("stock:A:2", "stock.changed", "stock:A")
    assert (event.before, event.after, event.quantity) == (10, 8, -2)
    assert (event.order, event.store, event.cause) == ("north:7", "north", "the entry")
