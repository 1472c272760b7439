"""Amounts that are sent in the smallest unit of their currency (öre, cents, yen), in major units."""

from __future__ import annotations

import re
from decimal import Context, Decimal

from bson import Decimal128

from pos_api.common.currencies import CURRENCIES
from pos_api.common.money import money

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_DECIMALS = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""ISO 4217's "minor unit" where it is not 2. Babel has CLDR's digits instead, with which prices are shown: for the
Hungarian forint, the Colombian peso and some others 0, though their cents exist and are sent."""

_WHOLE = re.compile(r"-?\d{1,40}", re.ASCII)
_EXACT = Context(prec=60)


def decimals_of(currency: str) -> int:
    """How many decimals the currency has (ISO 4217): 2 for SEK, 0 for JPY, 3 for KWD. Raises ValueError for what is no
    currency."""
    code = currency.upper()
    if code not in CURRENCIES:
        raise ValueError(f"is in a currency that is not known: {currency[:20]!r}")
    return _DECIMALS.get(code, 2)


def major(amount: int | str, currency: str, *, decimals: int | None = None) -> Decimal128:
    """An amount in minor units, a whole number or the text of one, in major units: 12345 öre are `123.45` SEK.

    `decimals` is given where the sender says how many the currency has. Raises ValueError for what is no whole number,
    or too large to be kept, and for an unknown currency.
    """
    text = str(amount).strip()
    if isinstance(amount, bool) or not _WHOLE.fullmatch(text):
        raise ValueError("must be a whole number of the smallest unit of its currency")
    places = decimals_of(currency) if decimals is None else decimals
    exact = Decimal(text).scaleb(-places, _EXACT)
    return money(f"{exact:f}")
