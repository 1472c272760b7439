"""The catalogue: what shops say about products, and what staff do with them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_api.catalogue import apply, product_csv, queries, staff_actions
from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.lookup import lookup
from pos_api.catalogue.matching import line_reference
from pos_api.catalogue.model import ProductDetails, ProductUpdate, details_of
from pos_api.catalogue.opening_stock import lacks_units_of
from pos_api.catalogue.queries import Filter
from pos_api.common.event_warnings import EventWarning
from pos_api.database.client import Db, Document
from pos_api.errors import BadRequest, Conflict, Invalid, NotFound
from pos_api.orders import verify_stock as verify
from pos_api.stock import ledger as stock
from pos_api.stock.opening import StockReduction
from tests.steps import clear

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def said(
    shop_id: int,
    sku: str,
    minutes: int = 0,
    *,
    units: int | None = 10,
    name: str | None = None,
    store: str = "default",
    parent_id: int = 0,
    shared: bool = False,
    published: bool = True,
) -> ProductUpdate:
    """What a shop says about a product so many minutes after noon."""
    at = NOON + timedelta(minutes=minutes)
    return ProductUpdate(
        store=store,
        external_id=external_id(store, shop_id),
        parent_external_id=external_id(store, parent_id) if parent_id else "",
        sku=sku,
        name=name or f"Product {shop_id}",
        price=Decimal128("9.00"),
        stock=None if shared else units,
        shares_parent_stock=shared,
        modified_at=at,
        stock_read_at=at,
        seen_at=at,
        cause=f"{shop_id}{sku}{minutes}".ljust(64, "0"),
        published=published,
    )


def applied(db: Db, update: ProductUpdate) -> tuple[str, list[EventWarning]]:
    """The outcome and the warnings of an update."""
    result = apply.apply(db, update)
    return result.outcome, list(result.warnings)


Word = tuple[int, str, int]


def stock_by_sku(db: Db) -> dict[str, Any]:
    return {product["sku"]: product["stock"] for product in db.products.find()}


def line(db: Db, sku: str, shop_id: int, store: str = "default") -> str | None:
    """The `_id` of the product that an order's line is about, as an order would find and teach it."""
    catalogue = lookup(db, [sku], [external_id(store, shop_id)])
    product = catalogue.match(line_reference(store, sku, shop_id))
    catalogue.links.write(db)
    return product.id if product else None


# --- shops ------------------------------------------------------------------------------------------------------


def test_an_unknown_product_starts_with_the_shops_stock(db: Db) -> None:
    assert applied(db, said(1, "A", units=7)) == ("created", [])
    (movement,) = queries.movements(db, "A")
    assert (movement["quantity"], movement["balance"], movement["reason"]) == (7, 7, "opening")
    known = lookup(db, ["A"]).match(line_reference("default", "A", 1))
    assert known is not None
    assert lacks_units_of(known, "default", StockReduction(1, NOON - timedelta(seconds=1)), {})
    assert not lacks_units_of(known, "default", StockReduction(1, NOON + timedelta(seconds=1)), {})
    assert not lacks_units_of(known, "second", StockReduction(1, NOON - timedelta(seconds=1)), {})


def test_a_known_products_name_and_price_follow_the_shop_and_its_stock_never_does(db: Db) -> None:
    applied(db, said(1, "A", units=7))
    assert applied(db, said(1, "A", 1, units=3, name="Better name"))[0] == "updated"
    product = queries.get(db, "A")
    assert (product["name"], product["stock"], product["seq"]) == ("Better name", 7, 1)
    assert [each["sku"] for each in queries.find(db, Filter(words="better"))] == ["A"]


def test_the_same_word_again_changes_nothing(db: Db) -> None:
    applied(db, said(1, "A"))
    before = queries.get(db, "A")
    assert applied(db, said(1, "A"))[0] == "unchanged"
    assert queries.get(db, "A") == before


def test_an_older_word_that_comes_late_changes_nothing(db: Db) -> None:
    applied(db, said(1, "NEW", 5, name="Now"))
    before = queries.get(db, "NEW")
    assert applied(db, said(1, "OLD", 0, name="Then"))[0] == "stale"
    assert queries.get(db, "NEW") == before


def test_an_older_word_that_comes_late_takes_no_sku_from_another_product(db: Db) -> None:
    applied(db, said(1, "A"))
    applied(db, said(1, "A-OLD", 5))
    applied(db, said(2, "B", 10))
    assert applied(db, said(2, "A", 1))[0] == "stale"
    assert queries.get(db, "A")["_id"] == "A"


