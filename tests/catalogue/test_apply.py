"""What becomes of a store's updates about products, and of the lines of orders that are about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_api.catalogue import apply, archive, queries, staff_actions
from pos_api.catalogue.lookup import lookup
from pos_api.catalogue.matching import line_reference
from pos_api.catalogue.model import ProductDeletion
from pos_api.catalogue.opening_stock import lacks_units_of
from pos_api.catalogue.queries import Filter
from pos_api.database.client import Db
from pos_api.events import ProductChanged, StockChanged
from pos_api.orders import verify_stock as verify
from pos_api.stock import ledger as stock
from pos_api.stock.opening import StockReduction
from tests.catalogue.reports import NOON, applied, line, reported
from tests.steps import clear

Report = tuple[int, str, int]


def stock_by_sku(db: Db) -> dict[str, Any]:
    return {product["sku"]: product["stock"] for product in db.products.find()}


# --- shops ------------------------------------------------------------------------------------------------------


def test_an_unknown_product_starts_with_the_shops_stock(db: Db) -> None:
    assert applied(db, reported(1, "A", units=7)) == ("created", [])
    (movement,) = queries.movements(db, "A")
    assert (movement["quantity"], movement["balance"], movement["reason"]) == (7, 7, "opening")
    known = lookup(db, ["A"]).match(line_reference("default", "A", 1))
    assert known is not None
    assert lacks_units_of(known, "default", StockReduction(1, NOON - timedelta(seconds=1)), {})
    assert not lacks_units_of(known, "default", StockReduction(1, NOON + timedelta(seconds=1)), {})
    assert not lacks_units_of(known, "second", StockReduction(1, NOON - timedelta(seconds=1)), {})


def test_a_known_products_name_and_price_follow_the_shop_and_its_stock_never_does(db: Db) -> None:
    applied(db, reported(1, "A", units=7))
    assert applied(db, reported(1, "A", 1, units=3, name="Better name"))[0] == "updated"
    product = queries.get(db, "A")
    assert (product["name"], product["stock"], product["seq"]) == ("Better name", 7, 1)
    assert [each["sku"] for each in queries.find(db, Filter(words="better"))] == ["A"]


def test_a_change_is_an_event_and_the_same_update_again_is_none(db: Db) -> None:
    for sku, minutes, changes in (("A", 0, ["created"]), ("B", 1, ["updated"]), ("B", 2, [])):
        events = apply.apply(db, reported(1, sku, minutes)).events
        assert [event.change for event in events if isinstance(event, ProductChanged)] == changes
        assert all((event.sku, event.store) == ("A", "default") for event in events)
    version = int((NOON + timedelta(minutes=1)).timestamp() * 1000)
    (event,) = apply.apply(db, reported(1, "C", 3)).events
    assert isinstance(event, ProductChanged)
    assert event.version > version
    (event,) = archive.delete(db, ProductDeletion("default", "default:1", None, NOON + timedelta(hours=1))).events
    assert (event.type, event.sku) == ("product.archived", "A")
    (event,) = apply.apply(db, replace(reported(1, "C", 90), restored=True)).events
    assert event.type == "product.updated"


def test_stock_that_starts_or_starts_again_is_an_event_of_its_movement(db: Db) -> None:
    nothing: list[tuple[str, int, int]] = []
    steps = ((10, [("stock:A:1", 0, 10)]), (None, nothing), (7, [("stock:A:2", 10, 7)]))
    for minutes, (units, moved) in enumerate(steps):
        events = apply.apply(db, reported(1, "A", minutes, units=units)).events
        assert [(each.id, each.before, each.after) for each in events if isinstance(each, StockChanged)] == moved


def test_the_same_update_again_changes_nothing(db: Db) -> None:
    applied(db, reported(1, "A"))
    before = queries.get(db, "A")
    assert applied(db, reported(1, "A"))[0] == "unchanged"
    assert queries.get(db, "A") == before


def test_an_older_update_that_comes_late_changes_nothing(db: Db) -> None:
    applied(db, reported(1, "NEW", 5, name="Now"))
    before = queries.get(db, "NEW")
    assert applied(db, reported(1, "OLD", 0, name="Then"))[0] == "stale"
    assert queries.get(db, "NEW") == before


def test_an_older_update_that_comes_late_takes_no_sku_from_another_product(db: Db) -> None:
    applied(db, reported(1, "A"))
    applied(db, reported(1, "A-OLD", 5))
    applied(db, reported(2, "B", 10))
    assert applied(db, reported(2, "A", 1))[0] == "stale"
    assert queries.get(db, "A")["_id"] == "A"


@pytest.mark.parametrize("units", [None])
def test_without_managed_stock_or_sku_there_is_nothing_to_keep(db: Db, units: None) -> None:
    outcome, (warning,) = applied(db, reported(1, "A", units=units))
    assert outcome == "ignored"
    assert "A" in warning.message
    assert applied(db, reported(1, ""))[0] == "ignored"
    assert db.products.count_documents({}) == db.stock_movements.count_documents({}) == 0


def test_a_renamed_product_goes_on_under_its_new_sku_and_the_old_one_still_finds_it(db: Db) -> None:
    applied(db, reported(1, "OLD", units=7))
    assert applied(db, reported(1, "NEW", 1, units=5))[0] == "updated"
    assert queries.get(db, "NEW")["_id"] == queries.get(db, "OLD")["_id"] == "OLD"
    assert stock_by_sku(db) == {"NEW": 7}
    assert [each["sku"] for each in queries.find(db, Filter(words="old"))] == ["NEW"]


def test_a_line_with_a_known_id_and_an_unknown_sku_renames_too(db: Db) -> None:
    applied(db, reported(1, "OLD"))
    assert line(db, "NEW", 1) == "OLD"
    assert queries.get(db, "NEW")["sku"] == "NEW"
    assert [each["sku"] for each in queries.find(db, Filter(words="new"))] == ["NEW"]


def test_two_products_that_swap_their_skus_keep_their_stock(db: Db) -> None:
    applied(db, reported(1, "A", units=5))
    applied(db, reported(2, "B", units=9))
    for minutes, (shop_id, sku) in enumerate([(1, "TEMP"), (2, "A"), (1, "B")], start=1):
        assert applied(db, reported(shop_id, sku, minutes, units=0))[0] == "updated"
    assert stock_by_sku(db) == {"B": 5, "A": 9}
    assert (line(db, "A", 2), line(db, "B", 1)) == ("B", "A")
    assert (queries.get(db, "A")["_id"], queries.get(db, "B")["_id"]) == ("B", "A")


def test_a_line_follows_its_id_when_its_sku_was_another_products_formerly(db: Db) -> None:
    applied(db, reported(1, "A"))
    applied(db, reported(2, "B"))
    applied(db, reported(1, "A-OLD", 1))
    assert line(db, "A", 2) == "B"
    assert line(db, "A", 1) == "A"


def test_a_line_of_another_product_that_took_over_a_former_sku_moves_nothing(db: Db) -> None:
    applied(db, reported(1, "A"))
    applied(db, reported(1, "A-OLD", 1))
    assert applied(db, reported(2, "A", 2, units=None))[0] == "ignored", "the shop does not manage its stock"
    assert line(db, "A", 2) is None
    assert line(db, "A", 1) == "A"
    assert line(db, "A", 0) == "A", "a sender without ids means the only product that ever went by it"


def test_a_new_product_under_a_former_sku_has_a_ledger_of_its_own(db: Db) -> None:
    applied(db, reported(1, "A", units=5))
    applied(db, reported(1, "A-OLD", 1))
    assert applied(db, reported(2, "A", 2, units=100, name="The new A"))[0] == "created"
    assert stock_by_sku(db) == {"A-OLD": 5, "A": 100}
    assert queries.get(db, "A")["name"] == "The new A"
    assert line(db, "A", 2) == queries.get(db, "A")["_id"]
    assert [movement["balance"] for movement in queries.movements(db, "A")] == [100]
    assert applied(db, reported(1, "A-OLD", 3))[0] == "unchanged"
    assert applied(db, reported(2, "A", 3, name="The new A"))[0] == "unchanged"


def test_a_crash_while_a_former_sku_changes_hands_is_repaired_by_the_next_run(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(db, reported(1, "A", units=5))
    applied(db, reported(1, "A-OLD", 1))
    with monkeypatch.context() as crash:
        crash.setattr(stock, "open_ledger", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            applied(db, reported(2, "A", 2, units=100))
    assert applied(db, reported(2, "A", 2, units=100))[0] == "created"
    assert stock_by_sku(db) == {"A-OLD": 5, "A": 100}


def test_a_product_made_anew_under_its_sku_goes_on(db: Db) -> None:
    applied(db, reported(1, "A", units=5))
    outcome, (warning,) = applied(db, reported(2, "A", 1, units=50, name="Product 1"))
    assert outcome == "updated"
    assert "products 1 and 2 of the shop" in warning.message
    product = queries.get(db, "A")
    assert (product["stock"], product["external_ids"]) == (5, ["default:1", "default:2"])
    assert applied(db, reported(2, "A", 1, units=50, name="Product 1")) == ("unchanged", [])


@pytest.mark.parametrize("arrival", list(permutations([(1, "A", 5), (2, "A", 1)])))
def test_two_products_of_a_shop_with_one_sku_are_one_here_and_that_is_a_warning(
    db: Db, arrival: tuple[Report, ...]
) -> None:
    (shop_id, sku, minutes), then = arrival
    assert applied(db, reported(shop_id, sku, minutes)) == ("created", [])
    outcome, (warning,) = applied(db, reported(then[0], then[1], then[2], units=4))
    assert (outcome, warning.code, dict(warning.values)) == (
        "updated",
        "sku_of_several",
        {"sku": "A", "ids": "1 and 2"},
    )
    (product,) = db.products.find()
    assert (sorted(product["external_ids"]), product["stock"]) == (["default:1", "default:2"], 10)
    assert line(db, "A", 1) == line(db, "A", 2) == "A"


def test_translated_variations_are_one_product_too(db: Db) -> None:
    applied(db, reported(21, "CAP-S", parent_id=20))
    assert applied(db, reported(31, "CAP-S", 1, parent_id=30))[0] == "updated"
    assert queries.get(db, "CAP-S")["external_ids"] == ["default:21", "default:31"]


Renaming = tuple[int, str]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from("ABCD")), max_size=10))
def test_products_with_one_sku_stay_one_however_often_and_in_whichever_order_they_are_renamed(
    db: Db, renamings: list[Renaming]
) -> None:
    clear(db)
    applied(db, reported(1, "A"))
    applied(db, reported(2, "A", units=4))
    current = {1: "A", 2: "A"}
    for minutes, (shop_id, sku) in enumerate(renamings, 1):
        applied(db, reported(shop_id, sku, minutes, units=0))
        current[shop_id] = sku
        assert [line(db, current[each], each) for each in (1, 2)] == ["A", "A"]
    (product,) = db.products.find()
    assert product["stock"] == 10
    assert {*current.values()} <= {*product["skus"]}
    if renamings:
        assert product["sku"] == renamings[-1][1]


def test_two_products_with_one_sku_swap_it_with_a_third(db: Db) -> None:
    _apply_all(db, [(1, "A", 0), (2, "A", 0), (3, "B", 0), (3, "A", 1), (1, "B", 1), (2, "B", 1)])
    assert sorted((each["sku"], sorted(each["external_ids"])) for each in db.products.find()) == [
        ("A", ["default:3"]),
        ("B", ["default:1", "default:2"]),
    ]


def test_every_sku_of_a_product_of_a_very_long_name_is_found_by_text(db: Db) -> None:
    long = " ".join(f"word{number}" for number in range(150))
    applied(db, reported(1, "OURS", name=long))
    applied(db, reported(7, "OURS", 1, store="north"))
    steps: list[tuple[str, Callable[[], object]]] = [
        ("theirs", lambda: applied(db, reported(7, "THEIRS", 2, store="north"))),
        ("lines", lambda: line(db, "LINES", 7, "north")),
        ("small", lambda: applied(db, reported(8, "SMALL", 3, parent_id=1, shared=True))),
        ("ours", lambda: staff_actions.change(db, "OURS", {"name": f"new {long}"})),
    ]
    for sku, step in steps:
        step()
        assert [each["sku"] for each in queries.find(db, Filter(words=sku))] == ["OURS"], sku


def test_of_very_many_skus_the_current_one_is_found_by_text(db: Db) -> None:
    applied(db, reported(1, "S0"))
    for number in range(1, 120):
        applied(db, reported(1, f"S{number}", number))
    staff_actions.change(db, "S119", {"name": "Renamed"})
    assert [each["sku"] for each in queries.find(db, Filter(words="S119"))] == ["S119"]


# --- drafts, and goods without stock ----------------------------------------------------------------------------


def test_a_draft_makes_no_product_and_starts_with_the_stock_it_is_published_with(db: Db) -> None:
    outcome, (warning,) = applied(db, reported(1, "A", units=5, published=False))
    assert (outcome, warning.code) == ("ignored", "not_published")
    assert db.products.count_documents({}) == 0
    assert applied(db, reported(1, "A", 1, units=20))[0] == "created"
    assert stock_by_sku(db) == {"A": 20}
    assert applied(db, reported(1, "A", 2, units=3, name="Back in draft", published=False))[0] == "updated"


def test_a_draft_with_the_sku_of_a_product_changes_nothing_of_it(db: Db) -> None:
    applied(db, reported(1, "A"))
    before = queries.get(db, "A")
    assert applied(db, reported(2, "A", 1, units=4, published=False))[0] == "ignored"
    assert queries.get(db, "A") == before


def test_goods_without_stock_become_a_product_when_the_shop_manages_it(db: Db) -> None:
    applied(db, reported(1, "WRAP", 5, units=None))
    assert applied(db, reported(1, "WRAP", 1, units=9))[0] == "stale", "an older report, come late"
    assert applied(db, reported(1, "WRAP", 3, units=None))[0] == "ignored"
    assert applied(db, reported(1, "WRAP", 6, units=9))[0] == "created"
    assert db.goods_without_stock.count_documents({}) == 0
    assert stock_by_sku(db) == {"WRAP": 9}


def test_two_stores_share_a_product_by_its_sku(db: Db) -> None:
    applied(db, reported(1, "A", units=5))
    applied(db, reported(44, "A", 1, units=50, store="second"))
    product = queries.get(db, "A")
    assert (product["stock"], sorted(product["external_ids"])) == (5, ["default:1", "second:44"])


def test_a_variation_without_a_sku_of_its_own_does_not_take_its_parents_product(db: Db) -> None:
    applied(db, reported(17, "HOOD", units=30))
    outcome, (warning,) = applied(db, reported(18, "HOOD", 1, units=4, parent_id=17))
    assert outcome == "ignored"
    assert "shared" in warning.message
    assert queries.get(db, "HOOD")["external_ids"] == ["default:17"]


def test_a_parent_does_not_take_the_product_of_a_variation_without_a_sku_of_its_own(db: Db) -> None:
    assert applied(db, reported(17, "HOOD", units=None))[0] == "ignored"
    assert applied(db, reported(18, "HOOD", 1, units=7, parent_id=17))[0] == "created"
    outcome, (warning,) = applied(db, reported(17, "HOOD", 2, units=40))
    assert (outcome, warning.code) == ("ignored", "shared_sku")
    assert _by_shop_id(db) == {"default:18": ("HOOD", 7)}


def test_variations_that_share_their_parents_stock_are_found_and_move_it(db: Db) -> None:
    applied(db, reported(17, "HOOD", units=30))
    for shop_id, sku in ((18, "HOOD-S"), (19, "HOOD-M")):
        assert applied(db, reported(shop_id, sku, 1, parent_id=17, shared=True)) == ("updated", [])
        assert applied(db, reported(shop_id, sku, 1, parent_id=17, shared=True)) == ("unchanged", [])
    applied(db, reported(17, "HOOD", 2, name="Hoodie"))
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
    applied(db, reported(17, "HOOD", units=30))
    assert applied(db, reported(18, "HOOD", 1, parent_id=17, shared=True)) == ("unchanged", [])
    assert applied(db, reported(18, "HOOD", 2, parent_id=17, units=5))[0] == "ignored"
    assert queries.get(db, "HOOD")["sku"] == "HOOD"


def test_a_shared_stock_that_is_not_here_is_a_warning(db: Db) -> None:
    outcome, (warning,) = applied(db, reported(18, "HOOD-S", parent_id=17, shared=True))
    assert outcome == "ignored"
    assert "that of product 17" in warning.message


def test_a_variation_is_a_product_of_its_own_while_its_stock_is(db: Db) -> None:
    words = [
        reported(18, "HOOD-S", 1, parent_id=17, shared=True),
        reported(18, "HOOD-S", 2, parent_id=17, units=5),
        reported(18, "HOOD-S", 3, parent_id=17, shared=True),
    ]
    applied(db, reported(17, "HOOD", units=30))
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
    words = [reported(1, "A", 0, name="One"), reported(1, "B", 1, name="Two"), reported(1, "C", 2, name="Three")]
    for index in order:
        applied(db, words[index])
    (product,) = db.products.find()
    assert (product["sku"], product["name"], product["stock"]) == ("C", "Three", 10)


def _apply_all(db: Db, words: Iterable[Report]) -> None:
    for shop_id, sku, minutes in words:
        applied(db, reported(shop_id, sku, minutes, units=0))


def _by_shop_id(db: Db) -> dict[str, tuple[str, Any]]:
    """SKU and stock by shop id."""
    return {shop_id: (each["sku"], each["stock"]) for each in db.products.find() for shop_id in each["external_ids"]}


@pytest.mark.parametrize("words", list(permutations([(301, "SW-B", 1), (302, "SW-A", 1)])))
@pytest.mark.parametrize("times", [1, 2])
def test_a_swap_of_which_only_the_end_is_reported_moves_the_skus_and_no_ledger(
    db: Db, words: tuple[Report, ...], times: int
) -> None:
    """What coalesced webhooks, built at delivery, show of a swap."""
    applied(db, reported(301, "SW-A", units=10))
    applied(db, reported(302, "SW-B", units=99))
    _apply_all(db, words * times)
    assert _by_shop_id(db) == {"default:301": ("SW-B", 10), "default:302": ("SW-A", 99)}
    assert sorted(each["skus"] for each in db.products.find()) == [["SW-A"], ["SW-B"]]
    assert list(verify.run(db)) == []


@pytest.mark.parametrize("words", list(permutations([(1, "B", 1), (2, "B", 2), (2, "B", 2)])))
def test_a_sku_stays_with_the_product_that_the_newer_update_gives_it_to(db: Db, words: tuple[Report, ...]) -> None:
    applied(db, reported(1, "A", units=5))
    applied(db, reported(2, "C", units=9))
    _apply_all(db, words)
    assert _by_shop_id(db) == {"default:1": ("A (no SKU)", 5), "default:2": ("B", 9)}


def test_a_product_whose_sku_the_shop_gave_away_goes_without_one_until_its_own_update_comes(db: Db) -> None:
    applied(db, reported(50, "X", units=5))
    applied(db, reported(51, "Y", units=9))
    outcome, (warning,) = applied(db, reported(51, "X", 1))
    assert outcome == "updated"
    assert "X (no SKU)" in warning.message
    assert queries.get(db, "X")["stock"] == queries.get(db, "Y")["stock"] == 9
    assert staff_actions.count(db, "X (no SKU)", 4, by="anna").product["external_ids"] == ["default:50"]
    assert sorted(each["sku"] for each in queries.find(db, Filter())) == ["X", "X (no SKU)"]
    assert line(db, "X", 50) == "X"
    assert list(verify.run(db)) == []
    assert applied(db, reported(50, "Z", 2)) == ("updated", [])
    product = queries.get(db, "Z")
    assert (product["skus"], product["stock"]) == (["Z"], 4)


def test_a_line_with_a_known_id_names_a_product_without_a_sku(db: Db) -> None:
    _apply_all(db, [(50, "X", 0), (51, "Y", 0), (51, "X", 1)])
    assert line(db, "Z", 50) == "X"
    assert queries.get(db, "Z")["skus"] == ["Z"]


def test_a_product_of_the_staffs_gives_its_sku_to_the_shops_and_keeps_its_ledger(db: Db) -> None:
    applied(db, reported(50, "OLD", units=5))
    staff_actions.add(db, {"sku": "NEW", "stock": 3}, by="anna")
    outcome, (warning,) = applied(db, reported(50, "NEW", 1))
    assert outcome == "updated"
    assert "NEW (no SKU)" in warning.message
    assert stock_by_sku(db) == {"NEW": 5, "NEW (no SKU)": 3}
    assert queries.get(db, "OLD")["stock"] == 5


def test_a_shops_id_tells_the_product_of_a_line_whatever_its_sku(db: Db) -> None:
    """A line shows its product's current SKU: of a swap it may tell before the products' own words do."""
    _apply_all(db, [(1, "A", 0), (2, "B", 0)])
    assert (line(db, "B", 1), line(db, "A", 2), line(db, "A", 3)) == ("A", "B", "A")
    assert stock_by_sku(db).keys() == {"A", "B"}


def test_a_senders_one_id_for_all_its_products_does_not_mix_them_up(db: Db) -> None:
    """Only lines have named the id, and a line's SKU is as good."""
    staff_actions.add(db, {"sku": "A"}, by="anna")
    staff_actions.add(db, {"sku": "B"}, by="anna")
    assert (line(db, "A", 1), line(db, "B", 1), line(db, "A", 1)) == ("A", "B", "A")


