"""Which currencies there are: without bounds, one shop could fill the figures with invented ones."""

from __future__ import annotations

from babel.numbers import list_currencies

_NOT_IN_ISO_4217 = ("BTC", "GGP", "IMP", "IRT", "JEP", "PRB")
"""What WooCommerce offers besides (`i18n/currencies.php` of version 11.0.1): Bitcoin, the pounds of Guernsey, Man and
Jersey, the Iranian toman and the Transnistrian rouble. A shop can take them without any plugin."""

CURRENCIES = frozenset((*list_currencies(), *_NOT_IN_ISO_4217))
"""The codes of ISO 4217, those no longer in use included, and those."""

LONGEST_CODE = 20
"""Characters of a code that a shop has made up itself."""
