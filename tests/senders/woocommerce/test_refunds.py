"""What a refund gives back, read from its lines: pure rules, no database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128

from pos_api.database.client import Document
from pos_api.senders.woocommerce.refund_signs import given_back


def line(total: str, tax: str = "0.00", *taxes: tuple[int, str], quantity: int = -1) -> Document:
    return {
        "quantity": quantity,
        "total": Decimal128(total),
        "total_tax": Decimal128(tax),
        "taxes": [{"rate_id": rate, "total": Decimal128(amount)} for rate, amount in taxes],
    }


def taxes(refund: Document) -> dict[Any, str]:
    return {tax["rate_id"]: str(tax["total"]) for tax in refund["taxes"]}


def given(
    amount: str, *goods: Document, shipping: tuple[Document, ...] = (), fees: tuple[Document, ...] = ()
) -> Document:
    return given_back(Decimal128(amount), list(goods), list(shipping), list(fees))


def test_what_is_refunded_of_a_line_below_zero_stays_below_zero() -> None:
    fee = line("2.00", "0.50", (7, "0.5"))

    refund = given("22.50", line("-20.00", "-5.00", (7, "-5"), quantity=-2), fees=(fee,))

    assert [(each["quantity"], str(each["total"])) for each in refund["line_items"]] == [(2, "20.00")]
    assert taxes(refund) == {7: "4.50"}


def test_an_exchange_that_is_refunded_keeps_the_signs_of_its_lines() -> None:
    refund = given("15.00", line("-20.00", quantity=-2), line("5.00", quantity=1), shipping=(line("1.00"),))

    assert [(each["quantity"], str(each["total"])) for each in refund["line_items"]] == [(2, "20.00"), (-1, "-5.00")]
    assert str(refund["shipping_total"]) == "-1.00"


def test_a_sender_may_write_what_it_paid_back_above_zero() -> None:
    fee = line("-2.00", "-0.50", (7, "-0.5"))

    refund = given("22.50", line("20.00", "5.00", (7, "5"), quantity=2), fees=(fee,), shipping=(line("3.00"),))

    assert [(each["quantity"], str(each["total"])) for each in refund["line_items"]] == [(2, "20.00")]
    assert (taxes(refund), str(refund["shipping_total"])) == ({7: "4.50"}, "3.00")


@pytest.mark.parametrize("quantity", [-3, 3])
def test_units_of_one_sign_are_what_came_back(quantity: int) -> None:
    assert given("0.00", line("-0.00", quantity=quantity))["line_items"][0]["quantity"] == 3


@pytest.mark.parametrize(
    ("total_tax", "of_line", "by_rate"),
    [
        pytest.param("-1.33", [(2, "-0.5888"), (3, "-0.736")], {2: "0.59", 3: "0.74"}, id="each rounded"),
        pytest.param("-1.32", [(2, "-0.5888"), (3, "-0.736")], {2: "0.59", 3: "0.73"}, id="rounded at the subtotal"),
        pytest.param("-120", [(2, "-119.6")], {2: "120"}, id="a currency without decimals"),
        pytest.param("-1.005", [(2, "-1.0051")], {2: "1.005"}, id="three decimals"),
        pytest.param("-2.50", [], {0: "2.50"}, id="no rate is named"),
        pytest.param("0.00", [], {}, id="no tax"),
    ],
)
def test_the_taxes_by_rate_add_up_to_the_tax_of_the_line(
    total_tax: str, of_line: list[tuple[int, str]], by_rate: dict[int, str]
) -> None:
    refund = given("14.72", line("-14.72", total_tax, *of_line))

    assert taxes(refund) == by_rate
    assert sum(Decimal(tax) for tax in taxes(refund).values()) == -Decimal(total_tax)
