"""The rules of an order: what it holds, which version counts, what it never moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from pos_api.common.time import now
from pos_api.config import Config
from pos_api.database.client import Db, Document
from pos_api.orders import queries as order_list
from pos_api.orders import verify_stock as verify
from pos_api.orders.apply import apply
from pos_api.orders.filtering import Filter
from pos_api.stock import ledger
from pos_api.stores import settings
from tests.factories import (
    AHEAD,
    Shop,
    assert_books_balance,
    at,
    line,
    order,
    order_update,
    outcome,
    product,
    shop_id,
    stock_of,
    stock_up,
)
from tests.steps import Crash, Process, clear, processes


@pytest.fixture(autouse=True)
def books(db: Db) -> Iterator[None]:
    """Whatever a test does, the ledger adds up after it."""
    yield
    assert_books_balance(db)


# --- what an order holds ----------------------------------------------------------------------------------------


def test_a_line_of_which_more_was_restocked_than_is_left_holds_less_than_nothing(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(1, line("A", 3, reduced=1), modified=0))
    assert stock_of(db) == {"A": 9}, "2 of 3 were restocked"
    shop.outcome("order.updated", order(1, line("A", 1, reduced=-1), modified=1))
    assert stock_of(db) == {"A": 11}, "then the quantity was set to 1: WooCommerce gives back 2 more"
    shop.outcome("order.updated", order(1, modified=2))
    assert stock_of(db) == {"A": 10}, "and takes one again when the line is removed"


def test_refund_lines_return_units_where_the_shop_does_not_say(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    back = {"id": 9, "total": "-5", "line_items": [_returned(1, 2)]}
    shop.outcome("order.updated", order(1, line("A", 5), refunds=[back]))
    assert stock_of(db) == {"A": 7}
    shop.deliver("order.updated", order(1, line("A", 5), refunds=[{"id": 9, "total": "-5"}], modified=1))
    assert stock_of(db) == {"A": 7}, "WooCommerce's own webhooks tell refunds without lines; known ones are kept"
    shop.outcome("order.updated", order(1, line("A", 5), refunds=[], modified=2))
    assert stock_of(db) == {"A": 5}, "the refund was deleted"


def _returned(item: int, units: int) -> Document:
    return {"quantity": -units, "meta_data": [{"key": "_refunded_item_id", "value": str(item)}]}


def test_an_edit_moves_the_difference(shop: Shop, db: Db) -> None:
    stock_up(db, A=10, B=10)
    shop.outcome("order.created", order(1, line("A", 5), line("B", 1)))
    shop.outcome("order.updated", order(1, line("A", 2), modified=1))
    moved = [(each["sku"], each["quantity"], each["held"]) for each in db.stock_movements.find({"n": {"$gte": 1}})]
    assert sorted(moved) == [("A", -5, 5), ("A", 3, 2), ("B", -1, 1), ("B", 1, 0)]


def test_what_happened_shortly_before_a_deletion_comes_with_it(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(1, line("A", 3, reduced=3)), sequence=1)
    shop.outcome("order.deleted", order(1, line("A", 3), status="cancelled", modified=1), sequence=3)
    shop.outcome("order.deleted", order(2, line("A", 2, reduced=2)), sequence=1)
    assert stock_of(db) == {"A": 8}, "the first was cancelled; the second, never told before, keeps its units"
    assert db.orders.count_documents({"deleted_at": {"$exists": True}}) == 2


def test_a_deleted_order_moves_no_stock_and_comes_back(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(1, line("A", 2, reduced=2)))
    assert outcome(shop.deliver("order.deleted", {"id": 1})) == "updated"
    assert stock_of(db) == {"A": 8}
    assert db.orders.count_documents({"deleted_at": {"$exists": True}}) == 1
    assert outcome(shop.deliver("order.restored", order(1, line("A", 2, reduced=2), modified=9))) == "updated"
    assert db.orders.count_documents({"deleted_at": {"$exists": True}}) == 0


def test_what_was_changed_before_the_deletion_does_not_bring_an_order_back(shop: Shop, db: Db) -> None:
    shop.deliver("order.deleted", {"id": 1})
    shop.deliver("order.created", order(1))
    shop.deliver("order.updated", order(1, modified=5))
    assert db.orders.count_documents({"deleted_at": {"$exists": True}}) == 1
    later = (now() + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    shop.deliver("order.updated", {**order(1), "date_modified_gmt": later})
    assert db.orders.count_documents({"deleted_at": {"$exists": True}}) == 0


# --- statuses of plugins, and sub-orders ------------------------------------------------------------------------


def test_a_status_of_a_plugin_lets_no_unit_go_that_was_held(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("order.created", order(1, line("A", 4)))
    shop.outcome("order.updated", {"id": 1, "status": "shipped", "date_modified_gmt": at(1)})
    assert stock_of(db) == {"A": 6}
    shop.outcome("order.created", order(2, line("A", 1), status="quote"))
    shop.outcome("order.completed", {"id": 2, "date_modified_gmt": at(1)})
    assert stock_of(db) == {"A": 5}, "completed: the shop takes the units of the quote"


def _marketplace(parent_reduced: bool) -> list[Document]:
    """An order of two vendors' goods and its sub-orders; the shop takes the units for the one or for the others."""
    units = {True: 1, False: None}
    parent = order(1, line("A", 1, units[parent_reduced]), line("B", 1, units[parent_reduced]))
    children = [
        order(number, line(sku, 1, units[not parent_reduced]), parent_id=1) for number, sku in ((2, "A"), (3, "B"))
    ]
    return [parent, *children]


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
@pytest.mark.parametrize("parent_reduced", [True, False])
def test_sub_orders_and_their_parent_take_each_unit_once(
    shop: Shop, db: Db, arrival: tuple[int, ...], parent_reduced: bool
) -> None:
    stock_up(db, A=10, B=10)
    orders = _marketplace(parent_reduced)
    for number in arrival:
        shop.outcome("order.created", orders[number])
    assert stock_of(db) == {"A": 9, "B": 9}
    for number in arrival:
        lines = [line(each["sku"], 1, id=each["id"]) for each in orders[number]["line_items"]]
        shop.outcome(
            "order.updated", {**orders[number], "line_items": lines, "status": "cancelled", "date_modified_gmt": at(1)}
        )
    assert stock_of(db) == {"A": 10, "B": 10}


