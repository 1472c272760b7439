"""Money, exactly: Decimal in Python, Decimal128 in MongoDB and a decimal string in JSON, never a float."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any

from bson import Decimal128

ZERO = Decimal128("0")
_MONEY = re.compile(r"-?\d{1,15}(\.\d{1,18})?", re.ASCII)
_MONEY_DECIMALS = 18
_MOST_DIGITS = 40
"""A Decimal with more digits before the point than this is no amount; written in full it could have a billion."""


@lru_cache(maxsize=8192)
def _money(text: str) -> Decimal128:
    if not _MONEY.fullmatch(text):
        raise ValueError("not an amount of money")
    return Decimal128(text)


def money(value: Any) -> Decimal128:
    """An amount as MongoDB keeps it, from a decimal string, a JSON number or a Decimal; blank and None are 0.

    Raises ValueError for anything else. A number with more than 18 decimals is rounded to them: WooCommerce's `price`
    is a quotient of floats (1.00 for 700 screws). Amounts repeat a lot (0.00, a shop's prices), hence the cache.
    """
    if isinstance(value, str):
        return _money(value.strip() or "0")
    if value is None:
        return ZERO
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("not an amount of money")
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite() or exact.adjusted() > _MOST_DIGITS:
        raise ValueError("not an amount of money")
    return _money(f"{exact:.18f}" if _decimals(exact) > _MONEY_DECIMALS else f"{exact:f}")


def _decimals(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def with_cents(amount: Decimal128) -> Decimal128:
    """The amount with at least two decimals, as prices are written: 15.5, which is what JSON has of 15.50, is 15.50."""
    exact = amount.to_decimal()
    return decimal128(exact.quantize(_CENTS)) if _decimals(exact) < 2 else amount


_CENTS = Decimal("0.01")


def with_decimals_of(amount: Decimal, other: Decimal) -> Decimal:
    """The amount with at least as many decimals as the one beside which it is shown: 0 beside 12.50 is 0.00, beside
    1500 (yen) it is 0. Left as it is where it would have more digits than MongoDB keeps."""
    places = _decimals(other)
    if _decimals(amount) >= places or amount.adjusted() + places >= _MOST_KEPT:
        return amount
    return amount.quantize(Decimal(1).scaleb(-places), context=_EXACT)


def average(amount: Decimal, count: int) -> Decimal:
    """The amount divided by a number, to the decimals that it has, at least two; of none it is 0.00."""
    unit = _CENTS if amount.same_quantum(_CENTS) else Decimal(1).scaleb(-max(_decimals(amount), 2))
    return (amount / count if count else Decimal(0)).quantize(unit, ROUND_HALF_UP)


_MOST_KEPT = 34
_EXACT = Context(prec=_MOST_KEPT)


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


def is_negative(amount: Decimal128) -> bool:
    """Whether a stored amount is below 0 (or is -0), by its sign bit: a conversion takes many times as long."""
    return amount.bid[15] >= 0x80  # IEEE 754-2008: the highest bit of 16 bytes, little-endian


def decimal128(amount: Decimal) -> Decimal128:
    """The amount as it is stored. pymongo's own conversion takes many times as long."""
    return _decimal128(f"{amount:f}")


@lru_cache(maxsize=8192)
def _decimal128(text: str) -> Decimal128:
    whole_part, _, decimals = text.partition(".")
    coefficient = int(whole_part + decimals)
    if not -(10**34) < coefficient < 10**34 or (text[0] == "-") != (coefficient < 0):  # too exact, or -0
        return Decimal128(text)
    exponent = (6176 - len(decimals)) << 113 | (coefficient < 0) << 127
    return Decimal128.from_bid((exponent | abs(coefficient)).to_bytes(16, "little"))
