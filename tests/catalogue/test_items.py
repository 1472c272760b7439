"""Items of ordering apps: what is reported of them, and their links to products. Pure rules."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pos_api.catalogue import items
from pos_api.catalogue.matching import Candidates, KnownProduct, Match, line_reference, match
from pos_api.catalogue.model import ItemDocument, ItemUpdate
from pos_api.errors import Invalid
from tests.catalogue.test_matching import known

_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _update(minutes: int, **said: Any) -> ItemUpdate:
    return ItemUpdate("app", 7, _NOON + timedelta(minutes=minutes), **said)


def test_of_each_field_the_latest_report_counts_in_any_order_and_however_often() -> None:
    updates = [
        _update(1, name="Soup", exists=True),
        _update(2, available=False),
        _update(3, name="Stew"),
        _update(3, name="Broth"),
        _update(2, available=True),
    ]
    ends = set()
    for arrival in itertools.permutations(updates):
        item: ItemDocument | None = None
        for update in (*arrival, arrival[0]):
            item = items.after(item, update)
        assert item is not None
        ends.add((item["name"], item["available"], item["exists"]))
    assert ends == {("Stew", True, True)}


def test_what_changes_nothing_is_no_revision() -> None:
    item = items.after(None, _update(1, name="Soup"))
    assert items.after(item, _update(0, name="Stew")) is not item
    assert items.after(item, _update(0, name="Stew")) == item
    assert items.after(item, _update(2)) == item


def _linked(sku: str, *external_ids: str) -> KnownProduct:
    return known(sku, "default:1", *external_ids)


def test_a_line_by_id_is_of_the_linked_product_whatever_its_sku() -> None:
    salad, soup = _linked("SALAD", "app:7"), known("SOUP", "default:2")
    candidates = Candidates((salad, soup))
    assert match(line_reference("app", "", 7, by_id=True), candidates) == Match(salad)
    assert match(line_reference("app", "SOUP", 7, by_id=True), candidates) == Match(salad), "it renames nothing"
    assert match(line_reference("app", "SOUP", 8, by_id=True), candidates) == Match(None), "a SKU says nothing"
    assert match(line_reference("app", "SOUP", 0, by_id=True), candidates) == Match(None)
    assert match(line_reference("other", "", 7, by_id=True), candidates) == Match(None), "another store's item"


@pytest.mark.parametrize("text", ["", "0", "-1", "1.0", "seven", "٣", "9" * 20, "9223372036854775808"])
def test_an_item_is_named_by_a_number(text: str) -> None:
    with pytest.raises(Invalid):
        items.item_number(text)


def test_a_number_may_have_blanks_around_it_and_zeros_ahead() -> None:
    assert items.item_number(" 007 ") == 7