def test_an_orders_parent_is_shown(shop: Shop, db: Db) -> None:
    shop.outcome("order.created", order(2, parent_id=1))
    shop.outcome("order.created", order(1, parent_id=0))
    assert {each["order_id"]: each["parent_id"] for each in order_list.find(db, Filter(), 9)[0]} == {
        2: 1,
        1: 0,
    }
    assert not {"parent", "suborders_hold", "unpublished"} & order_list.get(db, "2").keys()


@pytest.mark.parametrize("arrival", [(1, 0), (0, 1)])
def test_a_crash_anywhere_while_a_sub_order_comes_in_leaves_nothing_taken_twice(
    config: Config, db: Db, arrival: tuple[int, ...]
) -> None:
    first, then = (_marketplace(parent_reduced=False)[number] for number in arrival)
    for crash in range(1, 16):
        with processes(config, 2) as [one, two]:
            clear(db)
            stock_up(db, A=10, B=10)
            one.deliver("order.created", first)
            one.steps.crash_at(crash)
            try:
                one.deliver("order.created", then)
            except Crash:
                one.steps.go_on()
                two.take_over()
                two.deliver("order.created", then)
            assert stock_of(db) == {"A": 9, "B": 10}, crash


# --- which version counts ---------------------------------------------------------------------------------------