@pytest.mark.parametrize("units", [None])
def test_without_managed_stock_or_sku_there_is_nothing_to_keep(db: Db, units: None) -> None:
    outcome, (warning,) = applied(db, said(1, "A", units=units))
    assert outcome == "ignored"
    assert "A" in warning.message
    assert applied(db, said(1, ""))[0] == "ignored"
    assert db.products.count_documents({}) == db.stock_movements.count_documents({}) == 0


def test_a_renamed_product_goes_on_under_its_new_sku_and_the_old_one_still_finds_it(db: Db) -> None:
    applied(db, said(1, "OLD", units=7))
    assert applied(db, said(1, "NEW", 1, units=5))[0] == "updated"
    assert queries.get(db, "NEW")["_id"] == queries.get(db, "OLD")["_id"] == "OLD"
    assert stock_by_sku(db) == {"NEW": 7}
    assert [each["sku"] for each in queries.find(db, Filter(words="old"))] == ["NEW"]


def test_a_line_with_a_known_id_and_an_unknown_sku_renames_too(db: Db) -> None:
    applied(db, said(1, "OLD"))
    assert line(db, "NEW", 1) == "OLD"
    assert queries.get(db, "NEW")["sku"] == "NEW"
    assert [each["sku"] for each in queries.find(db, Filter(words="new"))] == ["NEW"]


def test_two_products_that_swap_their_skus_keep_their_stock(db: Db) -> None:
    applied(db, said(1, "A", units=5))
    applied(db, said(2, "B", units=9))
    for minutes, (shop_id, sku) in enumerate([(1, "TEMP"), (2, "A"), (1, "B")], start=1):
        assert applied(db, said(shop_id, sku, minutes, units=0))[0] == "updated"
    assert stock_by_sku(db) == {"B": 5, "A": 9}
    assert (line(db, "A", 2), line(db, "B", 1)) == ("B", "A")
    assert (queries.get(db, "A")["_id"], queries.get(db, "B")["_id"]) == ("B", "A")


def test_a_line_follows_its_id_when_its_sku_was_another_products_formerly(db: Db) -> None:
    applied(db, said(1, "A"))
    applied(db, said(2, "B"))
    applied(db, said(1, "A-OLD", 1))
    assert line(db, "A", 2) == "B"
    assert line(db, "A", 1) == "A"


def test_a_line_of_another_product_that_took_over_a_former_sku_moves_nothing(db: Db) -> None:
    applied(db, said(1, "A"))
    applied(db, said(1, "A-OLD", 1))
    assert applied(db, said(2, "A", 2, units=None))[0] == "ignored", "the shop does not manage its stock"
    assert line(db, "A", 2) is None
    assert line(db, "A", 1) == "A"
    assert line(db, "A", 0) == "A", "a sender without ids means the only product that ever went by it"


def test_a_new_product_under_a_former_sku_has_a_ledger_of_its_own(db: Db) -> None:
    applied(db, said(1, "A", units=5))
    applied(db, said(1, "A-OLD", 1))
    assert applied(db, said(2, "A", 2, units=100, name="The new A"))[0] == "created"
    assert stock_by_sku(db) == {"A-OLD": 5, "A": 100}
    assert queries.get(db, "A")["name"] == "The new A"
    assert line(db, "A", 2) == queries.get(db, "A")["_id"]
    assert [movement["balance"] for movement in queries.movements(db, "A")] == [100]
    assert applied(db, said(1, "A-OLD", 3))[0] == "unchanged"
    assert applied(db, said(2, "A", 3, name="The new A"))[0] == "unchanged"


