"""An order's history, and since when it is closed."""

from __future__ import annotations

import pytest

from tests.orders.plain import at, merged, update


def test_an_orders_history_is_bounded() -> None:
    order = merged(*(update(number, fields={"status": f"s{number}"}) for number in range(205)))
    assert [each["status"] for each in order["status_history"]] == [f"s{number}" for number in range(5, 205)]


@pytest.mark.parametrize(
    ("status", "is_open"),
    [
        *((status, True) for status in ("pending", "on-hold", "processing")),
        *((status, False) for status in ("completed", "cancelled", "refunded", "failed", "trash", "shipped")),
    ],
)
def test_an_order_is_closed_since_nothing_is_left_to_do(status: str, is_open: bool) -> None:
    order = merged(update(fields={"status": "processing"}), update(5, fields={"status": status}))
    assert order.get("closed_at") == (None if is_open else at(5))


def test_a_deleted_order_is_closed_and_a_restored_one_is_open_again() -> None:
    paid, deleted = update(fields={"status": "processing"}), update(5, kind="deleted")
    assert merged(paid, deleted)["closed_at"] == at(5)
    assert "closed_at" not in merged(paid, deleted, update(6, kind="restored"))
