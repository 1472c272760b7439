"""Events as Stripe sends them."""

from __future__ import annotations

from typing import Any

from tests.senders.provider_stores import BEGAN

SECRET = "whsec_c2VjcmV0IG9mIGEgU3RyaXBlIGVuZHBvaW50"
HEADER = "Stripe-Signature"


def event(kind: str, shown: dict[str, Any], after: int = 0, number: int = 1, **more: Any) -> dict[str, Any]:
    """An event that was made so many seconds after BEGAN."""
    return {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": BEGAN + after,
        "data": {"object": shown},
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": "key"},
        "type": kind,
        **more,
    }


def intent(**more: Any) -> dict[str, Any]:
    """A payment intent of 200.00 SEK that succeeded."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 20000,
        "amount_received": 20000,
        "amount_details": {"tip": {}},
        "client_secret": "pi_1_secret_of_the_browser",
        "created": BEGAN - 60,
        "currency": "sek",
        "customer": "cus_1",
        "latest_charge": "ch_1",
        "livemode": True,
        "metadata": {"order_id": "4711", "customer_email": "anna@example.se"},
        "payment_method_types": ["card"],
        "receipt_email": "anna@example.se",
        "status": "succeeded",
        **more,
    }


def charge(refunded: int, **more: Any) -> dict[str, Any]:
    """The charge of this intent, of which so much was paid back."""
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 20000,
        "amount_captured": 20000,
        "amount_refunded": refunded,
        "billing_details": {"email": "anna@example.se", "name": "Anna Åkesson", "address": {"city": "Umeå"}},
        "created": BEGAN - 1,
        "currency": "sek",
        "metadata": {},
        "payment_intent": "pi_1",
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        "refunded": refunded == 20000,
        **more,
    }


def refund(number: int, amount: int, status: str = "succeeded", made: int = 0, **more: Any) -> dict[str, Any]:
    """A refund of this intent, made so many seconds after BEGAN."""
    return {
        "id": f"re_{number}",
        "object": "refund",
        "amount": amount,
        "charge": "ch_1",
        "created": BEGAN + made,
        "currency": "sek",
        "metadata": {},
        "payment_intent": "pi_1",
        "status": status,
        **more,
    }


def session(**more: Any) -> dict[str, Any]:
    """A checkout session that was paid with this intent."""
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "amount_total": 20000,
        "client_reference_id": "4712",
        "currency": "sek",
        "customer_details": {"email": "anna@example.se", "name": "Anna Åkesson"},
        "metadata": {},
        "mode": "payment",
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "status": "complete",
        **more,
    }


def invoice(**more: Any) -> dict[str, Any]:
    """A paid invoice, as an older version of the API shows it."""
    return {
        "id": "in_1",
        "object": "invoice",
        "amount_paid": 20000,
        "currency": "sek",
        "customer_email": "anna@example.se",
        "metadata": {},
        "payment_intent": "pi_1",
        "status": "paid",
        "status_transitions": {"paid_at": BEGAN},
        **more,
    }


def subscription(status: str = "active", **more: Any) -> dict[str, Any]:
    """A subscription, as a newer version of the API shows it."""
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "currency": "sek",
        "created": BEGAN,
        "start_date": BEGAN,
        "status": status,
        "items": {"object": "list", "data": [{"id": "si_1", "current_period_end": BEGAN + 30 * 86400}]},
        "metadata": {},
        **more,
    }