def test_a_crash_while_a_former_sku_changes_hands_is_mended_by_the_next_run(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(db, said(1, "A", units=5))
    applied(db, said(1, "A-OLD", 1))
    with monkeypatch.context() as crash:
        crash.setattr(stock, "open_ledger", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            applied(db, said(2, "A", 2, units=100))
    assert applied(db, said(2, "A", 2, units=100))[0] == "created"
    assert stock_by_sku(db) == {"A-OLD": 5, "A": 100}


def test_a_product_made_anew_under_its_sku_goes_on(db: Db) -> None:
    applied(db, said(1, "A", units=5))
    outcome, (warning,) = applied(db, said(2, "A", 1, units=50, name="Product 1"))
    assert outcome == "updated"
    assert "products 1 and 2 of the shop" in warning.message
    product = queries.get(db, "A")
    assert (product["stock"], product["external_ids"]) == (5, ["default:1", "default:2"])
    assert applied(db, said(2, "A", 1, units=50, name="Product 1")) == ("unchanged", [])


@pytest.mark.parametrize("arrival", list(permutations([(1, "A", 5), (2, "A", 1)])))
def test_two_products_of_a_shop_with_one_sku_are_one_here_and_that_is_told(db: Db, arrival: tuple[Word, ...]) -> None:
    (shop_id, sku, minutes), then = arrival
    assert applied(db, said(shop_id, sku, minutes)) == ("created", [])
    outcome, (warning,) = applied(db, said(then[0], then[1], then[2], units=4))
    assert (outcome, warning.code, dict(warning.values)) == (
        "updated",
        "sku_of_several",
        {"sku": "A", "ids": "1 and 2"},
    )
    (product,) = db.products.find()
    assert (sorted(product["external_ids"]), product["stock"]) == (["default:1", "default:2"], 10)
    assert line(db, "A", 1) == line(db, "A", 2) == "A"


def test_translated_variations_are_one_product_too(db: Db) -> None:
    applied(db, said(21, "CAP-S", parent_id=20))
    assert applied(db, said(31, "CAP-S", 1, parent_id=30))[0] == "updated"
    assert queries.get(db, "CAP-S")["external_ids"] == ["default:21", "default:31"]


Renaming = tuple[int, str]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from("ABCD")), max_size=10))
def test_products_with_one_sku_stay_one_however_often_and_in_whichever_order_they_are_renamed(
    db: Db, renamings: list[Renaming]
) -> None:
    clear(db)
    applied(db, said(1, "A"))
    applied(db, said(2, "A", units=4))
    current = {1: "A", 2: "A"}
    for minutes, (shop_id, sku) in enumerate(renamings, 1):
        applied(db, said(shop_id, sku, minutes, units=0))
        current[shop_id] = sku
        assert [line(db, current[each], each) for each in (1, 2)] == ["A", "A"]
    (product,) = db.products.find()
    assert product["stock"] == 10
    assert {*current.values()} <= {*product["skus"]}
    if renamings:
        assert product["sku"] == renamings[-1][1]


def test_two_products_with_one_sku_swap_it_with_a_third(db: Db) -> None:
    _tell(db, [(1, "A", 0), (2, "A", 0), (3, "B", 0), (3, "A", 1), (1, "B", 1), (2, "B", 1)])
    assert sorted((each["sku"], sorted(each["external_ids"])) for each in db.products.find()) == [
        ("A", ["default:3"]),
        ("B", ["default:1", "default:2"]),
    ]


# --- drafts, and goods without stock ----------------------------------------------------------------------------


def test_a_draft_makes_no_product_and_starts_with_the_stock_it_is_published_with(db: Db) -> None:
    outcome, (warning,) = applied(db, said(1, "A", units=5, published=False))
    assert (outcome, warning.code) == ("ignored", "not_published")
    assert db.products.count_documents({}) == 0
    assert applied(db, said(1, "A", 1, units=20))[0] == "created"
    assert stock_by_sku(db) == {"A": 20}
    assert applied(db, said(1, "A", 2, units=3, name="Back in draft", published=False))[0] == "updated"


def test_a_draft_with_the_sku_of_a_product_changes_nothing_of_it(db: Db) -> None:
    applied(db, said(1, "A"))
    before = queries.get(db, "A")
    assert applied(db, said(2, "A", 1, units=4, published=False))[0] == "ignored"
    assert queries.get(db, "A") == before


def test_goods_without_stock_become_a_product_when_the_shop_manages_it(db: Db) -> None:
    applied(db, said(1, "WRAP", 5, units=None))
    assert applied(db, said(1, "WRAP", 1, units=9))[0] == "stale", "an older report, come late"
    assert applied(db, said(1, "WRAP", 3, units=None))[0] == "ignored"
    assert applied(db, said(1, "WRAP", 6, units=9))[0] == "created"
    assert db.goods_without_stock.count_documents({}) == 0
    assert stock_by_sku(db) == {"WRAP": 9}


def test_two_stores_share_a_product_by_its_sku(db: Db) -> None:
    applied(db, said(1, "A", units=5))
    applied(db, said(44, "A", 1, units=50, store="second"))
    product = queries.get(db, "A")
    assert (product["stock"], sorted(product["external_ids"])) == (5, ["default:1", "second:44"])


def test_a_variation_without_a_sku_of_its_own_does_not_take_its_parents_product(db: Db) -> None:
    applied(db, said(17, "HOOD", units=30))
    outcome, (warning,) = applied(db, said(18, "HOOD", 1, units=4, parent_id=17))
    assert outcome == "ignored"
    assert "shared" in warning.message
    assert queries.get(db, "HOOD")["external_ids"] == ["default:17"]


