"""What an order holds of each product, by its lines and its status: pure rules, no database."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pos_api.common.quantity import Quantity
from pos_api.database.client import Document
from pos_api.orders import holding
from pos_api.orders.model import Order
from pos_api.orders.status import set_status
from pos_api.senders.woocommerce.status_meanings import order_status


def full(quantity: Quantity, reduced: Quantity | None = None, product: str = "A") -> Document:
    """A line that came with all that the shop knows of it."""
    return {**bare(quantity, product), "full": True, **({} if reduced is None else {"reduced_stock": reduced})}


def bare(quantity: Quantity, product: str = "A") -> Document:
    """A line of a sender that says nothing of the shop's stock."""
    return {"sku": product, "product": product, "quantity": quantity}


def order(status: str, *lines: Document, **more: Any) -> Order:
    stored: Any = {"line_items": list(lines), "opening": [], **more}
    set_status(stored, order_status(status))
    return cast("Order", stored)


def held(order: Order) -> dict[str, Quantity]:
    return {each["sku"]: each["quantity"] for each in holding.held(order)}


def after(order: Order, status: str) -> Order:
    """The order after an update that said nothing but its status."""
    changed = order.copy()
    set_status(changed, order_status(status))
    changed["line_items"] = holding.lines_after_status(changed, order["stock_rule"])
    return changed


ALL = ["pending", "on-hold", "processing", "completed", "cancelled", "refunded", "failed", "trash", "quote", "shipped"]


@pytest.mark.parametrize("status", ALL)
def test_a_full_line_holds_where_the_shop_takes_stock_or_keeps_it_back(status: str) -> None:
    holds = status in {"pending", "on-hold", "processing", "completed"}
    assert held(order(status, full(2))) == {"A": 2 if holds else 0}


@pytest.mark.parametrize("status", ALL)
def test_a_line_that_says_nothing_of_the_shops_stock_holds_in_any_status_but_those_that_give_back(status: str) -> None:
    gives_back = status in {"cancelled", "refunded", "failed", "trash"}
    assert held(order(status, bare(2))) == {"A": 0 if gives_back else 2}


@pytest.mark.parametrize("status", ALL)
def test_what_the_shop_says_it_has_taken_is_held_whatever_the_status(status: str) -> None:
    assert held(order(status, full(2, reduced=1))) == {"A": 1}


@pytest.mark.parametrize(
    ("statuses", "units"),
    [
        (["quote"], 0),
        (["quote", "quote-sent"], 0),
        (["quote", "completed"], 4),
        (["quote", "on-hold", "shipped"], 4),
        (["processing", "shipped"], 4),
        (["processing", "shipped", "delivered"], 4),
        (["processing", "shipped", "cancelled"], 0),
        (["pending", "shipped"], 0),
        (["pending", "quote", "processing"], 4),
        (["cancelled", "shipped"], 0),
        (["cancelled", "processing"], 4),
        (["failed", "pending"], 4),
    ],
)
def test_a_status_alone_makes_a_full_line_hold_where_the_shop_takes_stock_and_lets_no_unit_go(
    statuses: list[str], units: int
) -> None:
    changed = order(statuses[0], full(4))
    for status in statuses[1:]:
        changed = after(changed, status)
    assert held(changed) == {"A": units}


@pytest.mark.parametrize("status", ["processing", "completed", "shipped"])
def test_a_status_alone_leaves_what_the_shop_has_taken(status: str) -> None:
    assert held(after(order("processing", full(5, reduced=3)), status)) == {"A": 3}


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("family", [{"parent": "default:1"}, {"suborders_hold": True}])
def test_of_an_order_and_its_sub_orders_each_holds_only_what_the_shop_has_taken_for_it(
    status: str, family: Document
) -> None:
    assert held(order(status, full(2), bare(1), **family)) == {"A": 0}
    assert held(order(status, full(2, reduced=2), **family)) == {"A": 2}
    assert held(after(order("pending", full(2), **family), status)) == {"A": 0}


@pytest.mark.parametrize("status", ALL)
def test_of_a_product_whose_stock_the_shop_does_not_manage_a_full_line_holds_what_was_taken(status: str) -> None:
    unmanaged = {"unmanaged": ["A"]}
    assert held(order(status, full(2), **unmanaged)) == {"A": 0}
    assert held(order(status, full(2, reduced=2), **unmanaged)) == {"A": 2}
    assert held(after(order("pending", full(2), **unmanaged), status)) == {"A": 0}


def test_units_gone_before_stock_was_counted_are_followed_by_what_the_shop_has_taken_alone() -> None:
    assert held(order("processing", full(2), bare(3, "B"), opening=["A", "B", "C"])) == {"A": 0, "B": 0, "C": 0}


@pytest.mark.parametrize("status", ALL)
def test_beside_a_line_the_shop_took_a_full_line_without_its_mark_holds_nothing_but_in_pending(status: str) -> None:
    kept_back = 1 if status == "pending" else 0
    assert held(order(status, full(2, reduced=2), full(1, product="B"))) == {"A": 2, "B": kept_back}
    assert held(order(status, full(2, reduced=0), full(1, product="B"))) == {"A": 0, "B": kept_back}


@pytest.mark.parametrize(
    ("statuses", "units"),
    [(["processing", "completed"], 0), (["shipped", "completed"], 0), (["pending", "processing"], 1)],
)
def test_a_status_alone_takes_nothing_again_where_the_shop_has_taken_stock(statuses: list[str], units: int) -> None:
    before, later = statuses
    assert held(after(order(before, full(2, reduced=2), full(1, product="B")), later)) == {"A": 2, "B": units}


@pytest.mark.parametrize(
    ("statuses", "units"),
    [
        (["completed"], 3),
        (["cancelled"], 0),
        (["cancelled", "processing"], 5),
        (["refunded", "completed"], 5),
        (["pending"], 5),
    ],
)
def test_a_status_without_lines_decides_where_the_units_held_are_out_of_date(statuses: list[str], units: int) -> None:
    """Held were 3 of 5 ordered; an order that held and still holds keeps them."""
    changed = order("processing", full(5, reduced=3))
    for status in statuses:
        changed = after(changed, status)
    assert held(changed) == {"A": units}


def test_a_line_of_which_more_was_restocked_than_is_left_holds_less_than_nothing() -> None:
    assert held(order("processing", full(1, reduced=-1))) == {"A": -1}


def test_a_line_below_zero_is_refunded_by_units_below_zero() -> None:
    back = [{"line_items": [{"quantity": 2, "line_item_id": 1}, {"quantity": -1, "line_item_id": 2}]}]
    lines = (bare(3) | {"id": 1}, bare(-2, "B") | {"id": 2})
    assert held(order("processing", *lines, refunds=back)) == {"A": 1, "B": -1}


def test_an_order_deleted_before_it_was_paid_holds_nothing() -> None:
    assert held(order("pending", full(2), bare(1, "B"), deleted_at="now")) == {"A": 0, "B": 0}
