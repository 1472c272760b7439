"""What a WooCommerce database holds, as REST gives it: plain values, no database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pos_api.senders.woocommerce.database.lists import HPOS_ORDERS, Filter, conditions
from pos_api.senders.woocommerce.database.order_lines import sum_of_taxes
from pos_api.senders.woocommerce.database.settings import Settings
from pos_api.senders.woocommerce.database.values import (
    first_values,
    is_shown_meta,
    is_table_prefix,
    times,
    unserialized,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
TAXES = 'a:2:{s:5:"total";a:2:{i:1;s:5:"1.005";i:2;s:5:"2.005";}s:8:"subtotal";a:2:{i:1;s:5:"1.005";i:2;s:5:"2.005";}}'


def settings(**more: Any) -> Settings:
    given = {"order_tables": True, "decimals": 2, "tax_rounding": ROUND_HALF_UP, "rounds_each_tax": True}
    return Settings(**{**given, "timezone": STOCKHOLM, **more})


def test_a_time_is_in_the_shops_time_zone_and_in_utc() -> None:
    assert times("date_paid", "2026-07-01 22:30:00", STOCKHOLM) == {
        "date_paid": "2026-07-02T00:30:00",
        "date_paid_gmt": "2026-07-01T22:30:00",
    }
    assert times("date_paid", "0000-00-00 00:00:00", STOCKHOLM) == {"date_paid": None, "date_paid_gmt": None}
    assert times("date_paid", None, STOCKHOLM) == {"date_paid": None, "date_paid_gmt": None}


def test_amounts_have_the_shops_decimals_and_what_is_empty_stays_so() -> None:
    assert [settings().money(value) for value in ("12.345", "-0.005", 7, "", None)] == [
        "12.35",
        "-0.01",
        "7.00",
        "",
        "",
    ]
    assert settings(decimals=0).money("12.5") == "13"


def test_taxes_are_rounded_one_by_one_or_as_a_sum_as_the_shop_is_set() -> None:
    line = {"_product_id": "1", "_line_tax_data": TAXES}
    assert sum_of_taxes(line, "total", settings()) == "3.02"
    assert sum_of_taxes(line, "total", settings(tax_rounding=ROUND_HALF_DOWN)) == "3.00"
    assert sum_of_taxes(line, "total", settings(rounds_each_tax=False)) == "3.01"
    assert sum_of_taxes({"_product_id": "1", "_line_tax_data": "broken"}, "total", settings()) == "0.00"


def test_of_a_key_that_is_there_twice_the_first_value_counts() -> None:
    assert first_values([("_price", "1"), ("_price", "2")]) == {"_price": "1"}


def test_meta_that_rest_shows_as_fields_or_not_at_all_is_left_out() -> None:
    shown = [key for key in ("gift", "_hidden", "_billing_email", "WP_session", "_order_total") if is_shown_meta(key)]
    assert shown == ["gift", "_hidden"]


@pytest.mark.parametrize("text", ["", "a:1:{", 'O:8:"stdClass":0:{}', "half"])
def test_what_php_did_not_serialize_is_nothing(text: str) -> None:
    assert unserialized(text) == {}


@pytest.mark.parametrize(("text", "usable"), [("wp_", True), ("", True), ("wp`; --", False), ("x" * 65, False)])
def test_a_table_prefix_has_nothing_but_letters_digits_and_underscores(text: str, usable: bool) -> None:
    assert is_table_prefix(text) == usable


def test_a_period_contains_its_start_and_not_its_end() -> None:
    wanted = Filter(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), after_id=7, ids=(8, 9))
    where, values = conditions(HPOS_ORDERS, wanted)
    assert "date_created_gmt >= %s AND date_created_gmt < %s" in where
    assert where.endswith("id IN []")
    assert values == [7, "2026-01-01 00:00:00", "2026-02-01 00:00:00", [8, 9]]


def test_an_exact_sum_is_not_changed_by_binary_fractions() -> None:
    assert settings().rounded_tax(Decimal("1.005")) == Decimal("1.01")