def test_a_parent_does_not_take_the_product_of_a_variation_without_a_sku_of_its_own(db: Db) -> None:
    assert applied(db, said(17, "HOOD", units=None))[0] == "ignored"
    assert applied(db, said(18, "HOOD", 1, units=7, parent_id=17))[0] == "created"
    outcome, (warning,) = applied(db, said(17, "HOOD", 2, units=40))
    assert (outcome, warning.code) == ("ignored", "shared_sku")
    assert _by_shop_id(db) == {"default:18": ("HOOD", 7)}


def test_variations_that_share_their_parents_stock_are_found_and_move_it(db: Db) -> None:
    applied(db, said(17, "HOOD", units=30))
    for shop_id, sku in ((18, "HOOD-S"), (19, "HOOD-M")):
        assert applied(db, said(shop_id, sku, 1, parent_id=17, shared=True)) == ("updated", [])
        assert applied(db, said(shop_id, sku, 1, parent_id=17, shared=True)) == ("unchanged", [])
    applied(db, said(17, "HOOD", 2, name="Hoodie"))
    catalogue = lookup(db, ["HOOD-S", "HOOD-M"], ["default:17"])
    found = [
        catalogue.match(line_reference("default", sku, 17, shop_id))
        for shop_id, sku in ((18, "HOOD-S"), (19, "HOOD-M"))
    ]
    assert [product.id for product in found if product] == ["HOOD", "HOOD"]
    (product,) = db.products.find()
    assert (product["sku"], product["skus"]) == ("HOOD", ["HOOD-S", "HOOD-M", "HOOD"])
    assert {"hood-s", "hoodie"} <= set(product["search"])


def test_a_variation_without_a_sku_of_its_own_shares_its_parents_name_and_stock(db: Db) -> None:
    applied(db, said(17, "HOOD", units=30))
    assert applied(db, said(18, "HOOD", 1, parent_id=17, shared=True)) == ("unchanged", [])
    assert applied(db, said(18, "HOOD", 2, parent_id=17, units=5))[0] == "ignored"
    assert queries.get(db, "HOOD")["sku"] == "HOOD"


def test_a_shared_stock_that_is_not_here_is_told(db: Db) -> None:
    outcome, (warning,) = applied(db, said(18, "HOOD-S", parent_id=17, shared=True))
    assert outcome == "ignored"
    assert "that of product 17" in warning.message


def test_a_variation_is_a_product_of_its_own_while_its_stock_is(db: Db) -> None:
    words = [
        said(18, "HOOD-S", 1, parent_id=17, shared=True),
        said(18, "HOOD-S", 2, parent_id=17, units=5),
        said(18, "HOOD-S", 3, parent_id=17, shared=True),
    ]
    applied(db, said(17, "HOOD", units=30))
    applied(db, words[0])
    assert applied(db, words[1])[0] == "created"
    assert applied(db, words[0])[0] == "stale"
    assert line(db, "HOOD-S", 18) == "HOOD-S"
    outcome, (warning,) = applied(db, words[2])
    assert outcome == "updated"
    assert "HOOD-S (no SKU)" in warning.message
    assert applied(db, words[1])[0] == "stale"
    assert line(db, "HOOD-S", 17) == "HOOD"
    assert stock_by_sku(db) == {"HOOD": 30, "HOOD-S (no SKU)": 5}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_renames_end_the_same_in_whatever_order_they_arrive(db: Db, order: tuple[int, ...]) -> None:
    words = [said(1, "A", 0, name="One"), said(1, "B", 1, name="Two"), said(1, "C", 2, name="Three")]
    for index in order:
        applied(db, words[index])
    (product,) = db.products.find()
    assert (product["sku"], product["name"], product["stock"]) == ("C", "Three", 10)


def _tell(db: Db, words: Iterable[Word]) -> None:
    for shop_id, sku, minutes in words:
        applied(db, said(shop_id, sku, minutes, units=0))


def _by_shop_id(db: Db) -> dict[str, tuple[str, Any]]:
    """SKU and stock by shop id."""
    return {shop_id: (each["sku"], each["stock"]) for each in db.products.find() for shop_id in each["external_ids"]}


@pytest.mark.parametrize("words", list(permutations([(301, "SW-B", 1), (302, "SW-A", 1)])))
@pytest.mark.parametrize("times", [1, 2])
def test_a_swap_told_by_its_end_alone_moves_the_skus_and_no_ledger(db: Db, words: tuple[Word, ...], times: int) -> None:
    """What coalesced webhooks, built at delivery, show of a swap."""
    applied(db, said(301, "SW-A", units=10))
    applied(db, said(302, "SW-B", units=99))
    _tell(db, words * times)
    assert _by_shop_id(db) == {"default:301": ("SW-B", 10), "default:302": ("SW-A", 99)}
    assert sorted(each["skus"] for each in db.products.find()) == [["SW-A"], ["SW-B"]]
    assert list(verify.run(db)) == []


