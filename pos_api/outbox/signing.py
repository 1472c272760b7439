"""The signature of a delivery, in one of four forms: Standard Webhooks (standardwebhooks.com, 1.0.0), and as Karma,
Kaynko and Stripe sign. In the last three the HMAC's key is the text of the secret as it stands.

While a secret is being replaced there are two. Standard Webhooks and Stripe have room for both signatures in their
header. Karma's and Kaynko's headers hold one: there the newest secret signs, and the former one's signature is in a
header of its own (`x-webhook-signature-former`, `X-Kaynko-Signature-Former`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets as random_secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from pos_api.errors import Invalid
from pos_api.outbox.envelopes import Message, envelope, webhook_id
from pos_api.outbox.model import SignatureForm

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
_TEXT_CHARACTERS = range(16, 129)
_NEW_KEY_BYTES = 30  # a multiple of 3: base64 without `=` at the end
RESERVED_HEADERS = frozenset(
    {
        *("webhook-id", "webhook-timestamp", "webhook-signature", "stripe-signature"),
        *("x-webhook-signature", "x-webhook-signature-former"),
        *("x-kaynko-event", "x-kaynko-signature", "x-kaynko-signature-former"),
        *("content-type", "content-length", "content-encoding", "transfer-encoding", "trailer", "host", "expect"),
        *("connection", "keep-alive", "te", "upgrade", "user-agent", "accept-encoding"),
    }
)
"""Headers of a request that a subscription can't set, in small letters; nor any that begin with `proxy-`."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What is sent: exactly the bytes of `body` are signed."""

    headers: Mapping[str, str]
    body: bytes


def signed_request(form: SignatureForm, message: Message, secrets: Sequence[str], at: datetime) -> SignedRequest:
    """An event as a request, signed `at` that moment with the secrets that count, the newest first (at least one). Each
    form has `webhook-id`, the same on every attempt, and `Content-Type`."""
    body = envelope(form, message)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": webhook_id(message.id),
        **_SIGNATURES[form](message, body, secrets, at),
    }
    return SignedRequest(headers, body)


def new_secret() -> str:
    """A secret that fits all forms."""
    return _PREFIX + base64.b64encode(random_secrets.token_bytes(_NEW_KEY_BYTES)).decode()


def check_secret(secret: str, form: SignatureForm) -> None:
    """Check a secret that was chosen by somebody: `whsec_` and base64 of 24 to 64 bytes for `standard`, any text of 16
    to 128 characters for the other forms. Raises Invalid."""
    if form == "standard":
        if not _is_key(secret):
            raise _invalid("The secret is not whsec_ followed by base64 of 24 to 64 bytes.")
    elif len(secret) not in _TEXT_CHARACTERS or not secret.isprintable() or secret != secret.strip():
        raise _invalid("The secret is not a text of 16 to 128 characters without blanks at its ends.")


def _is_key(secret: str) -> bool:
    """Some libraries decode base64 strictly: padded, and with no bits left over."""
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return text != secret and len(key) in _KEY_BYTES and base64.b64encode(key).decode() == text


def _standard(message: Message, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    moment = at.astimezone(UTC)
    signatures = [Webhook(each).sign(webhook_id(message.id), moment, body.decode()) for each in secrets]
    return {"webhook-timestamp": str(int(moment.timestamp())), "webhook-signature": " ".join(signatures)}


def _karma(message: Message, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    return _one_each("x-webhook-signature", "-former", [_hmac(each, body) for each in secrets])


def _kaynko(message: Message, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    signatures = [f"sha256={_hmac(each, body)}" for each in secrets]
    return {"X-Kaynko-Event": message.type, **_one_each("X-Kaynko-Signature", "-Former", signatures)}


def _stripe(message: Message, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    moment = int(at.timestamp())
    signatures = [f"v1={_hmac(each, b'%d.%s' % (moment, body))}" for each in secrets]
    return {"Stripe-Signature": ",".join([f"t={moment}", *signatures])}


_SIGNATURES: dict[SignatureForm, Callable[[Message, bytes, Sequence[str], datetime], dict[str, str]]] = {
    "standard": _standard,
    "karma": _karma,
    "kaynko": _kaynko,
    "stripe": _stripe,
}


def _one_each(header: str, former: str, signatures: Sequence[str]) -> dict[str, str]:
    """The newest signature in the header, the former one in one of its own."""
    return dict(zip((header, header + former), signatures, strict=False))


def _hmac(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _invalid(message: str) -> Invalid:
    return Invalid(message, details={"secret": [message]})
