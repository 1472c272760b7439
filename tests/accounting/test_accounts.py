"""Accounts by what an amount is for and by the day; what can't be used is refused, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from pos_api.accounting.accounts import DEFAULT, Accounts, Row, described, read_accounts
from pos_api.accounting.model import Purpose, Refused
from pos_api.errors import Invalid

DAY = "2026-03-31"


@pytest.mark.parametrize(
    ("purpose", "account"),
    [
        (Purpose("revenue", "25"), "3001"),
        (Purpose("revenue", "12"), "3002"),
        (Purpose("revenue", "6", "books"), "3003"),
        (Purpose("revenue", "0"), "3000"),
        (Purpose("revenue"), "3000"),
        (Purpose("revenue", "0", "gift-cards"), "2421"),
        (Purpose("shipping", "25"), "3001"),
        (Purpose("fee", "8.875"), "3000"),
        (Purpose("vat", "12"), "2620"),
        (Purpose("vat", "8"), "2600"),
        (Purpose("payment", method="stripe"), "1930"),
        (Purpose("payment", method="stripe_cc"), "1930"),
        (Purpose("payment", method="card", provider="stripe"), "1930"),
        (Purpose("payment", method="swish", provider="stripe"), "1932"),
        (Purpose("payment", method="cash"), "1900"),
        (Purpose("payment"), "1900"),
        (Purpose("tip"), "2890"),
        (Purpose("rounding"), "3740"),
        (Purpose("receivable"), "1510"),
        (Purpose("under_way"), "1580"),
        (Purpose("unmatched"), "2990"),
        (Purpose("cash_difference"), "7990"),
    ],
)
def test_the_accounts_of_who_has_set_none(purpose: Purpose, account: str) -> None:
    assert DEFAULT.account_of(purpose, DAY) == account


def test_a_rate_has_another_account_from_a_day_on() -> None:
    accounts = Accounts((*DEFAULT.rows, Row("revenue", "3013", rate="6", since="2026-04-01")), {})
    assert accounts.account_of(Purpose("revenue", "6"), "2026-03-31") == "3003"
    assert accounts.account_of(Purpose("revenue", "6"), "2026-04-01") == "3013"
    assert accounts.account_of(Purpose("revenue", "12"), "2026-04-01") == "3002"


def test_a_group_counts_more_than_a_rate_and_both_most() -> None:
    rows = (Row("revenue", "3100", group="food"), Row("revenue", "3112", group="food", rate="12"), *DEFAULT.rows)
    accounts = Accounts(rows, {})
    assert accounts.account_of(Purpose("revenue", "25", "food"), DAY) == "3100"
    assert accounts.account_of(Purpose("revenue", "12", "food"), DAY) == "3112"
    assert accounts.account_of(Purpose("revenue", "12", "drinks"), DAY) == "3002"
    of_vat = Accounts((Row("vat", "2611", group="food", rate="25"), *DEFAULT.rows), {})
    assert of_vat.account_of(Purpose("vat", "25", "food"), DAY) == "2611"
    assert of_vat.account_of(Purpose("vat", "25"), DAY) == "2610"


def test_what_has_no_account_is_refused() -> None:
    with pytest.raises(Refused, match="There is no account for Tips on 2026-03-31"):
        Accounts((), {}).account_of(Purpose("tip"), DAY)


def test_accounts_are_read_as_they_are_shown() -> None:
    assert read_accounts(DEFAULT.document()) == DEFAULT
    assert DEFAULT.rates() == ("25", "12", "6")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x", "must be an object"),
        ({"role": "x", "account": "3000"}, "has a role that is none of"),
        ({"role": "revenue", "account": "30A0"}, "has an account that is not a number"),
        ({"role": "revenue", "account": "٣٠٠١"}, "has an account that is not a number"),
        ({"role": "revenue", "account": 3000}, "has an account that is not a number"),
        ({"role": "tip", "account": "2890", "rate": "25"}, "has a rate, and only"),
        ({"role": "revenue", "account": "3001", "rate": "lots"}, "has a rate that is no percentage"),
        ({"role": "revenue", "account": "3001", "since": "2026-02-30"}, "has a since that is no day"),
        ({"role": "payment", "account": "1930", "method": " "}, "has a method that is not a text"),
        ({"role": "payment", "account": "1930", "metod": "x"}, "has fields that are not known: metod"),
        ({"role": "revenue", "account": "3999", "rate": 25}, "is for the same as another row"),
    ],
)
def test_a_row_that_can_not_be_used_is_named(row: Any, problem: str) -> None:
    shown = DEFAULT.document()
    shown["rows"].append(row)
    with pytest.raises(Invalid) as refused:
        read_accounts(shown)
    assert problem in refused.value.details[f"rows.{len(DEFAULT.rows)}"]


def test_a_role_without_an_account_for_everything_else_is_a_gap() -> None:
    shown = DEFAULT.document()
    shown["rows"] = [row for row in shown["rows"] if row != {"role": "vat", "account": "2600"}]
    with pytest.raises(Invalid) as refused:
        read_accounts(shown)
    assert refused.value.details == {"rows": "need one for everything else of each of these roles: vat"}


def test_purposes_in_words() -> None:
    assert described(Purpose("revenue", "25", "books")) == "Sales 25 % books"
    assert described(Purpose("vat")) == "VAT of an unknown rate"
    assert described(Purpose("payment", method="card", provider="stripe")) == "Paid card"
