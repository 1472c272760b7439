"""What the API document says of Karma's deliveries, with the samples of its guide."""

from __future__ import annotations

from typing import Any

from pos_api.senders.documentation import Documentation


def _event(event: str, resource: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{resource}",
        "event": event,
        "resource": event.partition(".")[0],
        "resourceId": resource,
        "timestamp": f"2026-01-25T{at}:00.000Z",
        "apiVersion": "v1",
        "data": data,
    }


_ORDER = {
    "id": "ord_12345",
    "tabId": "tab_67890",
    "locationId": 100,
    "state": "sent",
    "createdAt": "2026-01-25T14:30:00.000Z",
    "items": [
        {
            "id": 1,
            "itemId": 12345,
            "title": "Caesar Salad",
            "quantity": 2,
            "price": 14500,
            "variants": [{"name": "Extra Chicken", "price": 3500}],
        }
    ],
    "subtotalCents": 36000,
    "source": "QR",
}
_SALAD = {
    "id": 1,
    "type": "product",
    "title": "Caesar Salad",
    "finalAmountCents": 14500,
    "vatRateBasisPoints": 1200,
    "vatAmountCents": 1560,
    "quantity": 1,
}
_TIP = {
    "id": 2,
    "type": "tip",
    "title": "Tip",
    "finalAmountCents": 2000,
    "vatRateBasisPoints": 0,
    "vatAmountCents": 0,
    "quantity": 1,
}
_PURCHASE = {
    "id": 12345,
    "locationId": 100,
    "tabId": "tab_67890",
    "state": "confirmed",
    "psp": "stripe",
    "pspResponseRef": "pi_abc123",
    "currencyCode": "SEK",
    "purchasedAt": "2026-01-25T14:35:00.000Z",
    "lineItems": [_SALAD, _TIP],
}
_TAB = {
    "uuid": "tab_67890",
    "locationId": 100,
    "latestState": "closed",
    "totalAmountCents": 36000,
    "paidAmountCents": 36000,
    "tipAmountCents": 2000,
    "tabType": "table",
    "createdAt": "2026-01-25T14:00:00.000Z",
    "closedAt": "2026-01-25T15:00:00.000Z",
}

DOCUMENTATION = Documentation(
    name="Karma",
    description="Orders, purchases, refunds, tabs and items of one location. The signature shows which store it "
    "is from. Other events are kept as ignored; what can't be used is parked and answered 200.",
    headers={"X-Webhook-Signature": "The HMAC-SHA256 of the raw body with the secret, in lower-case hexadecimal."},
    examples={
        "order.created": _event("order.created", "ord_12345", "14:30", _ORDER),
        "order.completed": _event("order.completed", "ord_12345", "14:50", {"id": "ord_12345", "state": "completed"}),
        "purchase.confirmed": _event("purchase.confirmed", "12345", "14:35", _PURCHASE),
        "purchase.refunded": _event(
            "purchase.refunded", "12345", "15:10", {"id": 12345, "state": "refunded", "lineItems": [_SALAD]}
        ),
        "tab.closed": _event("tab.closed", "tab_67890", "15:00", _TAB),
        "inventory.availability_changed": _event(
            "inventory.availability_changed", "12345", "14:20", {"id": 12345, "available": False}
        ),
    },
)
