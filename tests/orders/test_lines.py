"""Which product an order's line is matched with, and what is noted where there is none."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pos_api.orders.merge import merge
from pos_api.orders.model import Order, OrderUpdate
from tests.orders.plain import bare, goods, held, known, lines, merged, update


def of(*each: dict[str, Any], status: str = "processing", seconds: float = 0) -> OrderUpdate:
    """An update with these lines."""
    return update(seconds, fields={"status": status, "line_items": list(each)})


def products(order: Order) -> list[str | None]:
    return [line.get("product") for line in order["line_items"]]


def test_a_line_is_matched_by_its_sku() -> None:
    assert products(merged(of(*lines(bare("A"), bare("B"), bare(""))), catalogue=known("A", "C"))) == ["A", None, None]


def test_an_unknown_sku_is_warned_of_and_never_moved_by_this_order() -> None:
    order = merged(of(bare("LATER", 2)))
    assert (order["unmatched"], [each["code"] for each in order["warnings"]]) == (["LATER"], ["unknown_sku"])
    order = merged_onto(order, of(bare("LATER", 4), seconds=1), "LATER")
    assert (order["unmatched"], held(order)) == (["LATER"], {})


def merged_onto(before: Order, now: OrderUpdate, *skus: str) -> Order:
    return merge(before, now, known(*skus))


def test_a_blank_sku_is_never_matched_nor_warned_of() -> None:
    order = merged(of(bare("")), catalogue=known("A"))
    assert (order["unmatched"], order["warnings"]) == ([], [])


@pytest.mark.parametrize("gone", ["", "unknown here"])
def test_a_line_whose_product_is_gone_from_the_shop_or_renamed_keeps_it_here(gone: str) -> None:
    order = merged(
        of(bare("A", 3, product_id=7)),
        of(bare(gone, 3, product_id=7), status="completed", seconds=1),
        catalogue=known("A"),
    )
    assert held(order) == {"A": 3}


def test_a_line_without_an_id_in_the_shop_that_names_another_sku_is_another_products() -> None:
    order = merged(of(bare("N8", 5)), of(bare("N9", 5), seconds=1), catalogue=known("N8", "N9"))
    assert held(order) == {"N9": 5}
    assert held(merged_onto(order, of(bare("", 4), seconds=2), "N8", "N9")) == {"N9": 4}


def test_a_line_of_another_product_of_the_shop_is_another_products() -> None:
    order = merged(of(bare("A", 1, product_id=7)), of(bare("B", 1, product_id=8), seconds=1), catalogue=known("A", "B"))
    assert held(order) == {"B": 1}


def test_a_line_whose_variation_was_deleted_keeps_its_product() -> None:
    """The shop goes on with the parent's id and SKU, and gives nothing back when the order is cancelled."""
    order = merged(
        of(goods("HOOD-S", 2, 2, product_id=320, variation_id=321)),
        of(goods("HOOD", 2, 2, product_id=320), status="cancelled", seconds=1),
        catalogue=known("HOOD", "HOOD-S"),
    )
    assert held(order) == {"HOOD-S": 2}


def test_a_line_id_that_comes_twice_is_no_identity() -> None:
    twice = [bare("N3", 2), bare("N4", 3), bare("N3", 4)]
    order = merged(of(*twice), of(*twice[:2], bare("N3", 5), seconds=1), catalogue=known("N3", "N4"))
    assert held(order) == {"N3": 7, "N4": 3}
    assert held(merged_onto(order, of(bare("N4", 1), seconds=2), "N3", "N4")) == {"N4": 1}
    assert held(merged_onto(order, of(bare("", 1), seconds=2), "N3", "N4")) == {}, "it could be either"


def test_of_an_order_from_before_only_the_lines_it_was_first_seen_with_were_counted_already() -> None:
    catalogue = known("A", "B")
    first = update(opening=True, fields={"status": "processing", "line_items": lines(goods("A", 3, 3))})
    then = update(1, opening=True, fields={"line_items": lines(goods("A", 3, 3), goods("B", 2, 2))})
    assert merged(first, then, catalogue=catalogue)["opening"] == ["A"]


def test_the_time_that_an_order_takes_grows_with_its_lines_and_no_faster() -> None:
    many = [{"id": number, "sku": f"new-{number}", "quantity": 1} for number in range(1, 12_001)]
    began = time.process_time()
    order = merged(of(*many))
    assert time.process_time() - began < 4  # a list that is sorted anew for each line takes several times as long
    assert len(order["unmatched"]) == len(many)
