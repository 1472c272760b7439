"""Kaynko in the API document. The examples are those of its guide (kaynko.app/developers)."""

from __future__ import annotations

from pos_api.senders.documentation import Documentation

DOCUMENTATION = Documentation(
    "Kaynko",
    "A sale, a void, a cash session, a debt or a product of a till. Where the app has no secret it signs nothing, and"
    " what is not signed is refused: set a secret there. The app does not send again what was refused.",
    {
        "X-Kaynko-Signature": "`sha256=` and the HMAC-SHA256 of the body with the till's secret, in hexadecimal.",
        "X-Kaynko-Event": "The name of the event, as in the body.",
    },
    {
        "sale.completed": {
            "event": "sale.completed",
            "data": {
                "saleId": 42,
                "receiptNumber": "KNK-0042",
                "cashierId": 1,
                "subtotal": 15.5,
                "discountAmount": 0.0,
                "vatAmount": 0.0,
                "total": 15.5,
                "paymentMethod": "cash",
                "currency": "USD",
                "customerName": "Jane Smith",
                "customerType": "retail",
                "createdAt": "2026-06-11T14:30:00.000Z",
                "items": [
                    {
                        "productName": "Cooking Oil 2L",
                        "productCode": "SKU-001",
                        "quantity": 2,
                        "unitPrice": 3.5,
                        "lineTotal": 7.0,
                    }
                ],
            },
            "timestamp": "2026-06-11T14:30:00.000Z",
        },
        "session.closed": {
            "event": "session.closed",
            "data": {"sessionId": 7, "cashierId": 1, "sessionDate": "2026-06-11", "closingCash": 350.0},
        },
    },
)
