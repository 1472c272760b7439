"""Stripe as a sender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pos_api.common.minor_units import decimals_of
from pos_api.senders.payment_provider.sender import PaymentProviderSender
from pos_api.senders.payment_provider.translate import Currency, Provider
from pos_api.senders.stripe.documentation import DOCUMENTATION
from pos_api.senders.stripe.guide import GUIDE

_DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's amounts have other decimals than the currency (docs.stripe.com/currencies, "Special cases"): krona and
Ugandan shilling have none any more, but are sent with two, which are 00; the ariary is sent without."""


def currency_of(shown: Mapping[str, Any]) -> Currency:
    """The currency of an object's amounts. Raises ValueError where it names none that is known."""
    code = shown.get("currency")
    if not isinstance(code, str) or not code.strip():
        raise ValueError("is required")
    code = code.strip().upper()
    decimals = decimals_of(code)
    return Currency(code, _DECIMALS.get(code, decimals))


class Stripe(PaymentProviderSender):
    """What a sender has to be able to do (`base.Sender`)."""

    kind = "stripe"
    paths = ("/api/webhooks/stripe",)
    documentation = DOCUMENTATION
    guide = GUIDE
    signature_headers = ("stripe-signature",)
    provider = Provider(currency_of, frozenset({"pending", "requires_action", "succeeded"}))
