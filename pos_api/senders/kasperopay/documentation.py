"""KasperoPay in the API document. The example has the fields of its guide (kasperolabs/docs, `webhooks.md`)."""

from __future__ import annotations

from pos_api.senders.documentation import Documentation

DOCUMENTATION = Documentation(
    "KasperoPay",
    "That a payment was made. It is not signed: `merchant_id` names the store, and the payment counts only when it was"
    " looked up at KasperoPay and found the same. `order_id` is the id or the number of the order that it is for.",
    {},
    {
        "payment.completed": {
            "event": "payment.completed",
            "timestamp": "2026-01-30T15:30:00.000Z",
            "merchant_id": "kpm_abc123",
            "payment_id": "pay_xyz789",
            "order_id": "4711",
            "amount_kas": "150.5",
            "amount_usd": "15.05",
            "transaction_id": "0d3c7a1f5b9e",
            "items": [{"name": "T-shirt", "quantity": 1, "price": "15.05"}],
            "metadata": {},
        }
    },
)
