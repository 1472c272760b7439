"""What refund lines return of an order's lines."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128

from pos_api.common.quantity import Quantity
from pos_api.orders.model import Order
from tests.orders.plain import bare, goods, held, known, lines, merged, update


def refunded(sold: list[dict[str, Any]], *back: dict[str, Any], status: str = "processing") -> Order:
    """The order of these lines, with one refund of those."""
    refund = {"id": 9, "amount": Decimal128("5"), "line_items": list(back)}
    fields = {"status": status, "line_items": sold, "refunds": [refund]}
    return merged(update(fields=fields), catalogue=known("A", "B"))


@pytest.mark.parametrize(
    ("sold", "back", "units"),
    [
        ([{"sku": "A", "product_id": 7}], {"product_id": 7}, {"A": 3}),
        ([{"sku": "A", "product_id": 7}], {"product_id": 7, "sku": "A, renamed"}, {"A": 3}),
        ([{"sku": "A"}], {"sku": "A"}, {"A": 3}),
        ([{"sku": "A"}, {"sku": "B"}], {"sku": "B"}, {"A": 5, "B": 3}),
        ([{"sku": "A"}, {"sku": "A"}], {"sku": "A", "quantity": 7}, {"A": 3}),
        (
            [{"sku": "A", "product_id": 7}, {"sku": "B", "product_id": 7}],
            {"product_id": 7, "sku": "A"},
            {"A": 3, "B": 5},
        ),
        ([{"sku": "A", "id": 1}, {"sku": "B", "id": 1}], {"sku": "B", "line_item_id": 1}, {"A": 5, "B": 3}),
        ([{"sku": "A", "id": 0}, {"sku": "A"}], {"line_item_id": 2}, {"A": 8}),
        ([{"sku": "A"}], {"sku": "A", "line_item_id": 9}, {"A": 5}),
    ],
    ids=[
        "product",
        "product before SKU",
        "SKU",
        "one of two",
        "lines of one product",
        "SKU of one id",
        "ids twice",
        "no id",
        "line is gone",
    ],
)
def test_a_refund_line_returns_the_units_of_the_line_or_of_the_product_that_it_names(
    sold: list[dict[str, Any]], back: dict[str, Any], units: dict[str, Quantity]
) -> None:
    order = refunded([{"id": n, "quantity": 5, **each} for n, each in enumerate(sold, 1)], {"quantity": 2, **back})
    assert (held(order), order["warnings"]) == (units, [])


@pytest.mark.parametrize("back", [{}, {"sku": "C"}, {"product_id": 7}, {"sku": "", "product_id": 0}])
def test_a_refund_line_that_could_be_any_lines_is_warned_of_and_returns_nothing(back: dict[str, Any]) -> None:
    sold = lines(bare("A", 5, product_id=7), bare("B", 5, product_id=7))
    order = refunded(sold, {"quantity": 2, **back}, {"quantity": 0})
    [warning] = order["warnings"]
    assert warning["message"] == (
        f"Refund 9 returns 2 of {back.get('sku') or back.get('product_id') or 'no name'}, which is no line of this"
        " order, or several; its stock is not moved."
    )
    assert held(order) == {"A": 5, "B": 5}


def test_where_the_shop_says_what_it_has_taken_refund_lines_say_nothing_of_stock() -> None:
    order = refunded([goods("A", 5, 4)], {"quantity": 2})
    assert (held(order), order["warnings"]) == ({"A": 4}, [])
