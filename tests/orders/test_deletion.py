"""When an order is marked as deleted, and when it comes back."""

from __future__ import annotations

import pytest

from pos_api.orders.model import Order, OrderUpdate
from pos_api.senders.woocommerce.status_meanings import order_status
from tests.orders.plain import at, bare, decided, held, known, merged, update


def is_deleted(order: Order) -> bool:
    return "deleted_at" in order


def test_a_deletion_marks_the_order_and_lets_no_unit_go_that_the_shop_has_taken() -> None:
    order = merged(
        update(fields={"status": "processing", "line_items": [bare("A", 2)]}),
        update(1, kind="deleted"),
        catalogue=known("A"),
    )
    assert (order["deleted_at"], held(order)) == (at(1), {"A": 2})


def test_a_pending_order_that_is_deleted_lets_its_units_go() -> None:
    fields = {"status": "pending", "line_items": [bare("A", 2)]}
    assert held(merged(update(fields=fields), update(1, kind="deleted"), catalogue=known("A"))) == {"A": 0}


@pytest.mark.parametrize(
    ("later", "deleted"),
    [
        (update(1), True),
        (update(3, kind="restored"), False),
        (update(3), False),
        (update(3, status=order_status("trash")), True),
    ],
    ids=["changed before", "restored", "changed since", "changed in the trash"],
)
def test_an_order_comes_back_by_a_restore_or_a_change_since_that_is_not_in_the_trash(
    later: OrderUpdate, deleted: bool
) -> None:
    assert is_deleted(merged(update(0), update(2, kind="deleted"), later)) is deleted


def test_a_copy_of_an_older_delivery_sent_as_a_restore_brings_nothing_back() -> None:
    stored = merged(update(5), update(9, kind="deleted", modified_at=None))
    assert is_deleted(merged_with(stored, 5, kind="restored"))
    assert not is_deleted(merged_with(stored, 6, kind="restored"))
    assert not is_deleted(merged_with(stored, 5, kind="restored", sequence=1)), "a sequence can't be copied so"


def merged_with(before: Order, seconds: float, **said: object) -> Order:
    return decided(before, update(seconds, **said)).after


def test_a_deletion_that_is_sent_again_after_a_restore_marks_nothing() -> None:
    deletion = update(9, kind="deleted", modified_at=None, cause="the deletion")
    order = merged(update(0), deletion, update(20, kind="restored"), deletion)
    assert not is_deleted(order)
    assert is_deleted(merged(update(0), deletion, update(20, kind="restored"), update(30, kind="deleted")))