@pytest.mark.parametrize("words", list(permutations([(1, "B", 1), (2, "B", 2), (2, "B", 2)])))
def test_a_sku_stays_with_whom_the_newer_word_gives_it(db: Db, words: tuple[Word, ...]) -> None:
    applied(db, said(1, "A", units=5))
    applied(db, said(2, "C", units=9))
    _tell(db, words)
    assert _by_shop_id(db) == {"default:1": ("A (no SKU)", 5), "default:2": ("B", 9)}


def test_a_product_whose_sku_the_shop_gave_away_goes_without_one_until_its_own_word_comes(db: Db) -> None:
    applied(db, said(50, "X", units=5))
    applied(db, said(51, "Y", units=9))
    outcome, (warning,) = applied(db, said(51, "X", 1))
    assert outcome == "updated"
    assert "X (no SKU)" in warning.message
    assert queries.get(db, "X")["stock"] == queries.get(db, "Y")["stock"] == 9
    assert staff_actions.count(db, "X (no SKU)", 4, by="anna")[0]["external_ids"] == ["default:50"]
    assert sorted(each["sku"] for each in queries.find(db, Filter())) == ["X", "X (no SKU)"]
    assert line(db, "X", 50) == "X"
    assert list(verify.run(db)) == []
    assert applied(db, said(50, "Z", 2)) == ("updated", [])
    product = queries.get(db, "Z")
    assert (product["skus"], product["stock"]) == (["Z"], 4)


def test_a_line_with_a_known_id_names_a_product_without_a_sku(db: Db) -> None:
    _tell(db, [(50, "X", 0), (51, "Y", 0), (51, "X", 1)])
    assert line(db, "Z", 50) == "X"
    assert queries.get(db, "Z")["skus"] == ["Z"]


def test_a_product_of_the_staffs_gives_its_sku_to_the_shops_and_keeps_its_ledger(db: Db) -> None:
    applied(db, said(50, "OLD", units=5))
    staff_actions.add(db, {"sku": "NEW", "stock": 3}, by="anna")
    outcome, (warning,) = applied(db, said(50, "NEW", 1))
    assert outcome == "updated"
    assert "NEW (no SKU)" in warning.message
    assert stock_by_sku(db) == {"NEW": 5, "NEW (no SKU)": 3}
    assert queries.get(db, "OLD")["stock"] == 5


def test_a_shops_id_tells_the_product_of_a_line_whatever_its_sku(db: Db) -> None:
    """A line shows its product's current SKU: of a swap it may tell before the products' own words do."""
    _tell(db, [(1, "A", 0), (2, "B", 0)])
    assert (line(db, "B", 1), line(db, "A", 2), line(db, "A", 3)) == ("A", "B", "A")
    assert stock_by_sku(db).keys() == {"A", "B"}


def test_a_senders_one_id_for_all_its_products_does_not_mix_them_up(db: Db) -> None:
    """Nobody but lines told of the id, and a line's SKU is as good."""
    staff_actions.add(db, {"sku": "A"}, by="anna")
    staff_actions.add(db, {"sku": "B"}, by="anna")
    assert (line(db, "A", 1), line(db, "B", 1), line(db, "A", 1)) == ("A", "B", "A")


def test_stores_that_name_a_product_differently_move_no_ledger(db: Db) -> None:
    applied(db, said(1, "A", units=5))
    applied(db, said(44, "A", store="north"))
    applied(db, said(9, "B", store="north", units=7))
    applied(db, said(1, "B", 1))
    assert (line(db, "B", 1), line(db, "A", 44, "north"), line(db, "B", 9, "north")) == ("A", "A", "B")
    applied(db, said(9, "B", 2, store="north"))
    assert (line(db, "B", 1), line(db, "A", 44, "north"), line(db, "B", 9, "north")) == ("A", "A", "B")
    assert {each["_id"]: each["stock"] for each in db.products.find()} == {"A": 5, "B": 7}


def test_a_variation_that_has_only_its_parents_sku_left_takes_it_from_nobody(db: Db) -> None:
    applied(db, said(17, "HOOD", units=30))
    applied(db, said(18, "HOOD-S", units=4, parent_id=17))
    outcome, (warning,) = applied(db, said(18, "HOOD", 1, parent_id=17))
    assert outcome == "ignored"
    assert "shared" in warning.message
    assert stock_by_sku(db) == {"HOOD": 30, "HOOD-S": 4}
    applied(db, said(17, "HOODIE", 2))
    assert applied(db, said(18, "HOOD", 3, parent_id=17)) == ("updated", [])
    assert stock_by_sku(db) == {"HOODIE": 30, "HOOD": 4}


