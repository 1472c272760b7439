"""The settings of a shop that decide how it gives its orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pos_api.senders.woocommerce.database.connection import Database
from pos_api.senders.woocommerce.shop_error import ShopError

_WANTED = [
    "woocommerce_custom_orders_table_enabled",
    "woocommerce_price_num_decimals",
    "woocommerce_prices_include_tax",
    "woocommerce_tax_round_at_subtotal",
    "timezone_string",
    "gmt_offset",
    "woocommerce_version",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """`order_tables`: whether orders are in WooCommerce's own tables; `tax_rounding` and `rounds_each_tax`: how taxes
    are rounded, and whether each is before they are added up."""

    order_tables: bool
    decimals: int
    tax_rounding: str
    rounds_each_tax: bool
    timezone: tzinfo

    def money(self, value: Any) -> str:
        """An amount as `wc_format_decimal` with the shop's decimals; what is empty stays so, and counts as 0."""
        return "" if value in (None, "") else _rounded(str(value), self.decimals)

    def rounded_tax(self, amount: Decimal) -> Decimal:
        """A tax as it is added up with others."""
        if not self.rounds_each_tax:
            return amount
        return amount.quantize(Decimal(1).scaleb(-self.decimals), self.tax_rounding)


@lru_cache(maxsize=4096)  # orders have the same few prices over and over
def _rounded(text: str, decimals: int) -> str:
    return str(Decimal(text.strip()).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def read_settings(database: Database) -> Settings:
    """The shop's settings. Raises ShopError where there is no WooCommerce in the database."""
    rows = database.rows("SELECT option_name, option_value FROM {options} WHERE option_name IN []", [_WANTED])
    options = {row["option_name"]: row["option_value"] for row in rows}
    if "woocommerce_version" not in options:
        raise ShopError("no_woocommerce", "There is no WooCommerce in this database; is the table prefix right?")
    return Settings(
        order_tables=options.get("woocommerce_custom_orders_table_enabled") == "yes",
        decimals=int(options.get("woocommerce_price_num_decimals") or 2),
        tax_rounding=ROUND_HALF_DOWN if options.get("woocommerce_prices_include_tax") == "yes" else ROUND_HALF_UP,
        rounds_each_tax=options.get("woocommerce_tax_round_at_subtotal") != "yes",
        timezone=_timezone(options),
    )


def _timezone(options: dict[str, str]) -> tzinfo:
    if name := options.get("timezone_string"):
        return ZoneInfo(name)
    return timezone(timedelta(hours=float(options.get("gmt_offset") or 0)))
