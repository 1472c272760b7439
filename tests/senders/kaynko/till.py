"""What a Kaynko till sends: the payloads of its guide, signed as its app signs them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.catalogue.creation import create, new_product
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores import settings

SAMPLE_SALE: dict[str, Any] = {
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
}


def sent_at(minute: int) -> str:
    """A time of the till's clock, so many minutes after 14:00."""
    return f"2026-06-11T{14 + minute // 60:02}:{minute % 60:02}:00.000Z"


def item(sku: str | None, quantity: Any = 1, **more: Any) -> dict[str, Any]:
    """A line of a sale."""
    return {
        "productName": f"Product {sku}",
        "productCode": sku,
        "quantity": quantity,
        "unitPrice": 3.5,
        "lineTotal": 7.0,
        **more,
    }


def sale(number: int = 42, *items: dict[str, Any], sent: int = 30, made: int = 30, **more: Any) -> dict[str, Any]:
    """A completed sale; `sent` and `made` in minutes after 14:00."""
    data = {**SAMPLE_SALE["data"], "saleId": number, "receiptNumber": f"KNK-{number:04}", "createdAt": sent_at(made)}
    if items:
        data["items"] = list(items)
    return {"event": "sale.completed", "data": {**data, **more}, "timestamp": sent_at(sent)}


def void(number: int = 42, *, sent: int = 60, **more: Any) -> dict[str, Any]:
    """That a sale was voided."""
    data = {
        "saleId": number,
        "receiptNumber": f"KNK-{number:04}",
        "total": 15.5,
        "paymentMethod": "cash",
        "currency": "USD",
        "cashierId": 1,
        "voidedByCashierId": 2,
        "voidReason": "Customer returned items",
        "voidedAt": sent_at(sent),
        **more,
    }
    return {"event": "sale.voided", "data": data, "timestamp": sent_at(sent)}


def session(number: int, change: str, cash: Any, *, sent: int | None = None, **more: Any) -> dict[str, Any]:
    """That a session was opened or closed with so much cash; `sent` is None as in the guide's samples."""
    name = "openingCash" if change == "opened" else "closingCash"
    data = {"sessionId": number, "cashierId": 1, "sessionDate": "2026-06-11T00:00:00.000Z", name: cash, **more}
    message: dict[str, Any] = {"event": f"session.{change}", "data": data}
    return message if sent is None else {**message, "timestamp": sent_at(sent)}


def debt(number: int = 7, amount: Any = 50.0, *, sent: int = 20, **more: Any) -> dict[str, Any]:
    """That an instalment of a debt was paid."""
    data = {"debtId": number, "paymentAmount": amount, "cashierId": 1, **more}
    return {"event": "debt.settled", "data": data, "timestamp": sent_at(sent)}


def product(number: int, sku: str | None, name: str = "Cooking Oil 2L", *, sent: int | None = None) -> dict[str, Any]:
    """That a product was made or changed."""
    data = {"productId": number, "productName": name, "productCode": sku, "action": "created"}
    message: dict[str, Any] = {"event": "product.updated", "data": data}
    return message if sent is None else {**message, "timestamp": sent_at(sent)}


def signature(body: bytes, secret: str) -> str:
    """What the app puts into X-Kaynko-Signature."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


class Till:
    """A till that sends to the service."""

    def __init__(self, client: FlaskClient, store: str, secret: str) -> None:
        self._client, self.store, self.secret = client, store, secret

    def send(self, message: Any, *, secret: str | None = None, path: str | None = None, **headers: str) -> TestResponse:
        """Send a message, or a body as it is, signed; a blank `secret` sends it unsigned."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        secret = self.secret if secret is None else secret
        sent = {"Content-Type": "application/json", "X-Kaynko-Signature": signature(body, secret) if secret else ""}
        if isinstance(message, dict):
            sent["X-Kaynko-Event"] = str(message.get("event"))
        sent = {name: value for name, value in {**sent, **headers}.items() if value}
        return self._client.post(path or f"/api/webhooks/kaynko/{self.store}", data=body, headers=sent)

    def outcome(self, message: Any) -> str:
        """What became of a message that is taken."""
        reply = self.send(message)
        assert reply.status_code == 200, reply.text
        return str(reply.get_json()["data"]["outcome"])


def add_till(db: Db, config: Config, name: str, **more: Any) -> str:
    """Add a till, and return its secret."""
    in_cash = more.pop("debts_in_cash", True)
    of_kind = {"debts_in_cash": in_cash}
    return settings.add_store(db, config, name, kind="kaynko", of_kind=of_kind, **{"currency": "USD", **more}).secret


def stock(db: Db, *skus: str, units: int = 10) -> None:
    """Products of staff with so many units in stock."""
    for sku in skus:
        create(db, new_product(sku, name=sku, price=None, stock=units), cause="test")