def test_an_older_word_of_a_product_made_anew_does_not_take_its_place(db: Db) -> None:
    applied(db, said(1, "A"))
    applied(db, said(2, "A", 5))
    assert applied(db, said(1, "A", 1, name="Older"))[0] == "stale"
    assert queries.get(db, "A")["name"] == "Product 2"


def test_a_crash_between_giving_a_sku_and_taking_it_is_mended_by_the_next_run(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tell(db, [(50, "X", 0), (51, "Y", 0)])
    with monkeypatch.context() as crash:
        crash.setattr(apply, "product_words", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            applied(db, said(51, "X", 1))
    assert applied(db, said(51, "X", 1))[0] == "updated"
    assert _by_shop_id(db) == {"default:50": ("X (no SKU)", 0), "default:51": ("X", 0)}


def test_a_crash_between_ledger_and_product_is_mended_by_the_next_run(db: Db) -> None:
    stock.open_ledger(db, "A", 7, cause="x")
    assert applied(db, said(1, "A", units=7))[0] == "created"
    product = queries.get(db, "A")
    assert (product["stock"], product["seq"]) == (7, 1)
    assert db.stock_movements.count_documents({}) == 1


# --- staff ------------------------------------------------------------------------------------------------------


def test_a_created_product_has_one_movement_that_names_who(db: Db) -> None:
    product = staff_actions.add(db, {"sku": "Sku 42/ä", "stock": 12}, by="anna")
    (movement,) = queries.movements(db, "Sku 42/ä")
    assert (product["stock"], movement["balance"], staff_actions.person_of(movement["cause"])) == (12, 12, "anna")


def test_a_taken_sku_is_a_conflict_and_opens_no_ledger(db: Db) -> None:
    applied(db, said(1, "OLD"))
    applied(db, said(1, "NEW", 1))
    for sku in ("OLD", "NEW"):
        with pytest.raises(Conflict):
            staff_actions.add(db, {"sku": sku, "stock": 3}, by="anna")
    assert db.stock_movements.count_documents({}) == 1


def test_creating_again_after_a_crash_ends_with_the_stock_that_was_said(db: Db) -> None:
    stock.open_ledger(db, "A", 7, cause="staff:anna")
    assert staff_actions.add(db, {"sku": "A", "stock": 9}, by="anna")["stock"] == 9
    assert [movement["balance"] for movement in queries.movements(db, "A")] == [9, 7]


def test_a_count_sets_the_stock_and_an_adjustment_changes_it(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 10}, by="anna")
    product, movement = staff_actions.count(db, "A", 12, by="berta", note="shelf 4")
    assert (product["stock"], movement["quantity"], movement["note"]) == (12, 2, "shelf 4")
    product, movement = staff_actions.adjust(db, "A", -2, reason="broken", by="anna")
    assert (product["stock"], movement["balance"], movement["reason"]) == (10, 10, "broken")
    assert [each["seq"] for each in queries.movements(db, "A")] == [3, 2, 1]
    assert [each["seq"] for each in queries.movements(db, "A", before=3, limit=1)] == [2]


def test_fractions_leave_no_binary_dust(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 1}, by="anna")
    for _ in range(3):
        staff_actions.adjust(db, "A", -0.1, reason="weighed", by="anna")
    assert queries.get(db, "A")["stock"] == 0.7


def test_the_same_request_again_adjusts_once_also_at_the_same_moment(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 10}, by="anna")
    errors: list[Exception] = []

    def click() -> None:
        try:
            staff_actions.adjust(db, "A", -2, reason="broken", by="anna", once="click")
        except Exception as error:
            errors.append(error)

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert errors == []
    assert queries.get(db, "A")["stock"] == 8
    assert len(queries.movements(db, "A")) == 2
    staff_actions.adjust(db, "A", -2, reason="broken", by="berta", once="click")
    assert queries.get(db, "A")["stock"] == 6
    with pytest.raises(Invalid):
        staff_actions.adjust(db, "A", -3, reason="broken", by="anna", once="click")


def test_changes_are_set_and_taken_back(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "low_stock_threshold": 5}, by="anna")
    product = staff_actions.change(db, "A", {"name": "Tea, green", "price": Decimal128("3.50"), "archived": True})
    assert (product["name"], product["price"], product["archived"]) == ("Tea, green", Decimal128("3.50"), True)
    assert list(queries.find(db, Filter())) == []
    assert [each["sku"] for each in queries.find(db, Filter(words="gre", archived=True))] == ["A"]
    product = staff_actions.change(db, "A", {"archived": False, "low_stock_threshold": None})
    assert "archived" not in product
    assert "low_stock_threshold" not in product
    assert staff_actions.change(db, "A", {}) == product


