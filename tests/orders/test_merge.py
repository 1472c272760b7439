"""What an order becomes by an update."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128

from pos_api.common.warning_messages import warn
from pos_api.orders.model import OrderUpdate
from tests.orders.plain import bare, decided, known, merged, update


def test_what_is_absent_stays() -> None:
    order = merged(
        update(fields={"status": "processing", "customer_note": "Ring twice", "line_items": [bare("A")]}),
        update(1, fields={"status": "completed"}),
    )
    assert order["customer_note"] == "Ring twice"
    assert [line["sku"] for line in order["line_items"]] == ["A"]
    assert [each["status"] for each in order["status_history"]] == ["processing", "completed"]


@pytest.mark.parametrize(("kind", "status"), [("created", "pending"), ("updated", "pending"), ("deleted", "trash")])
def test_an_order_without_a_status_has_the_one_its_sender_gives_new_orders(kind: Any, status: str) -> None:
    assert merged(update(kind=kind))["status"] == status


def test_a_status_alone_brings_its_meaning() -> None:
    order = merged(update(fields={"status": "pending"}), update(1, fields={"status": "refunded"}))
    assert (order["stock_rule"], order["counts_as_sale"], order["stage"]) == ("none", True, "refunded")


def test_an_update_without_a_status_leaves_its_meaning() -> None:
    order = merged(update(fields={"status": "shipped"}), update(1, fields={"number": "7"}))
    assert (order["status"], order["stock_rule"], order["stage"]) == ("shipped", "kept", "closed")


@pytest.mark.parametrize(("number", "parent"), [(7, "default:7"), (0, None), (1, None)])
def test_a_sub_order_has_its_parent_which_is_another_order(number: int, parent: str | None) -> None:
    assert merged(update(fields={"parent_id": number})).get("parent") == parent


def test_test_mode_stays_until_it_is_said_otherwise() -> None:
    paid = update(test_mode=True)
    assert merged(paid, update(1))["test_mode"] is True
    assert "test_mode" not in merged(paid, update(1, test_mode=False))


def test_a_refund_that_comes_without_lines_keeps_those_reported_before() -> None:
    line = {"quantity": 2, "line_item_id": 1}
    whole = {"id": 9, "amount": Decimal128("5"), "line_items": [line]}
    order = merged(
        update(fields={"refunds": [whole]}), update(1, fields={"refunds": [{"id": 9, "amount": Decimal128("5")}]})
    )
    assert order["refunds"][0]["line_items"] == [line]
    assert merged(update(fields={"refunds": [whole]}), update(1, fields={"refunds": []}))["refunds"] == []


def test_odd_fields_are_warned_of_until_they_come_readable() -> None:
    odd = (warn("field_left_out", field="billing", problem="is odd"),)
    first = update(named_fields=frozenset({"billing"}), warnings=odd)
    assert [each["code"] for each in merged(first, update(1, named_fields=frozenset({"total"})))["warnings"]] == [
        "field_left_out"
    ]
    assert merged(first, update(1, named_fields=frozenset({"billing"})))["warnings"] == []


def test_an_order_is_found_by_its_words_skus_and_customer() -> None:
    billing = {"email": "Anna@Example.se", "first_name": "Anna-Lena", "last_name": "Öberg", "phone": "+46 (0)70-12345"}
    order = merged(update(fields={"billing": billing, "line_items": [bare("A"), bare("B")]}), catalogue=known("A"))
    assert {"1", "anna-lena", "öberg", "anna@example.se", "4607012345"} <= set(order["search"])
    assert (order["skus"], order["customer"]) == (["A", "B"], "anna@example.se")


# --- what becomes of an update ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "outcome", "saved"),
    [
        (update(1, fields={"number": "8"}), "updated", True),
        (update(0, fields={"number": "7"}), "unchanged", False),
        (update(9, fields={"number": "7"}, modified_at=None), "unchanged", True),  # its arrival is the newest
        (update(-1, fields={"number": "8"}), "stale", False),
        (update(9, fields={"number": "8"}, replaces=1), "updated", True),
        (update(9, fields={"number": "8"}, replaces=5), "stale", False),  # the order is another one by now
        (update(0, fields={"number": "7"}, kind="deleted"), "updated", True),
    ],
    ids=["newer", "the same", "the same without a time", "older", "read anew", "read before a change", "deletion"],
)
def test_what_becomes_of_an_update(now: OrderUpdate, outcome: str, saved: bool) -> None:
    before = decided(None, update(fields={"number": "7"})).after
    change = decided(before, now)
    assert (change.outcome, change.is_to_save()) == (outcome, saved)
    assert change.after["rev"] == (2 if saved else 1)


def test_an_update_that_was_begun_before_is_settled_again_though_nothing_is_to_be_saved() -> None:
    before = decided(None, update()).after
    assert not decided(before, update()).is_to_settle()
    assert decided(before, update(retried=True)).is_to_settle()
