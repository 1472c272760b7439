"""Deliveries of shops, authenticated by API key or by webhook signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from pos_api.errors import Unauthorized
from pos_api.senders.base import Authenticated, BodyHmacs, StoreCandidates
from pos_api.senders.woocommerce.headers import SIGNATURE_HEADER, TOPIC_HEADER

KEY_HEADER = "x-api-key"
_SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def authenticate(headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
    """Authenticate a delivery by its raw bytes.

    With `X-API-Key` the key decides, and Standard Webhooks headers are verified where there are any. Without, a
    WooCommerce signature made with a store's webhook secret does. Raises Unauthorized, and Forbidden for a key that may
    not send deliveries.
    """
    if key := headers.get(KEY_HEADER):
        store = candidates.with_api_key(key)
        if any(name in headers for name in _SIGNED_HEADERS):
            _verify_standard_signature(key, headers, body)
        return Authenticated(store, always_200=TOPIC_HEADER in headers)
    if signature := headers.get(SIGNATURE_HEADER):
        for store in candidates.stores:
            if any(signature_matches(body, signature, secret) for secret in store.webhook_secrets):
                return Authenticated(store, always_200=True)
        raise Unauthorized(_WRONG_SIGNATURE, reason="wrong webhook signature")
    raise Unauthorized(_NO_CREDENTIALS, reason="no credentials")


class LargeBodyAuthentication:
    """Authenticates a delivery whose body is too large to be kept, while it is read part by part.

    With `X-API-Key` the key alone decides. Raises Unauthorized or Forbidden at once when no store can have sent it.
    """

    def __init__(self, headers: Mapping[str, str], candidates: StoreCandidates) -> None:
        self._by_key: Authenticated | None = None
        self._hmacs: BodyHmacs | None = None
        self._signature = headers.get(SIGNATURE_HEADER, "")
        if key := headers.get(KEY_HEADER):
            self._by_key = Authenticated(candidates.with_api_key(key), always_200=TOPIC_HEADER in headers)
        elif self._signature:
            self._hmacs = BodyHmacs(candidates)
        else:
            raise Unauthorized(_NO_CREDENTIALS, reason="no credentials")
        self.is_known = self._by_key is not None

    def add(self, part: bytes) -> None:
        """Take the next part of the body."""
        if self._hmacs:
            self._hmacs.add(part)

    def result(self) -> Authenticated:
        """Who sent it, once all parts were taken. Raises Unauthorized."""
        if self._by_key:
            return self._by_key
        if self._hmacs and (store := self._hmacs.signer(lambda digest: is_signature(digest, self._signature))):
            return Authenticated(store, always_200=True)
        raise Unauthorized(_WRONG_SIGNATURE, reason="wrong webhook signature")


_NO_CREDENTIALS = "Send the API key as X-API-Key, or sign the webhook with the store's secret."
_WRONG_SIGNATURE = "The webhook signature does not match any store's secret."


def signature_matches(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` is base64(HMAC-SHA256(body, secret)) (`WC_Webhook::generate_signature`); False for any
    malformed one."""
    return is_signature(hmac.digest(secret.encode(), body, hashlib.sha256), signature)


def is_signature(digest: bytes, signature: str) -> bool:
    """Whether `signature` is this digest as WooCommerce writes it."""
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "surrogateescape"))


def _verify_standard_signature(key: str, headers: Mapping[str, str], body: bytes) -> None:
    """Standard Webhooks (standardwebhooks.com, 1.0.0): HMAC-SHA256 over `id.timestamp.body`, not older or newer than
    five minutes. The API key is the signing secret."""
    try:
        Webhook(key.encode("utf-8", "surrogateescape")).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:  # ValueError: not base64, not UTF-8, no comma
        detail = str(error) if isinstance(error, WebhookVerificationError) else "malformed"
        problem = f"The webhook signature is not valid: {detail}."
        raise Unauthorized(problem, reason="wrong webhook signature") from None