def test_an_archived_product_is_still_found_by_orders(db: Db) -> None:
    staff_actions.add(db, {"sku": "A"}, by="anna")
    staff_actions.change(db, "A", {"archived": True})
    assert line(db, "A", 1) == "A"


def test_low_stock_lists_those_at_or_below_their_threshold(db: Db) -> None:
    for sku, units, threshold in (("A", 5, 5), ("B", 6, 5), ("C", 0, None), ("D", -1, 0)):
        staff_actions.add(db, {"sku": sku, "stock": units, "low_stock_threshold": threshold}, by="anna")
    assert [each["sku"] for each in queries.find(db, Filter(low_stock=True))] == ["A", "D"]
    plan = queries.find(db, Filter(low_stock=True)).explain()["queryPlanner"]["winningPlan"]  # type: ignore[attr-defined]
    assert "low_stock_threshold_1" in str(plan)


@pytest.mark.parametrize("text", ["$gt", ".*", "(", "[a", "\\", "^A", "a b .*"])
def test_search_words_are_text_not_patterns(db: Db, text: str) -> None:
    staff_actions.add(db, {"sku": "Abc"}, by="anna")
    assert list(queries.find(db, Filter(words=text))) == []


def test_what_is_not_there_is_not_found(db: Db) -> None:
    for call in (
        lambda: queries.get(db, "A"),
        lambda: staff_actions.count(db, "A", 1, by="anna"),
        lambda: staff_actions.adjust(db, "A", 1, reason="x", by="anna"),
        lambda: staff_actions.change(db, "A", {"name": "x"}),
        lambda: queries.movements(db, "A"),
    ):
        with pytest.raises(NotFound):
            call()


# --- CSV --------------------------------------------------------------------------------------------------------


def read(db: Db, text: str) -> product_csv.Report:
    return product_csv.read(db, text.encode(), by="anna")


def exported(db: Db) -> str:
    return "".join(product_csv.write(queries.find(db, Filter())))


def test_a_file_creates_changes_and_counts(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "name": "Old", "stock": 10}, by="anna")
    report = read(db, 'sku,name,price,stock,low_stock_threshold\nA,"New, better",1.50,7,2\nB,,,,\n')
    assert (report.created, report.updated, report.counted, report.errors) == (1, 1, 1, [])
    product = queries.get(db, "A")
    assert (product["name"], product["price"], product["stock"]) == ("New, better", Decimal128("1.50"), 7)
    assert queries.movements(db, "A")[0]["reason"] == "count"
    assert (queries.get(db, "B")["name"], queries.get(db, "B")["stock"]) == ("B", 0)


def test_blank_cells_and_missing_columns_leave_what_is_stored(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "name": "Tea", "price": Decimal128("2"), "stock": 3}, by="anna")
    before = queries.get(db, "A")
    assert read(db, "sku,name,stock\nA,,\n").unchanged == 1
    assert queries.get(db, "A") == before


def test_what_goes_out_comes_in_again_and_changes_nothing(db: Db) -> None:
    rows: list[Document] = [
        {"sku": "Sku 42/ä", "name": 'Say "hi",\tall', "price": Decimal128("1.10"), "stock": 2.5},
        {"sku": "=1+1", "name": "-2 off", "stock": 3, "low_stock_threshold": 1},
        {"sku": "'=1+1", "name": "'quoted'", "stock": 4},
    ]
    for row in rows:
        staff_actions.add(db, {**row, "name": row["name"].replace("\t", " ")}, by="anna")
    stock.move(db, "=1+1", -10, reason="x", cause="staff:anna", note="")
    text = exported(db)
    before = list(db.products.find())
    report = read(db, text)
    assert (report.unchanged, report.errors) == (3, [])
    assert list(db.products.find()) == before
    assert exported(db) == text


ODD_NAMES = {
    "a formula": "=1+1",
    "a formula with an apostrophe": "'=1+1",
    "behind another country's separator": "Mug;=cmd|' /C calc'!A0",
    "behind a tab": "Mug\t@SUM(1)",
    "behind a line break": "Mug\r\n-1",
    "full-width": "\uff1dcmd",
    "behind blanks": "  +1 ",
    "with quotes": 'Mug;"=1"',
    "longer than a person may write": "x" * 900,
}


def test_names_that_a_shop_sent_come_in_again_as_they_went_out(db: Db) -> None:
    for number, name in enumerate(ODD_NAMES.values()):
        staff_actions.add(db, {"sku": f"S{number}", "name": name}, by="anna")
    staff_actions.add(db, {"sku": "=A;-1", "name": "its SKU is a formula"}, by="anna")
    before = list(db.products.find())
    text = exported(db)
    report = read(db, text)
    assert (report.unchanged, report.errors) == (len(before), [])
    assert list(db.products.find()) == before


