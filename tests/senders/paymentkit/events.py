"""Events as PaymentKit sends them, and its component signature."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pos_api.common.time import now, rfc3339
from tests.senders.provider_stores import moment

SECRET = "secret of the kit"
HEADER = "X-PaymentKit-Signature"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TOKEN = {"id": "pc_1", "name": "ArcBlock Token", "symbol": "ABT", "decimal": 18}
DOLLAR = {"id": "pc_2", "name": "Dollar", "symbol": "USD", "decimal": 2}


def public_key(key: Ed25519PrivateKey = KEY) -> str:
    """The public key, as it is kept with a store."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def component_headers(
    body: bytes, url: str, key: Ed25519PrivateKey = KEY, *, ahead: int = 0, lasts: int = 300, method: str = "post"
) -> dict[str, str]:
    """The headers of a component signature, made so many seconds from now."""
    issued = int(now().timestamp()) + ahead
    parts = urlsplit(url)
    signed = {
        "body": json.loads(body),
        "exp": issued + lasts,
        "iat": issued,
        "method": method,
        "query": dict(parse_qsl(parts.query)),
        "url": parts.path,
    }
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "Content-Type": "application/json",
        "X-Component-Sig": "0x" + key.sign(hashlib.sha3_256(text.encode()).digest()).hex(),
        "X-Component-Sig-Iat": str(issued),
        "X-Component-Sig-Exp": str(issued + lasts),
        "X-Component-Sig-Version": "1",
        "X-Component-Did": "z8iZiDFg3vkkrPwsiba1TLXy3H9XHzFERsP8o",
    }


def event(kind: str, shown: dict[str, Any], after: int = 0, number: int = 1, **more: Any) -> dict[str, Any]:
    """An event that was made so many seconds after BEGAN."""
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": kind,
        "api_version": "2023-09-05",
        "livemode": True,
        "data": {"object": shown},
        "object_type": kind.rpartition(".")[0],
        "object_id": shown.get("id"),
        "request": {"id": "", "idempotency_key": ""},
        "pending_webhooks": 1,
        "metadata": {},
        "created_at": rfc3339(moment(after)),
        "updated_at": rfc3339(moment(after)),
        **more,
    }


def intent(**more: Any) -> dict[str, Any]:
    """A payment intent of 20.00 USD that succeeded."""
    return {
        "id": "pi_1",
        "amount": "2000",
        "amount_received": "2000",
        "amount_details": {"tip": "0"},
        "currency_id": "pc_2",
        "paymentCurrency": DOLLAR,
        "customer_id": "cus_1",
        "invoice_id": "in_1",
        "metadata": {"woocommerce_order_id": "4711"},
        "payment_method_types": ["arcblock"],
        "receipt_email": "anna@example.se",
        "status": "succeeded",
        "created_at": rfc3339(moment(-60)),
        **more,
    }


def refund(number: int, amount: str, status: str = "succeeded", made: int = 0, **more: Any) -> dict[str, Any]:
    """A refund of this intent, asked for so many seconds after BEGAN."""
    return {
        "id": f"re_{number}",
        "amount": amount,
        "currency_id": "pc_2",
        "paymentCurrency": DOLLAR,
        "payment_intent_id": "pi_1",
        "status": status,
        "type": "refund",
        "created_at": rfc3339(moment(made)),
        **more,
    }


def session(**more: Any) -> dict[str, Any]:
    """A checkout session that was paid with this intent."""
    return {
        "id": "cs_1",
        "amount_total": "2000",
        "client_reference_id": "4712",
        "currency_id": "pc_2",
        "currency": DOLLAR,
        "payment_intent_id": "pi_1",
        "mode": "payment",
        "payment_status": "paid",
        "status": "complete",
        **more,
    }


def invoice(**more: Any) -> dict[str, Any]:
    """A paid invoice."""
    return {
        "id": "in_1",
        "amount_paid": "2000",
        "total": "2000",
        "paymentCurrency": DOLLAR,
        "customer_email": "anna@example.se",
        "payment_intent_id": "pi_1",
        "status": "paid",
        **more,
    }


def subscription(status: str = "active", **more: Any) -> dict[str, Any]:
    """A subscription."""
    return {
        "id": "sub_1",
        "customer_id": "cus_1",
        "currency_id": "pc_1",
        "current_period_end": int(moment(30 * 86400).timestamp()),
        "start_date": int(moment(0).timestamp()),
        "status": status,
        **more,
    }
