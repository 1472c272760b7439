"""Stripe in the API document. The example has the fields of its API reference (docs.stripe.com/api/events/object)."""

from __future__ import annotations

from pos_api.senders.documentation import Documentation

DOCUMENTATION = Documentation(
    "Stripe",
    "An event of an account: a payment, a refund, a checkout session, an invoice or a customer's subscription, with"
    " amounts in minor units. The order that a payment is for is named by its `metadata` (`order_id`,"
    " `woocommerce_order_id`), by `client_reference_id`, or by the order's own transaction id.",
    {
        "Stripe-Signature": "`t=` seconds since 1970, within five minutes of now, and `,v1=`, one or more: the"
        " HMAC-SHA256 of `t.body` with the endpoint's secret (`whsec_…`), in hexadecimal.",
    },
    {
        "payment_intent.succeeded": {
            "id": "evt_3PxYzA2eZvKYlo2C1abcdEFG",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": 1795836349,
            "type": "payment_intent.succeeded",
            "livemode": True,
            "pending_webhooks": 1,
            "data": {
                "object": {
                    "id": "pi_3PxYzA2eZvKYlo2C1hijkLMN",
                    "object": "payment_intent",
                    "amount": 37800,
                    "amount_received": 37800,
                    "currency": "sek",
                    "created": 1795836340,
                    "status": "succeeded",
                    "metadata": {"order_id": "4711"},
                }
            },
        }
    },
)