def test_stores_that_name_a_product_differently_move_no_ledger(db: Db) -> None:
    applied(db, reported(1, "A", units=5))
    applied(db, reported(44, "A", store="north"))
    applied(db, reported(9, "B", store="north", units=7))
    applied(db, reported(1, "B", 1))
    assert (line(db, "B", 1), line(db, "A", 44, "north"), line(db, "B", 9, "north")) == ("A", "A", "B")
    applied(db, reported(9, "B", 2, store="north"))
    assert (line(db, "B", 1), line(db, "A", 44, "north"), line(db, "B", 9, "north")) == ("A", "A", "B")
    assert {each["_id"]: each["stock"] for each in db.products.find()} == {"A": 5, "B": 7}


def test_a_variation_that_has_only_its_parents_sku_left_takes_it_from_nobody(db: Db) -> None:
    applied(db, reported(17, "HOOD", units=30))
    applied(db, reported(18, "HOOD-S", units=4, parent_id=17))
    outcome, (warning,) = applied(db, reported(18, "HOOD", 1, parent_id=17))
    assert outcome == "ignored"
    assert "shared" in warning.message
    assert stock_by_sku(db) == {"HOOD": 30, "HOOD-S": 4}
    applied(db, reported(17, "HOODIE", 2))
    assert applied(db, reported(18, "HOOD", 3, parent_id=17)) == ("updated", [])
    assert stock_by_sku(db) == {"HOODIE": 30, "HOOD": 4}


def test_an_older_update_of_a_product_made_anew_does_not_take_its_place(db: Db) -> None:
    applied(db, reported(1, "A"))
    applied(db, reported(2, "A", 5))
    assert applied(db, reported(1, "A", 1, name="Older"))[0] == "stale"
    assert queries.get(db, "A")["name"] == "Product 2"


def test_a_crash_between_giving_a_sku_and_taking_it_is_repaired_by_the_next_run(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apply_all(db, [(50, "X", 0), (51, "Y", 0)])
    with monkeypatch.context() as crash:
        crash.setattr(apply, "product_words", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            applied(db, reported(51, "X", 1))
    assert applied(db, reported(51, "X", 1))[0] == "updated"
    assert _by_shop_id(db) == {"default:50": ("X (no SKU)", 0), "default:51": ("X", 0)}


def test_a_crash_between_ledger_and_product_is_repaired_by_the_next_run(db: Db) -> None:
    stock.open_ledger(db, "A", 7, cause="x")
    assert applied(db, reported(1, "A", units=7))[0] == "created"
    product = queries.get(db, "A")
    assert (product["stock"], product["seq"]) == (7, 1)
    assert db.stock_movements.count_documents({}) == 1
