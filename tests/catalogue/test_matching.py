"""Which product a line of an order is about: decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pos_api.catalogue.matching import (
    MAX_OF_OTHER_STORES,
    Candidates,
    KnownProduct,
    LineReference,
    Match,
    NewExternalId,
    NewSku,
    known_product,
    line_reference,
    match,
)
from pos_api.catalogue.model import ProductDocument

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def known(sku: str, *external_ids: str, former: tuple[str, ...] = (), **more: Any) -> KnownProduct:
    """A product that the default store reported by itself."""
    stores = frozenset(each.partition(":")[0] for each in external_ids)
    more = {"owning_store": "default", "reported": True, **more}
    return KnownProduct(sku, sku, frozenset({sku, *former}), frozenset(external_ids), stores, **more)


def matched(line: LineReference, *products: KnownProduct) -> Match:
    return match(line, Candidates(products))


def test_a_line_is_of_the_product_with_its_sku() -> None:
    cup = known("CUP", "default:1")
    assert matched(line_reference("default", "CUP", 1), cup, known("POT", "default:2")) == Match(cup)
    assert matched(line_reference("default", "CUP", 0), cup) == Match(cup), "a sender without ids"


@pytest.mark.parametrize("line", [line_reference("default", "", 1), line_reference("default", "OTHER", 7)])
def test_a_blank_sku_and_an_unknown_one_of_an_unknown_id_match_nothing(line: LineReference) -> None:
    assert matched(line, known("CUP", "default:1")) == Match(None)


def test_a_known_id_with_an_unknown_sku_renames_the_product() -> None:
    cup = known("CUP", "default:1")
    new = NewSku("CUP", "default", "MUG", renames=True)
    assert matched(line_reference("default", "MUG", 1), cup) == Match(cup, new)


def test_another_stores_new_sku_finds_the_product_and_does_not_rename_it() -> None:
    cup = known("CUP", "default:1", "north:7")
    new = NewSku("CUP", "north", "MUG", renames=False)
    assert matched(line_reference("north", "MUG", 7), cup) == Match(cup, new)


def test_a_product_that_has_as_many_skus_of_other_stores_as_it_may_gets_no_more() -> None:
    cup = known("CUP", "default:1", "north:7", skus_of_other_stores=MAX_OF_OTHER_STORES)
    assert matched(line_reference("north", "MUG", 7), cup) == Match(cup)


def test_of_two_products_the_id_is_right_if_a_store_reported_it() -> None:
    cup, pot = known("CUP", "default:1"), known("POT", "default:2")
    assert matched(line_reference("default", "POT", 1), cup, pot) == Match(cup)


def test_of_two_products_the_sku_is_right_if_the_id_came_from_lines_alone() -> None:
    cup, pot = known("CUP", "default:1", reported=False), known("POT", "default:2")
    assert matched(line_reference("default", "POT", 1), cup, pot) == Match(pot)


def test_a_former_sku_of_another_product_yields_to_the_id() -> None:
    cup, pot = known("CUP", "default:1", former=("OLD",)), known("POT", "default:2", reported=False)
    assert matched(line_reference("default", "OLD", 2), cup, pot).product == pot


def test_a_former_sku_is_not_the_products_where_the_store_has_another_id_for_it() -> None:
    cup = known("CUP", "default:1", former=("OLD",))
    assert matched(line_reference("default", "OLD", 9), cup) == Match(None)
    assert matched(line_reference("default", "OLD", 1), cup) == Match(cup)
    assert matched(line_reference("default", "OLD", 0), cup) == Match(cup), "without an id it can only mean this one"


def test_an_unknown_id_is_linked_to_the_product_with_the_sku() -> None:
    cup = known("CUP", "default:1")
    new = NewExternalId("CUP", "north", "north:7")
    assert matched(line_reference("north", "CUP", 7), cup) == Match(cup, new)


def test_a_second_id_of_one_store_is_not_linked_by_a_line() -> None:
    cup = known("CUP", "default:1")
    assert matched(line_reference("default", "CUP", 2), cup) == Match(cup)


def test_a_variations_id_is_linked_only_where_its_parent_is_known_under_another_sku() -> None:
    line = line_reference("default", "HOOD-S", 17, 18)
    assert line == LineReference("default", "HOOD-S", "default:18", "default:17")
    hood, small = known("HOOD", "default:17"), known("HOOD-S")
    assert matched(line, small) == Match(small), "its SKU may be its parent's"
    new = NewExternalId("HOOD-S", "default", "default:18")
    assert matched(line, small, hood) == Match(small, new)


def test_a_newer_state_of_a_product_counts_for_the_lines_that_follow() -> None:
    candidates = Candidates([known("CUP", "default:1")])
    candidates.put(known("CUP", "default:1", former=("MUG",)))
    assert match(line_reference("default", "MUG", 1), candidates).discovery is None


def test_stock_that_moved_is_found_at_the_parent_and_at_the_variation_again() -> None:
    hood = known("HOOD", "default:17", shared_stock_variations=frozenset({"default:18"}))
    assert Candidates([hood]).stock_moved_to("default:18", "HOOD-S") == hood
    assert Candidates([hood]).stock_moved_to("default:18", "HOOD") is None, "it is there already"
    small = known("HOOD-S", "default:18", stock_parent="HOOD")
    assert Candidates([small]).stock_moved_to("default:18", "HOOD") == small
    assert Candidates([small]).stock_moved_to("default:18", "OTHER") is None


def test_a_line_names_goods_whose_stock_is_not_managed_by_its_id_or_its_parents() -> None:
    hood = known("HOOD", "default:17", unmanaged_ids=frozenset({"default:17"}))
    assert hood.is_unmanaged(line_reference("default", "HOOD-S", 17, 18))
    assert not hood.is_unmanaged(line_reference("north", "HOOD-S", 17, 18))


def test_a_stored_product_is_known_with_all_that_matching_needs() -> None:
    document: ProductDocument = {
        "_id": "OLD",
        "sku": "CUP",
        "skus": ["OLD", "CUP", "MUG"],
        "name": "Cup",
        "price": None,
        "stock": 5,
        "seq": 2,
        "search": [],
        "created_at": NOON,
        "external_ids": ["default:1", "north:7"],
        "owning_store": "default",
        "skus_of_other_stores": ["north:MUG"],
        "synced_at": NOON,
    }
    product = known_product(document)
    assert (product.id, product.sku, product.skus) == ("OLD", "CUP", frozenset({"OLD", "CUP", "MUG"}))
    assert (product.stores, product.owning_store, product.reported) == (
        frozenset({"default", "north"}),
        "default",
        True,
    )
    assert product.skus_of_other_stores == 1
