"""Numbers of units: whole ones are ints, others have at most six decimals."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, TypeAlias

Quantity: TypeAlias = int | float
_MAX_QUANTITY = 10**9
_QUANTITY = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_QUANTITY_DECIMALS = 6


def quantity(value: Any) -> Quantity:
    """A number of units, whole ones as int, at most six decimals, from a JSON number, a Decimal or a plain decimal
    ("-2", "1.5").

    Raises ValueError for anything else.
    """
    if type(value) is int and -_MAX_QUANTITY <= value <= _MAX_QUANTITY:
        return value
    if isinstance(value, str):
        if not _QUANTITY.fullmatch(value.strip()):
            raise ValueError("not a number")
        value = float(value)
    if isinstance(value, Decimal):
        value = float(value)  # exact enough: it has ten digits before the point at most, and six behind it
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
