"""PaymentKit in the API document. The example has the fields of its types (npm @blocklet/payment-types)."""

from __future__ import annotations

from pos_api.senders.documentation import Documentation

DOCUMENTATION = Documentation(
    "PaymentKit",
    "An event of an ArcBlock application: as those of Stripe, with amounts as text in minor units of the currency. It"
    " is signed as a component (Ed25519 over the SHA3-256 of the sorted JSON of body, exp, iat, method, query and url),"
    " or with a secret.",
    {
        "x-component-sig": "`0x` and the Ed25519 signature in hexadecimal, made with the application's key.",
        "x-component-sig-iat": "Seconds since 1970: when it was made, at most five minutes ahead.",
        "x-component-sig-exp": "Seconds since 1970: until when it counts.",
        "x-component-sig-version": "`1`.",
        "x-paymentkit-signature": "In place of these: `t=…,v1=…`, as Stripe signs, with the store's secret; also as"
        " `stripe-signature`.",
    },
    {
        "payment_intent.succeeded": {
            "id": "evt_TQMo2nGRvCtqBOKnQkXpXhLa",
            "object": "event",
            "api_version": "2023-09-05",
            "type": "payment_intent.succeeded",
            "livemode": True,
            "created_at": "2026-11-28T12:05:49.000Z",
            "pending_webhooks": 1,
            "data": {
                "object": {
                    "id": "pi_5yqSNZ8lcnUFXwqHdvzKbGJe",
                    "amount": "1505",
                    "amount_received": "1505",
                    "currency": "USD",
                    "status": "succeeded",
                    "metadata": {"order_id": "4711"},
                    "created_at": "2026-11-28T12:05:40.000Z",
                }
            },
        }
    },
)
