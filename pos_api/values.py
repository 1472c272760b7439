"""How money, quantities and times are kept: exactly, and the same everywhere.

Money is Decimal in Python, Decimal128 in MongoDB and a decimal string in JSON, never a float. Quantities are
numbers, whole ones ints. Times are aware and UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from bson import Decimal128

Quantity: TypeAlias = int | float

ZERO = Decimal128("0")
INT64_MAX = 2**63 - 1
LIST_LIMIT = 2_000
"""A list of a payload has at most so many entries, and the refunds of an order so many lines together."""
_MONEY = re.compile(r"-?\d{1,15}(\.\d{1,18})?", re.ASCII)
_MONEY_DECIMALS = 18
_MAX_QUANTITY = 10**9
_QUANTITY = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_QUANTITY_DECIMALS = 6
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")


def now() -> datetime:
    """The present moment, aware, UTC, to the millisecond (what BSON keeps)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@lru_cache(maxsize=8192)
def _money(text: str) -> Decimal128:
    if not _MONEY.fullmatch(text):
        raise ValueError("not an amount of money")
    return Decimal128(text)


def money(value: Any) -> Decimal128:
    """An amount as MongoDB keeps it, from a decimal string or a JSON number; blank and None are 0.

    Raises ValueError for anything else. A number with more than 18 decimals is rounded to them: WooCommerce's `price`
    is a quotient of floats (1.00 for 700 screws). Amounts repeat a lot (0.00, a shop's prices), hence the cache.
    """
    if isinstance(value, str):
        return _money(value.strip() or "0")
    if value is None:
        return ZERO
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not an amount of money")
    exact = Decimal(repr(value))
    return _money(f"{exact:.18f}" if _decimals(exact) > _MONEY_DECIMALS else f"{exact:f}")


def _decimals(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


@lru_cache(maxsize=65_536)
def _decimal(bid: bytes) -> Decimal:
    """The number in these 16 bytes (IEEE 754-2008, binary integer decimal). pymongo's own `to_decimal` takes many times
    as long, and adding up a shop's day calls for it ten thousand times."""
    high, low = int.from_bytes(bid[8:], "little"), int.from_bytes(bid[:8], "little")
    if high >> 61 & 3 == 3:  # infinities, NaN, and coefficients that no amount has
        return Decimal128.from_bid(bid).to_decimal()
    coefficient = (high & (1 << 49) - 1) << 64 | low
    return Decimal(f"{'-' if high >> 63 else ''}{coefficient}E{(high >> 49 & 0x3FFF) - 6176}")


def decimal(value: Any) -> Decimal:
    """The Decimal of a stored amount; what is absent is 0."""
    return _decimal(value.bid) if isinstance(value, Decimal128) else Decimal(0)


def decimal128(amount: Decimal) -> Decimal128:
    """The amount as it is stored. pymongo's own conversion takes many times as long."""
    text = f"{amount:f}"
    whole_part, _, decimals = text.partition(".")
    coefficient = int(whole_part + decimals)
    if not -(10**34) < coefficient < 10**34 or amount.is_signed() != (coefficient < 0):  # too exact, or -0
        return Decimal128(amount)
    exponent = (6176 - len(decimals)) << 113 | (coefficient < 0) << 127
    return Decimal128.from_bid((exponent | abs(coefficient)).to_bytes(16, "little"))


def quantity(value: Any) -> Quantity:
    """A number of units, whole ones as int, at most six decimals, from a JSON number or a plain decimal ("-2", "1.5").

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        if not _QUANTITY.fullmatch(value.strip()):
            raise ValueError("not a number")
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    if not abs(value) <= _MAX_QUANTITY:
        raise ValueError("out of range")
    return whole(value)


def whole(value: Quantity) -> Quantity:
    """`value` to six decimals, an int where it is whole: sums of fractions stay free of binary dust."""
    if isinstance(value, int):
        return value
    value = round(value, _QUANTITY_DECIMALS)
    return int(value) if value.is_integer() else value


def first_meta(entries: Iterable[Mapping[str, Any]], key: str) -> Any:
    """The value of meta data (entries with `key` and `value`) that counts where a key comes several times, as in
    `WC_Data::get_meta`: the first; None without any."""
    return next((entry["value"] for entry in entries if entry["key"] == key and entry["value"] is not None), None)


def utc(value: Any) -> datetime | None:
    """An aware UTC time from ISO 8601; without an offset it is UTC already (WooCommerce's `_gmt`). Blank is None.

    Raises ValueError for anything else.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("not a time")
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a time") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def day_or_moment(text: str) -> date | datetime:
    """A day or an RFC 3339 time, from text. Raises ValueError."""
    try:
        parsed = date.fromisoformat(text) if _DAY.fullmatch(text) else utc(_MOMENT.fullmatch(text) and text)
    except ValueError:
        parsed = None
    if parsed is None or not 1 < parsed.year < 9999:
        raise ValueError("is neither a day (2026-11-22) nor a time (2026-11-22T06:51:08Z)")
    return parsed


def first_moment(text: str | None) -> datetime | None:
    """The first moment of a day (UTC), or a time, from text; None for none. Raises ValueError."""
    return _moment(text, time.min)


def last_moment(text: str | None) -> datetime | None:
    """The last moment of a day (UTC), or a time, from text; None for none. Raises ValueError."""
    return _moment(text, time.max)


def _moment(text: str | None, of_day: time) -> datetime | None:
    parsed = day_or_moment(text) if text is not None else None
    return parsed if parsed is None or isinstance(parsed, datetime) else datetime.combine(parsed, of_day, UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T06:51:08Z`, with milliseconds only where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")
