"""Values of a WordPress database as REST gives them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

import phpserialize

_ADDRESS = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country")
_INTERNAL = frozenset(
    f"_{name}"
    for name in [
        "customer_user",
        "order_key",
        "order_currency",
        "completed_date",
        "paid_date",
        "edit_lock",
        "edit_last",
        "cart_discount",
        "cart_discount_tax",
        "order_shipping",
        "order_shipping_tax",
        "order_tax",
        "order_total",
        "payment_method",
        "payment_method_title",
        "transaction_id",
        "customer_ip_address",
        "customer_user_agent",
        "created_via",
        "order_version",
        "prices_include_tax",
        "date_completed",
        "date_paid",
        "payment_tokens",
        "billing_address_index",
        "shipping_address_index",
        "recorded_sales",
        "recorded_coupon_usage_counts",
        "download_permissions_granted",
        "order_stock_reduced",
        "new_order_email_sent",
        "cogs_total_value",
        "cart_hash",
    ]
) | {f"_{kind}_{name}" for kind in ("billing", "shipping") for name in (*_ADDRESS, "email", "phone")}
"""Meta that WooCommerce's REST API shows as fields, or not at all (`internal_meta_keys` of its data stores)."""


def is_table_prefix(text: str) -> bool:
    """Whether it can be the prefix of WordPress's tables (`$table_prefix`)."""
    return re.fullmatch(r"\w{0,64}", text) is not None


def is_shown_meta(key: str) -> bool:
    """Whether REST shows an order's meta of this key."""
    return key not in _INTERNAL and not key.lower().startswith("wp_")


def first_values(meta: list[tuple[str, str]]) -> dict[str, str]:
    """Values by key; the first counts where a key is there twice."""
    return dict(reversed(meta))


def address(values: dict[str, Any], prefix: str, *, shipping: bool) -> dict[str, str]:
    """An address; only a billing address has an e-mail address."""
    names = (*_ADDRESS, "phone") if shipping else (*_ADDRESS, "email", "phone")
    return {name: values.get(f"{prefix}{name}") or "" for name in names}


def number(value: Any) -> int:
    """A whole number; 0 for what is none."""
    return int(value) if str(value or "").isdigit() else 0


@lru_cache(maxsize=1024)  # a line's taxes are read several times, and many lines have the same
def unserialized(text: str) -> Any:
    """A value that PHP serialized, not to be changed; an empty dict for what is none."""
    try:
        return phpserialize.loads(text.encode(), decode_strings=True)
    except (ValueError, UnicodeDecodeError):
        return {}


def times(name: str, value: str | None, zone: tzinfo) -> dict[str, str | None]:
    """A time in the shop's time zone, and in UTC under `_gmt`. MySQL's zero date is none."""
    if not value or value.startswith("0000"):
        return {name: None, f"{name}_gmt": None}
    moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
    local = moment.astimezone(zone).replace(tzinfo=None)
    return {name: local.isoformat(), f"{name}_gmt": moment.replace(tzinfo=None).isoformat()}


def from_unix(text: str) -> str | None:
    """A Unix timestamp as MySQL writes a time."""
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%d %H:%M:%S") if text.isdigit() else None
