"""Which order a payment means: by transaction id, else by id, else by number."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pos_api.orders.model import Order
from pos_api.payments.model import order_key_by_id, order_key_by_transaction
from pos_api.payments.naming import Meant, meant_order, order_names, search_words


def _order(order_id: int | str, number: str = "", transaction: str = "", **more: Any) -> Order:
    fields = {"_id": f"default:{order_id}", "store": "default", "order_id": order_id, "number": number}
    return cast("Order", {**fields, "transaction_id": transaction, **more})


_BY_NAME = [order_key_by_id("default", "#1001")]
_BY_TRANSACTION = [order_key_by_transaction("default", " pi_1 ")]


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        (_order(1001), _BY_NAME),
        (_order("1001"), _BY_NAME),
        (_order(7, "1001"), _BY_NAME),
        (_order(7, "#1001"), _BY_NAME),
        (_order(7, "", "pi_1"), _BY_TRANSACTION),
    ],
)
def test_an_order_is_meant_by_its_id_its_number_or_its_transaction(order: Order, wanted: list[str]) -> None:
    assert meant_order(wanted, [_order(8, "8", "pi_8"), order], None) == Meant(order["_id"])


def test_an_order_of_another_store_is_never_meant() -> None:
    assert meant_order(_BY_NAME, [_order(1001, store="north")], None) == Meant(None)
    assert meant_order(_BY_TRANSACTION, [_order(7, "", "pi_1", store="north")], None) == Meant(None)


def test_the_transaction_counts_more_than_the_id_and_the_id_more_than_the_number() -> None:
    by_number, by_id, by_transaction = _order(5, "1001"), _order(1001, "995"), _order(6, "", "pi_1")
    orders = [by_number, by_id, by_transaction]
    assert meant_order([*_BY_NAME, *_BY_TRANSACTION], orders, None).order == by_transaction["_id"]
    assert meant_order(_BY_NAME, orders, None).order == by_id["_id"]
    assert meant_order(_BY_NAME, orders, by_number["_id"]).order == by_id["_id"], "it was matched before that one came"


def test_of_orders_of_one_number_none_is_meant() -> None:
    orders = [_order(5, "1001"), _order(6, "1001")]
    assert meant_order(_BY_NAME, orders, None) == Meant(None, ("default:5", "default:6"))
    assert meant_order(_BY_NAME, orders, "default:6") == Meant("default:6"), "but what is matched stays so"


def test_a_sub_order_is_not_meant_beside_the_order_that_it_is_part_of() -> None:
    orders = [_order(5, "5", "pi_1"), _order(6, "6", "pi_1", parent="default:5"), _order(7, "", "pi_1", parent="x")]
    assert meant_order(_BY_TRANSACTION, orders[:2], None) == Meant("default:5")
    assert meant_order(_BY_TRANSACTION, orders, None) == Meant(None, ("default:5", "default:7"))


def test_a_payment_stays_with_an_order_that_it_names_no_more() -> None:
    assert meant_order(_BY_TRANSACTION, [_order(5, "5", "pi_2")], "default:5") == Meant("default:5")


def test_blank_names_mean_nothing() -> None:
    blank = [order_key_by_id("default", ""), order_key_by_transaction("default", "")]
    assert meant_order(blank, [_order(5)], None) == Meant(None)


def test_a_payment_is_found_by_its_ids_and_by_the_names_of_its_order() -> None:
    words = search_words("pay_A1", "txn-9", _BY_NAME, order_names(_order(5, "SE-77")))
    assert set(words) >= {"pay_a1", "txn-9", "1001", "5", "se-77"}