def test_a_name_that_a_person_changes_is_checked(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "name": "Mug\tred", "stock": 1}, by="anna")
    report = read(db, 'sku,name,stock\nA,"Mug\tblue",5\n')
    assert [(error["line"], error["message"]) for error in report.errors] == [
        (2, "name: must not hold control characters")
    ]
    assert queries.get(db, "A")["stock"] == 1, "the row is left out whole"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_own_way_of_writing_csv_is_understood(db: Db, delimiter: str) -> None:
    text = f"\ufeffSKU{delimiter} Price \r\nA{delimiter}12.50\r\n\r\n"
    assert read(db, text).created == 1
    assert queries.get(db, "A")["price"] == Decimal128("12.50")


BAD_ROWS = {
    "no SKU": ",x,1,1,1,",
    "price is text": "A,x,many,1,1,",
    "price below zero": "A,x,-1,1,1,",
    "stock is text": "A,x,1,many,1,",
    "stock below zero": "A,x,1,-1,1,",
    "stock without end": "A,x,1,1e300,1,",
    "stock is NaN": "A,x,1,nan,1,",
    "stock is a number of Python's": "A,x,1,1_000,1,",
    "stock is in other digits": "A,x,1,\uff11\uff12,1,",
    "threshold below zero": "A,x,1,1,-1,",
    "archived is something else": "A,x,1,1,1,maybe",
    "too many cells": "A,x,1,1,1,,,",
    "SKU too long": "A" * 201 + ",x,1,1,1,",
    "a line break in the SKU": '"A\nB",x,1,1,1,',
}


def test_a_bad_row_is_left_out_whole_and_told_with_its_line(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 5}, by="anna")
    before = queries.get(db, "A")
    for number, (case, row) in enumerate(BAD_ROWS.items()):
        report = read(db, f"sku,name,price,stock,low_stock_threshold,archived\nB{number},,,,,\n{row}\nC{number},,,,,\n")
        assert (report.created, [error["line"] for error in report.errors]) == (2, [3]), case
        assert queries.get(db, "A") == before, case


def test_the_second_row_about_a_sku_is_an_error(db: Db) -> None:
    report = read(db, "sku,stock\nA,1\nB,2\nA,3\n")
    assert [(error["line"], error["sku"]) for error in report.errors] == [(4, "A")]
    assert queries.get(db, "A")["stock"] == 1


@pytest.mark.parametrize("text", ["", "name,price\nx,1\n", "sku,sku\nA,A\n", "sku,colour\nA,red\n", '"sku\n', "\0"])
def test_a_first_line_that_does_not_name_the_columns_is_invalid(db: Db, text: str) -> None:
    with pytest.raises(Invalid):
        read(db, text)


def test_a_file_that_is_not_utf8_is_a_bad_request(db: Db) -> None:
    with pytest.raises(BadRequest):
        product_csv.read(db, b"sku\n\xe5\n", by="anna")


def test_what_stops_being_csv_is_told_and_what_came_before_counts(db: Db) -> None:
    report = read(db, 'sku,name\nA,x\nB,"never closed\n')
    assert report.created == 1
    assert [error["line"] for error in report.errors] == [3]


def test_more_rows_than_are_looked_up_at_once(db: Db) -> None:
    text = "sku,stock\n" + "".join(f"S{number},{number}\n" for number in range(product_csv._CHUNK + 1))
    assert read(db, text).created == product_csv._CHUNK + 1
    assert read(db, text).unchanged == product_csv._CHUNK + 1


def test_barcode_image_categories_and_tax_class_follow_the_shop(db: Db) -> None:
    told: ProductDetails = {
        "gtin": "731",
        "image_url": "https://s.example/a",
        "categories": ["Coffee", "Tea"],
        "tax_class": "reduced",
    }
    assert applied(db, replace(said(9, "A"), details=told))[0] == "created"
    assert details_of(queries.get(db, "A")) == told
    assert applied(db, said(9, "A", 1))[0] == "unchanged"  # it says nothing of them
    assert details_of(queries.get(db, "A")) == told
    blank: ProductDetails = {"categories": [], "tax_class": ""}
    assert applied(db, replace(said(9, "A", 2), details=blank))[0] == "updated"
    assert details_of(queries.get(db, "A")) == {**told, **blank}
    lines = "".join(product_csv.write(queries.find(db, Filter())))
    assert lines.splitlines()[1].endswith(",731,https://s.example/a,,")
    assert product_csv.read(db, lines.encode(), by="me").unchanged == 1
