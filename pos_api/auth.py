"""Who is speaking: API keys and webhook signatures of shops, tokens and passwords of staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from standardwebhooks import Webhook, WebhookVerificationError

from .errors import Unauthorized
from .sources import woocommerce
from .stores import Store, Stores

KEY_HEADER = "x-api-key"
_SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True)
class Sender:
    """The shop that a delivery comes from, and whether it is WooCommerce's own webhook (which must hear 200)."""

    store: Store
    native: bool


def sender(stores: Stores, headers: Mapping[str, str], body: bytes) -> Sender:
    """Authenticate a delivery by its raw bytes; `headers` are lower-cased.

    With `X-API-Key` the key decides, and Standard Webhooks headers are verified where there are any. Without, a
    WooCommerce signature made with a store's webhook secret does. Raises Unauthorized.
    """
    if key := headers.get(KEY_HEADER):
        store = of_key(stores, key)
        if any(name in headers for name in _SIGNED_HEADERS):
            _verify_standard_signature(key, headers, body)
        return Sender(store, native=woocommerce.TOPIC_HEADER in headers)
    if signature := headers.get(woocommerce.SIGNATURE_HEADER):
        for store in stores.all():
            if any(woocommerce.signature_matches(body, signature, secret) for secret in store.webhook_secrets):
                return Sender(store, native=True)
        raise Unauthorized("The webhook signature does not match any store's secret.")
    raise Unauthorized("Send the API key as X-API-Key, or sign the webhook with the store's secret.")


def of_key(stores: Stores, key: str) -> Store:
    """The store of an API key. Raises Unauthorized when it is wrong, revoked or expired."""
    store = stores.of_key(key)
    if store is None:
        raise Unauthorized("The API key is not valid.")
    return store


def _verify_standard_signature(key: str, headers: Mapping[str, str], body: bytes) -> None:
    """Standard Webhooks (standardwebhooks.com, 1.0.0): HMAC-SHA256 over `id.timestamp.body`, not older or newer than
    five minutes. The API key is the signing secret."""
    try:
        Webhook(key.encode("utf-8", "surrogateescape")).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:  # ValueError: not base64, not UTF-8, no comma
        detail = str(error) if isinstance(error, WebhookVerificationError) else "malformed"
        raise Unauthorized(f"The webhook signature is not valid: {detail}.") from None
