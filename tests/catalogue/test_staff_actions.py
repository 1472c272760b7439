"""What staff do with products, and the lists they see."""

from __future__ import annotations

import threading

import pytest
from bson import Decimal128

from pos_api.catalogue import queries, staff_actions
from pos_api.catalogue.queries import Filter
from pos_api.catalogue.staff_actions import ProductChanges, StaffChange
from pos_api.database.client import Db
from pos_api.errors import Conflict, Invalid, NotFound
from pos_api.events import StockChanged
from pos_api.stock import ledger as stock
from pos_api.stock.model import person_of
from tests.catalogue.reports import applied, line, reported


def test_a_created_product_has_one_movement_that_names_who(db: Db) -> None:
    product = staff_actions.add(db, {"sku": "Sku 42/ä", "stock": 12}, by="anna").product
    (movement,) = queries.movements(db, "Sku 42/ä")
    assert (product["stock"], movement["balance"], person_of(movement["cause"])) == (12, 12, "anna")


def test_a_taken_sku_is_a_conflict_and_opens_no_ledger(db: Db) -> None:
    applied(db, reported(1, "OLD"))
    applied(db, reported(1, "NEW", 1))
    for sku in ("OLD", "NEW"):
        with pytest.raises(Conflict):
            staff_actions.add(db, {"sku": sku, "stock": 3}, by="anna")
    assert db.stock_movements.count_documents({}) == 1


def test_creating_again_after_a_crash_ends_with_the_stock_that_was_given(db: Db) -> None:
    stock.open_ledger(db, "A", 7, cause="staff:anna")
    assert staff_actions.add(db, {"sku": "A", "stock": 9}, by="anna").product["stock"] == 9
    assert [movement["balance"] for movement in queries.movements(db, "A")] == [9, 7]


def test_a_count_sets_the_stock_and_an_adjustment_changes_it(db: Db) -> None:
    staff_actions.add(db, {"sku": "A", "stock": 10}, by="anna")
    counted = staff_actions.count(db, "A", 12, by="berta", note="shelf 4")
    assert (counted.product["stock"], counted.movement["quantity"], counted.movement["note"]) == (12, 2, "shelf 4")
    broken = staff_actions.adjust(db, "A", -2, reason="broken", by="anna")
    assert (broken.product["stock"], broken.movement["balance"], broken.movement["reason"]) == (10, 10, "broken")
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
    changes: ProductChanges = {"name": "Tea, green", "price": Decimal128("3.50"), "archived": True}
    product = staff_actions.change(db, "A", changes).product
    assert (product["name"], product["price"], product["archived"]) == ("Tea, green", Decimal128("3.50"), True)
    assert list(queries.find(db, Filter())) == []
    assert [each["sku"] for each in queries.find(db, Filter(words="gre", archived=True))] == ["A"]
    product = staff_actions.change(db, "A", {"archived": False, "low_stock_threshold": None}).product
    assert "archived" not in product
    assert "low_stock_threshold" not in product
    assert staff_actions.change(db, "A", {}) == StaffChange(product), "and no event"


def test_what_staff_do_is_an_event_of_no_store(db: Db) -> None:
    events = [
        *staff_actions.add(db, {"sku": "A", "stock": 10}, by="anna").events,
        *staff_actions.change(db, "A", {"name": "Tea"}).events,
        *staff_actions.change(db, "A", {"archived": True}).events,
        *staff_actions.count(db, "A", 12, by="anna").events,
        *staff_actions.adjust(db, "A", -2, reason="broken", by="anna").events,
    ]
    assert [event.type for event in events] == [
        *("product.created", "stock.changed", "product.updated", "product.archived", "stock.changed", "stock.changed")
    ]
    moved = [event for event in events if isinstance(event, StockChanged)]
    assert [(event.id, event.quantity, event.cause) for event in moved] == [
        ("stock:A:1", 10, "staff:anna"),
        ("stock:A:2", 2, "staff:anna"),
        ("stock:A:3", -2, "staff:anna"),
    ]
    assert {event.store for event in events} == {None}


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