_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_version_from_the_future_makes_nothing_stale_that_follows(shop: Shop, db: Db) -> None:
    def ago(minutes: int) -> str:
        return (now() - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")

    for send in (shop.send, shop.deliver):
        db.orders.drop()
        db.inbox.drop()
        send("order.created", order(1, date_modified_gmt="2099-01-01T00:00:00"))
        assert outcome(send("order.updated", order(1, status="completed", date_modified_gmt=ago(2)))) == "updated"
        assert outcome(send("order.updated", order(1, status="failed", date_modified_gmt=ago(3)))) == "stale"
        ahead = order(1, status="refunded", date_modified_gmt=ago(-2))  # the clocks differ by less than five minutes
        assert outcome(send("order.updated", ahead)) == "updated"
        assert outcome(send("order.updated", order(1, status="failed", date_modified_gmt=ago(1)))) == "stale"


def test_a_sequence_without_bounds_is_none(shop: Shop) -> None:
    shop.outcome("order.created", order(1, modified=0), sequence=2**63 - 1)
    assert shop.outcome("order.updated", order(1, modified=1, status="completed"), sequence=5) == "updated"
    nanoseconds = int(now().timestamp() * 1e9)
    assert shop.outcome("order.updated", order(1, modified=0, status="failed"), sequence=nanoseconds) == "updated"


@pytest.mark.parametrize("blank", [None, "", " ", False])
def test_a_blank_total_is_not_one_of_0(shop: Shop, db: Db, blank: Any) -> None:
    answers = [shop.send("order.created", order(1, total=blank)), shop.send("order.created", order(2))]
    answers.append(shop.send("order.updated", order(2, modified=1, total=blank)))
    assert [each.get_json()["data"]["outcome"] for each in answers] == ["created", "created", "updated"]
    warning = {"code": "field_left_out", "values": {"field": "total", "problem": "is blank"}}
    assert [each.get_json()["data"]["warning_codes"] for each in answers] == [[warning], [], [warning]]
    assert [str(each.get("total")) for each in db.orders.find().sort("order_id", 1)] == ["None", "12.50"]


# --- SKUs -------------------------------------------------------------------------------------------------------


def test_an_unknown_sku_is_told_and_never_moved_by_this_order(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    response = shop.send("order.created", order(1, line("A"), line("LATER", 2)))
    assert response.get_json()["data"]["warnings"] == ["SKU LATER is unknown here; this order does not move its stock."]
    stock_up(db, LATER=5)
    shop.outcome("order.updated", order(1, line("A"), line("LATER", 4), modified=1))
    shop.outcome("order.updated", order(1, line("A"), line("LATER", 4), modified=2, status="cancelled"))
    assert stock_of(db) == {"A": 10, "LATER": 5}
    shop.outcome("order.created", order(2, line("LATER", 1)))
    assert stock_of(db)["LATER"] == 4


def test_a_sku_is_trimmed_and_otherwise_exact(shop: Shop, db: Db) -> None:
    stock_up(db, **{"Sku 42/ä": 10, "a": 10})
    shop.outcome("order.created", order(1, line("  Sku 42/ä "), line("A"), line("sku 42/ä")))
    assert stock_of(db) == {"Sku 42/ä": 9, "a": 10}


def test_a_renamed_sku_is_the_same_product(shop: Shop, db: Db) -> None:
    stock_up(db, OLD=10)
    shop.outcome("order.created", order(1, line("OLD", 1)))
    shop.outcome("order.created", order(2, line("NEW", 2, product_id=shop_id("OLD"))))
    shop.outcome("order.updated", order(1, line("NEW", 3, product_id=shop_id("OLD")), modified=1))
    shop.outcome("order.created", order(3, line("OLD", 1)))
    assert stock_of(db) == {"OLD": 4}
    [stored] = db.products.find()
    assert (stored["sku"], stored["skus"]) == ("NEW", ["OLD", "NEW"])


def test_skus_that_two_products_swap_stay_with_their_ids(shop: Shop, db: Db) -> None:
    """A→Z, B→A, Z→B, as a shop must do it."""
    one, two = shop_id("A"), shop_id("B")
    shop.deliver("product.created", product(one, "A", 10))
    shop.deliver("product.created", product(two, "B", 20))
    for number, (identity, sku) in enumerate([(one, "Z"), (two, "A"), (one, "B")], 1):
        assert (
            outcome(shop.deliver("product.updated", product(identity, sku, 1, date_modified_gmt=at(number))))
            != "parked"
        )
    later: Document = {"date_created_gmt": AHEAD}  # not of the time before the POS had the stock
    shop.outcome("order.created", order(1, line("A", 3, product_id=two), **later))
    shop.outcome("order.created", order(2, line("B", 4, product_id=one), **later))
    assert stock_of(db) == {"A": 6, "B": 17}


def _variation(sku: str, variation_id: int, quantity: int, **more: Any) -> Document:
    return line(sku, quantity, product_id=320, variation_id=variation_id, **more)


def test_a_variation_whose_stock_is_its_parents_moves_that(shop: Shop, db: Db) -> None:
    shop.deliver("product.created", product(320, "HOOD", 7))
    shop.deliver("product.created", product(321, "HOOD-S", None, parent_id=320) | {"manage_stock": "parent"})
    later: Document = {"date_created_gmt": AHEAD}
    shop.outcome("order.created", order(1, _variation("HOOD-S", 321, 2, reduced=2), **later))
    assert stock_of(db) == {"HOOD": 5}
    shop.outcome("order.updated", order(1, _variation("HOOD-S", 321, 2), status="cancelled", modified=9, **later))
    assert stock_of(db) == {"HOOD": 7}


def _shares(stock: int | None, minutes: int, sku: str = "HOOD-S") -> Document:
    """The report of a variation whose stock is its own, or (None) its parent's."""
    own = product(321, sku, stock, parent_id=320, date_modified_gmt=at(60 * minutes))
    return own if stock is not None else own | {"manage_stock": "parent"}


def _cancelled(shop: Shop, status_alone: bool) -> None:
    if status_alone:
        shop.outcome("order.cancelled", {"id": 1, "date_modified_gmt": at(86400 * 9999 + 1)})
    else:
        shop.outcome(
            "order.updated",
            order(1, _variation("HOOD-S", 321, 2), status="cancelled", date_modified_gmt=at(86400 * 9999 + 1)),
        )


def _sold(shop: Shop, **more: Any) -> None:
    later: Document = {"date_created_gmt": at(86400 * 9999), "date_modified_gmt": at(86400 * 9999)}
    shop.outcome("order.created", order(1, _variation("HOOD-S", 321, 2, reduced=2), **later, **more))


@pytest.mark.parametrize("status_alone", [True, False])
def test_units_taken_from_a_variation_come_back_to_its_parent_whose_stock_it_shares_now(
    shop: Shop, db: Db, status_alone: bool
) -> None:
    """`wc_update_product_stock` gives back to whoever has the stock then."""
    shop.deliver("product.created", product(320, "HOOD", 40))
    shop.deliver("product.created", _shares(10, 0))
    _sold(shop)
    assert stock_of(db) == {"HOOD": 40, "HOOD-S": 8}
    shop.deliver("product.updated", _shares(None, 1))
    _cancelled(shop, status_alone)
    assert stock_of(db) == {"HOOD": 42, "HOOD-S": 8}
    assert list(verify.run(db)) == []
    transfer = db.stock_movements.find_one({"reason": "transfer"})
    assert transfer
    assert (transfer["sku"], transfer["quantity"], transfer["held"], transfer["carried"]) == ("HOOD-S", 0, 0, -2)


@pytest.mark.parametrize("status_alone", [True, False])
@pytest.mark.parametrize("in_between", [True, False])
def test_units_taken_from_a_parent_come_back_to_the_variation_whose_stock_is_its_own_again(
    shop: Shop, db: Db, status_alone: bool, in_between: bool
) -> None:
    shop.deliver("product.created", product(320, "HOOD", 40))
    shop.deliver("product.created", _shares(10, 0))
    _sold(shop)
    shop.deliver("product.updated", _shares(None, 1))
    if in_between:
        shop.outcome("order.completed", {"id": 1, "date_modified_gmt": at(86400 * 9999)})
        assert stock_of(db) == {"HOOD": 40, "HOOD-S": 8}
    shop.deliver("product.updated", _shares(30, 2))
    assert stock_of(db) == {"HOOD": 40, "HOOD-S": 30}, "its ledger goes on with what the shop has now"
    _cancelled(shop, status_alone)
    assert stock_of(db) == {"HOOD": 40, "HOOD-S": 32}
    assert list(verify.run(db)) == []
    for minutes, stock in ((3, None), (4, 7), (5, None), (6, 9)):
        shop.deliver("product.updated", _shares(stock, minutes))
    assert stock_of(db) == {"HOOD": 40, "HOOD-S": 9}


def test_units_taken_from_a_parent_come_back_to_a_variation_that_never_had_stock_before(shop: Shop, db: Db) -> None:
    shop.deliver("product.created", product(320, "HOOD", 40))
    shop.deliver("product.created", _shares(None, 0))
    _sold(shop)
    assert stock_of(db) == {"HOOD": 38}
    shop.deliver("product.updated", _shares(10, 1))
    _cancelled(shop, status_alone=False)
    assert stock_of(db) == {"HOOD": 38, "HOOD-S": 12}


def test_units_kept_back_for_a_buyer_go_to_where_the_shop_will_take_them(shop: Shop, db: Db) -> None:
    shop.deliver("product.created", product(320, "HOOD", 40))
    shop.deliver("product.created", _shares(10, 0))
    pending = order(1, _variation("HOOD-S", 321, 2), status="pending", date_created_gmt=at(86400 * 9999))
    shop.outcome("order.created", pending)
    assert stock_of(db) == {"HOOD": 40, "HOOD-S": 8}
    shop.deliver("product.updated", _shares(None, 1))
    shop.outcome("order.updated", {**pending, "customer_note": "Hurry", "date_modified_gmt": at(2)})
    assert stock_of(db) == {"HOOD": 38, "HOOD-S": 10}


def test_units_of_an_order_from_before_are_given_back_to_the_parent_too(shop: Shop, db: Db) -> None:
    shop.deliver("product.created", product(320, "HOOD", 40))
    shop.deliver("product.created", _shares(10, 0))
    shop.send("order.created", order(1, _variation("HOOD-S", 321, 2, reduced=2)), opening=True)
    shop.deliver("product.updated", _shares(None, 1))
    _cancelled(shop, status_alone=False)
    assert stock_of(db) == {"HOOD": 42, "HOOD-S": 10}


def test_a_crash_anywhere_while_units_change_stock_moves_them_once(config: Config, db: Db) -> None:
    later: Document = {"date_created_gmt": at(86400 * 9999), "date_modified_gmt": at(86400 * 9999)}
    sold = order(1, _variation("HOOD-S", 321, 2, reduced=2), **later)
    told = [
        ("product.updated", _shares(None, 1)),
        ("order.updated", {"id": 1, "status": "cancelled", "date_modified_gmt": at(86400 * 9999 + 1)}),
        ("product.updated", _shares(30, 2)),
    ]
    with processes(config, 2) as [one, two]:
        for crash in range(1, 40, 2):
            clear(db)
            one.deliver("product.created", product(320, "HOOD", 40))
            one.deliver("product.created", _shares(10, 0))
            one.deliver("order.created", sold)
            one.steps.crash_at(crash)
            for event in told:
                try:
                    one.deliver(*event)
                except Crash:
                    one.steps.go_on()
                    two.take_over()
                    two.deliver(*event)
            one.steps.go_on()
            assert stock_of(db) == {"HOOD": 42, "HOOD-S": 30}, crash
            assert list(verify.run(db)) == [], crash


# --- stock management switched off and on -------------------------------------------------------------------------


def _managed(stock: int | None, minutes: int) -> Document:
    return product(shop_id("A"), "A", stock, date_modified_gmt=at(60 * minutes))


def _made(order_id: int, minutes: int, units: int, reduced: int | None = None, **more: Any) -> Document:
    moment = at(60 * minutes)
    return order(order_id, line("A", units, reduced), date_created_gmt=moment, date_modified_gmt=moment, **more)


def test_while_the_shop_does_not_manage_a_products_stock_its_orders_hold_nothing(shop: Shop, db: Db) -> None:
    shop.send("product.created", _managed(10, 0), timestamp=f"{at(0)}Z")
    shop.outcome("order.created", _made(1, 1, 3, reduced=3))
    shop.outcome("order.created", _made(2, 1, 1, status="pending"))
    assert stock_of(db) == {"A": 6}
    assert shop.outcome("product.updated", _managed(None, 2)) == "updated"
    shop.outcome("order.created", _made(3, 3, 2))
    assert stock_of(db) == {"A": 6}, "the shop took nothing"
    shop.outcome("order.updated", _made(1, 4, 3, reduced=3, status="cancelled"))
    assert stock_of(db) == {"A": 6}, "and gives nothing back: _reduced_stock stays"
    assert shop.send("product.updated", _managed(50, 5), timestamp=f"{at(300)}Z").status_code == 200
    assert stock_of(db) == {"A": 49}, "the shop's, less what the pending order holds"
    [restarted] = db.stock_movements.find({"reason": "managed_again"})
    assert (restarted["quantity"], restarted["balance"], restarted["note"]) == (
        43,
        49,
        "the shop has 50, and pending orders hold 1",
    )
    shop.outcome("order.updated", {**_made(3, 3, 2, status="completed"), "date_modified_gmt": at(360)})
    assert stock_of(db) == {"A": 49}, "the shop looks at an order's lines once"
    shop.outcome("order.created", _made(4, 4, 1, reduced=1))
    assert stock_of(db) == {"A": 49}, "made before: contained in the 50"
    shop.outcome("order.created", _made(5, 7, 1, reduced=1))
    shop.outcome("order.updated", {**_made(2, 1, 1, reduced=1), "date_modified_gmt": at(480)})
    assert stock_of(db) == {"A": 48}
    assert list(verify.run(db)) == []


def test_a_product_that_staff_made_keeps_its_own_stock_whatever_the_shop_manages(shop: Shop, db: Db) -> None:
    stock_up(db, A=10)
    shop.outcome("product.updated", _managed(None, 0))
    shop.outcome("order.created", _made(1, 1, 3))
    shop.outcome("product.updated", _managed(99, 2))
    assert stock_of(db) == {"A": 7}


def test_an_old_report_of_management_changes_nothing(shop: Shop, db: Db) -> None:
    shop.outcome("product.created", _managed(10, 5))
    assert shop.outcome("product.updated", _managed(None, 1)) == "stale"
    shop.outcome("product.updated", _managed(None, 6))
    assert shop.outcome("product.updated", _managed(77, 2)) == "stale"
    assert stock_of(db) == {"A": 10}


def test_a_variation_that_gets_a_sku_of_its_own_does_not_rename_the_product(shop: Shop, db: Db) -> None:
    """A variation without a SKU of its own tells its parent's: which of the two it is, a line does not say."""
    stock_up(db, TEE=50)
    shop.outcome("order.created", order(1, _variation("TEE", 321, 1)))
    response = shop.send("order.created", order(2, _variation("TEE-S", 321, 2), _variation("TEE", 322, 3)))
    assert response.get_json()["data"]["warnings"] == ["SKU TEE-S is unknown here; this order does not move its stock."]
    assert stock_of(db) == {"TEE": 46}
    [stored] = db.products.find()
    assert (stored["skus"], stored.get("external_ids", [])) == (["TEE"], [])


def test_a_variations_line_teaches_its_id_where_its_parent_goes_under_another_sku(shop: Shop, db: Db) -> None:
    shop.deliver("product.created", product(320, "TEE", 50))
    stock_up(db, **{"TEE-S": 10})
    shop.outcome("order.created", order(1, _variation("TEE-S", 321, 1)))
    shop.outcome("order.created", order(2, _variation("TEE-SMALL", 321, 2)))
    assert stock_of(db) == {"TEE": 50, "TEE-S": 7}


def test_a_variation_known_from_the_shop_is_renamed_by_a_line(shop: Shop, db: Db) -> None:
    shop.deliver("product.created", product(321, "TEE-S", 10, parent_id=320))
    shop.outcome("order.created", order(1, _variation("TEE-SMALL", 321, 2), date_created_gmt=AHEAD))
    [stored] = db.products.find()
    assert (stored["sku"], stored["stock"]) == ("TEE-SMALL", 8)


# --- orders from before -----------------------------------------------------------------------------------------

Opening = Callable[[Document], Any]


@pytest.fixture(params=["envelope", "live_since", "catalogue"])
def from_before(request: pytest.FixtureRequest, shop: Shop, db: Db, config: Config) -> Opening:
    """Ways in which the service knows that an order's units are not in the stock it started with."""
    if request.param == "live_since":
        settings.update_store(db, config, "default", live_since=_NOON + timedelta(days=1))
        request.getfixturevalue("app").extensions["pos"].stores._read_at = float("-inf")
    if request.param == "catalogue":
        shop.deliver("product.created", product(shop_id("A"), "A", 10))
    else:
        stock_up(db, A=10)
    more = {"opening": True} if request.param == "envelope" else {}
    return lambda data: shop.outcome("order.updated", data, **more)


def test_an_order_from_before_moves_nothing_when_first_seen(from_before: Opening, db: Db) -> None:
    from_before(order(1, line("A", 3, reduced=3)))
    assert stock_of(db) == {"A": 10}
    assert db.stock_movements.find_one({"order": "default:1"}, {"_id": 0, "quantity": 1, "held": 1, "reason": 1}) == {
        "quantity": 0,
        "held": 3,
        "reason": "opening",
    }


@pytest.mark.parametrize(
    ("change", "stock"),
    [
        ({"status": "cancelled", "line_items": [line("A", 3, id=1)]}, 13),
        ({"status": "cancelled"}, 13),
        ({"line_items": [line("A", 5, reduced=5, id=1)]}, 8),
        ({"line_items": [line("A", 3, reduced=1, id=1)]}, 12),
        ({"line_items": []}, 13),
        ({"status": "completed"}, 10),
    ],
    ids=["cancelled", "cancelled without lines", "edited up", "refunded in part", "line removed", "completed"],
)
def test_only_later_changes_of_an_order_from_before_move_stock(
    from_before: Opening, db: Db, change: Document, stock: int
) -> None:
    from_before(order(1, line("A", 3, reduced=3)))
    data = {"id": 1, "date_created_gmt": at(0), "date_modified_gmt": at(5), **change}
    from_before(data)
    assert stock_of(db) == {"A": stock}


def test_a_pending_order_from_before_takes_its_units_when_it_is_paid(from_before: Opening, db: Db) -> None:
    from_before(order(1, line("A", 3), status="pending"))
    assert stock_of(db) == {"A": 10}
    from_before(order(1, line("A", 3, reduced=3), modified=5))
    assert stock_of(db) == {"A": 7}


@pytest.fixture(params=["live_since", "product"])
def went_live(request: pytest.FixtureRequest, shop: Shop, db: Db, config: Config) -> None:
    """Stock is counted from noon on, by the store's setting or by when the product was first read."""
    if request.param == "live_since":
        stock_up(db, A=10)
        settings.update_store(db, config, "default", live_since=_NOON)
        request.getfixturevalue("app").extensions["pos"].stores._read_at = float("-inf")
    else:
        shop.send("product.created", product(shop_id("A"), "A", 10), timestamp=f"{at(0)}Z")


@pytest.mark.usefixtures("went_live")
def test_an_order_made_since_whose_date_was_set_back_takes_its_units(shop: Shop, db: Db) -> None:
    def made(order_id: int, seconds: float, units: int) -> Document:
        return order(order_id, line("A", units, reduced=units), date_created_gmt=at(seconds))

    shop.outcome("order.created", made(50, -60, 1))
    assert stock_of(db) == {"A": 10}, "from before"
    shop.outcome("order.created", made(60, -86400, 1))
    assert stock_of(db) == {"A": 10}, "nothing made since is known: its date counts"
    shop.outcome("order.created", made(100, 1, 2))
    shop.outcome("order.created", made(101, -86400, 3))
    assert stock_of(db) == {"A": 5}, "made after number 100, whatever its date"
    shop.outcome("order.created", made(51, -30, 4))
    assert stock_of(db) == {"A": 5}, "from before, and late"


def test_where_the_shop_names_its_last_order_both_date_and_number_must_say_that_an_order_is_from_before(
    shop: Shop, db: Db
) -> None:
    """Made, sold and sent within one second, dated back, or made since with a number that has fallen."""
    shop.send("product.created", product(shop_id("A"), "A", 10), timestamp=f"{at(0)}Z", last_order_id=100)
    for order_id, seconds, stock in ((100, 0, 10), (101, 0, 9), (102, -86400, 8), (99, 60, 7)):
        shop.outcome("order.created", order(order_id, line("A", 1, reduced=1), date_created_gmt=at(seconds)))
        assert stock_of(db) == {"A": stock}, order_id


@pytest.mark.parametrize(
    ("taken", "stock"), [(-0.001, 10), (0, 7), (0.001, 7), (3600, 7)], ids=["before", "then", "after", "later"]
)
@pytest.mark.parametrize(("order_id", "seconds"), [(99, -3600), (101, -3600), (99, 3600), (101, 3600)])
def test_the_time_at_which_the_shop_took_the_stock_decides_alone(
    shop: Shop, db: Db, taken: float, stock: int, order_id: int, seconds: float
) -> None:
    """A block checkout's order bears its draft's number and date; both can be wrong in either direction."""
    read_at = _NOON + timedelta(milliseconds=500)
    data = order(order_id, line("A", 3, reduced=3), date_created_gmt=at(seconds))
    said = {"timestamp": read_at.isoformat(), "last_order_id": 100}
    shop.send("product.created", product(shop_id("A"), "A", 10), **said)
    taken_at = (read_at + timedelta(seconds=taken)).isoformat()
    shop.outcome("order.created", data, stock_taken_at=taken_at)
    assert stock_of(db) == {"A": stock}
    given_back = order(order_id, line("A", 3), date_created_gmt=at(seconds))["line_items"]
    cancelled = {**data, "status": "cancelled", "date_modified_gmt": at(9000), "line_items": given_back}
    shop.outcome("order.updated", cancelled, stock_taken_at=taken_at)
    assert stock_of(db) == {"A": stock + 3}, "what was contained comes on top"


def test_an_odd_time_of_taking_costs_nothing_but_itself(shop: Shop, db: Db) -> None:
    shop.send("product.created", product(shop_id("A"), "A", 10), timestamp=f"{at(0)}Z", last_order_id=100)
    data = order(99, line("A", 3, reduced=3), date_created_gmt=at(-60))
    [warning] = shop.send("order.created", data, stock_taken_at="noon").get_json()["data"]["warnings"]
    assert "stock_taken_at" in warning
    assert stock_of(db) == {"A": 10}


@pytest.mark.parametrize(
    ("event", "dates", "stock"),
    [
        ("order.created", {"date_paid_gmt": at(600), "payment_method": "stripe"}, 7),
        ("order.updated", {"date_paid_gmt": at(600), "payment_method": "stripe"}, 7),
        ("order.updated", {"date_paid_gmt": at(-600), "payment_method": "stripe"}, 10),
        ("order.updated", {"date_paid_gmt": at(600), "payment_method": "bacs"}, 10),
        ("order.created", {"created_via": "store-api", "date_modified_gmt": at(600), "payment_method": "cod"}, 7),
        ("order.updated", {"created_via": "store-api", "date_modified_gmt": at(600), "payment_method": "cod"}, 10),
        ("order.created", {"created_via": "checkout", "date_modified_gmt": at(600)}, 10),
    ],
    ids=["paid since", "changed too", "paid before", "taken unpaid", "placed since", "changed since", "no draft"],
)
def test_without_it_the_orders_other_dates_say_that_a_draft_was_placed_since(
    shop: Shop, db: Db, event: str, dates: Document, stock: int
) -> None:
    stamp = {"timestamp": f"{at(0)}Z"}
    shop.send("product.created", product(shop_id("A"), "A", 10), **stamp)
    data = order(1, line("A", 3, reduced=3)) | {"date_created_gmt": at(-3600)} | dates
    assert shop.deliver(event, data).status_code == 200
    assert stock_of(db) == {"A": stock}


def test_without_any_order_in_the_shop_all_take_their_units(shop: Shop, db: Db) -> None:
    shop.send("product.created", product(shop_id("A"), "A", 10), timestamp=f"{at(0)}Z", last_order_id=0)
    shop.outcome("order.created", order(1, line("A", 1, reduced=1), date_created_gmt=at(-60)))
    assert stock_of(db) == {"A": 9}


# --- goods without stock ----------------------------------------------------------------------------------------


def test_lines_of_goods_that_the_shop_keeps_no_stock_of_are_no_trouble(shop: Shop, db: Db) -> None:
    shop.send("product.created", product(7, "WRAP", None))
    stock_up(db, A=10)
    data = order(1, line("A"), line("WRAP", product_id=7), line("Wrap, renamed", product_id=7))
    assert shop.send("order.created", data).get_json()["data"]["warnings"] == []
    [stored] = db.orders.find()
    assert (stored["without_stock"], stored["unmatched"]) == (["WRAP", "Wrap, renamed"], [])
    assert stock_of(db) == {"A": 9}
    shop.send("product.updated", product(7, "WRAP", 5, date_modified_gmt=at(1)), timestamp=f"{at(1)}Z")
    shop.outcome("order.updated", {**data, "status": "completed", "date_modified_gmt": at(9)})
    assert stock_of(db) == {"A": 9, "WRAP": 5}, "the order was before"
    shop.outcome("order.created", order(2, line("WRAP", 2, reduced=2, product_id=7), date_created_gmt=at(9)))
    assert stock_of(db) == {"A": 9, "WRAP": 3}


def test_goods_reported_after_the_order_are_no_trouble_from_its_next_version_on(shop: Shop, db: Db) -> None:
    [warning] = shop.send("order.created", order(1, line("WRAP", product_id=7))).get_json()["data"]["warnings"]
    assert "WRAP is unknown" in warning
    shop.send("product.created", product(7, "WRAP", None))
    reply = shop.send("order.updated", order(1, line("WRAP", product_id=7), modified=1)).get_json()
    assert reply["data"]["warnings"] == []


def test_a_line_that_the_shop_took_stock_for_is_told_though_its_sku_is_known_to_have_none(shop: Shop, db: Db) -> None:
    shop.send("product.created", product(7, "HOOD", None))
    data = order(1, line("HOOD", 1, reduced=1, product_id=7, variation_id=8))
    assert len(shop.send("order.created", data).get_json()["data"]["warnings"]) == 1


# --- events -----------------------------------------------------------------------------------------------------


def test_applying_an_update_returns_what_happened(db: Db) -> None:
    stock_up(db, A=10)
    sold = {"status": "completed", "line_items": [{"id": 1, "sku": "A", "quantity": 2}]}
    [result] = apply(db, [order_update(1, sold, kind="created")])
    assert [event.id for event in result.events] == ["order:default:1:1", "order:default:1:1:completed", "stock:A:2"]
    [duplicate] = apply(db, [order_update(1, sold, kind="created")])
    assert duplicate.events == ()


def test_what_moves_for_a_parent_is_an_event_of_its_sub_order(db: Db) -> None:
    stock_up(db, A=10)
    goods = [{"id": 1, "sku": "A", "quantity": 1, "full": True}]
    taken = [{**goods[0], "reduced_stock": 1}]
    apply(db, [order_update(1, {"status": "processing", "line_items": goods}, kind="created")])
    child = order_update(2, {"status": "processing", "parent_id": 1, "line_items": taken}, kind="created")
    [result] = apply(db, [child])
    assert {(event.id, event.type) for event in result.events if event.type == "stock.changed"} == {
        ("stock:A:3", "stock.changed"),
        ("stock:A:4", "stock.changed"),
    }
    assert stock_of(db) == {"A": 9}


# --- cost -------------------------------------------------------------------------------------------------------


def test_round_trips_to_the_database(process: Process, db: Db) -> None:
    def trips(*messages: tuple[str, Document]) -> int:
        process.steps.go_on()
        process.deliver_all(list(messages))
        return len(process.steps.names)

    def batch(kind: str, more: Document, *lines: Document) -> int:
        def email(number: int) -> Document:
            return {"billing": {"email": f"{number}@example.se"}}

        return trips(*((kind, order(number, *lines, **more, **email(number))) for number in range(10, 60)))

    stock_up(db, A=1000, B=1000, C=1000)
    # from the first on the products are linked to their ids in the shop
    process.deliver("order.created", order(1, line("A"), line("B"), line("C")))
    assert trips(("order.created", order(2, line("A"), line("B")))) == 8
    changed = ("order.updated", order(2, line("A", 3), modified=1))
    assert trips(changed) == 9
    assert trips(changed) == 1
    assert trips(("order.updated", order(2, line("A", 3), modified=2, status="completed"))) == 6, "nothing moves"
    assert batch("order.created", {}, line("A"), line("B"), line("C")) == 8
    assert batch("order.updated", {"modified": 1}, line("A", 2), line("B", 2), line("C", 2)) == 9
    assert stock_of(db) == {"A": 1000 - 1 - 3 - 100, "B": 1000 - 1 - 100, "C": 1000 - 1 - 100}
    process.deliver("order.created", order(70, line("WRAP")))
    process.steps.go_on()
    process.deliver("order.created", order(71, line("WRAP")))
    assert process.steps.names.count("find") <= 3, "one more, for a SKU that is unknown"


def test_a_product_that_others_move_in_between_costs_two_round_trips_more(process: Process, db: Db) -> None:
    stock_up(db, A=10, B=10, C=10)
    process.deliver("order.created", order(1, line("A"), line("B"), line("C")))
    process.steps.go_on()

    def sell(step: int) -> None:
        if step == 4:  # the movements come next
            ledger.move(db, "B", -1, reason="correction", cause="user:somebody")

    process.steps.before = sell
    process.deliver("order.created", order(2, line("A"), line("B"), line("C")))
    assert len(process.steps.names) == 8 + 2, "where the product is now, and the movements again"
    assert stock_of(db) == {"A": 8, "B": 7, "C": 8}


def test_an_order_of_the_second_in_which_the_stock_was_read_takes_its_units(shop: Shop, db: Db) -> None:
    shop.send("product.created", product(shop_id("A"), "A", 10), timestamp=f"{at(0)}Z")
    shop.send("product.created", product(shop_id("B"), "B", 10), timestamp=f"{at(1)}Z")
    shop.send("order.created", order(1, line("A", 3, reduced=3), line("B", 3, reduced=3)))
    assert stock_of(db) == {"A": 7, "B": 10}
