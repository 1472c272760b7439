"""PaymentKit as a sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pos_api.common.currencies import CURRENCIES, LONGEST_CODE
from pos_api.common.minor_units import decimals_of
from pos_api.errors import PayloadTooLarge, Unauthorized
from pos_api.senders import values
from pos_api.senders.base import ORDERS_OF, Authenticated, Setting, StoreCandidates, StreamedAuthentication
from pos_api.senders.payment_provider.sender import LIVEMODE, PaymentProviderSender
from pos_api.senders.payment_provider.translate import Currency, Provider
from pos_api.senders.paymentkit.component_signature import SIGNATURE, is_signed_by, read_public_key, signed_texts
from pos_api.senders.paymentkit.documentation import DOCUMENTATION
from pos_api.senders.paymentkit.guide import GUIDE

PUBLIC_KEY = Setting(
    "public_key",
    "The application's public key (BLOCKLET_APP_PK), which its component signatures are checked with.",
    read_public_key,
    unique=True,
    replaces_secret=True,
)
LIVE_UNLESS_SAID = replace(
    LIVEMODE,
    help="yes, as without it: only live events count; no: only those of test mode. One key signs both.",
    default=True,
)
_CURRENCIES = ("payment_currency", "paymentCurrency", "currency")
"""Under one of these the currency of an object stands whole, with its symbol and its decimals."""
_MOST_DECIMALS = 18


def currency_of(shown: Mapping[str, Any]) -> Currency:
    """The currency of an object's amounts: by its code, or whole, with its decimals, which a token always needs. Raises
    ValueError where there is none that is known."""
    named = _code(shown.get("currency"))
    if named in CURRENCIES:
        return Currency(named, decimals_of(named))
    whole: Mapping[str, Any] = next((shown[name] for name in _CURRENCIES if isinstance(shown.get(name), Mapping)), {})
    symbol = _code(whole.get("symbol"))
    if not (named or symbol):
        raise ValueError("is required")
    if symbol and named in ("", symbol):
        return Currency(symbol, _decimals(whole.get("decimal")))
    return Currency(named, decimals_of(named))


def _code(value: Any) -> str:
    return values.visible(value.strip().upper())[:LONGEST_CODE] if isinstance(value, str) else ""


def _decimals(value: Any) -> int:
    try:
        decimals = values.whole_number(value)
    except ValueError:
        decimals = _MOST_DECIMALS + 1
    if values.is_blank(value) or decimals > _MOST_DECIMALS:
        raise ValueError(f"must have its decimals, at most {_MOST_DECIMALS}")
    return decimals


class PaymentKit(PaymentProviderSender):
    """What a sender has to be able to do (`base.Sender`). A refund of PaymentKit may wait for somebody's approval, so
    only one that was made counts."""

    kind = "paymentkit"
    paths = ("/api/webhooks/paymentkit",)
    documentation = DOCUMENTATION
    guide = GUIDE
    settings = (ORDERS_OF, LIVE_UNLESS_SAID, PUBLIC_KEY)
    signature_headers = ("x-paymentkit-signature", "stripe-signature")
    provider = Provider(currency_of, frozenset({"succeeded"}))

    def signs_requests(self, headers: Mapping[str, str]) -> bool:
        return SIGNATURE in headers

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        if SIGNATURE not in headers:
            return super().authenticate(headers, body, candidates)
        with_key = [store for store in candidates.stores if store.settings.get(PUBLIC_KEY.name)]
        if with_key:
            signature, digests = signed_texts(headers, body, candidates.method, candidates.path, candidates.query)
        for store in with_key:
            if is_signed_by(store.settings[PUBLIC_KEY.name], signature, digests):
                return Authenticated(store, always_200=True)
        raise Unauthorized(
            "No store's public key belongs to the component signature.", reason="wrong webhook signature"
        )

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> StreamedAuthentication:
        if SIGNATURE in headers:  # it is over the body as it was read, so such a body would have to be kept
            raise PayloadTooLarge("The body is too large for its component signature to be checked.")
        return super().authenticate_parts(headers, candidates)
