"""What Karma sends: the payloads of its guide, signed as it signs them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_api.catalogue import items
from pos_api.catalogue.creation import create, new_product
from pos_api.config import Config
from pos_api.database.client import Db
from pos_api.stores import settings

_ids = itertools.count(1)

SALAD = {
    "id": 1,
    "itemId": 12345,
    "title": "Caesar Salad",
    "quantity": 2,
    "price": 14500,
    "variants": [{"name": "Extra Chicken", "price": 3500}],
}
"""The line of the guide's order."""


def emitted_at(minute: int) -> str:
    """A time of Karma's clock, so many minutes after 14:00."""
    return f"2026-01-25T{14 + minute // 60:02}:{minute % 60:02}:00.000Z"


def event(name: str, resource: str, data: dict[str, Any], minute: int, **envelope: Any) -> dict[str, Any]:
    """An event, with a delivery id of its own."""
    return {
        "id": f"evt_{next(_ids)}",
        "event": name,
        "resource": name.partition(".")[0],
        "resourceId": resource,
        "timestamp": emitted_at(minute),
        "apiVersion": "v1",
        "data": data,
        **envelope,
    }


def order(change: str, minute: int = 30, *, id: str = "ord_12345", **data: Any) -> dict[str, Any]:
    """`order.created` with all fields of the guide's sample; any other change with the fields given alone."""
    if change == "created":
        data = {
            "tabId": "tab_67890",
            "locationId": 100,
            "state": "sent",
            "createdAt": emitted_at(30),
            "items": [SALAD],
            "subtotalCents": 36000,
            "source": "QR",
            **data,
        }
    return event(f"order.{change}", id, {"id": id, **data}, minute)


def line(id: int, cents: int, rate: int = 1200, vat: int = 0, *, type: str = "product", **more: Any) -> dict[str, Any]:
    """A line of a purchase."""
    return {
        "id": id,
        "type": type,
        "title": f"{type} {id}",
        "finalAmountCents": cents,
        "vatRateBasisPoints": rate,
        "vatAmountCents": vat,
        "quantity": 1,
        **more,
    }


LUNCH = [
    line(1, 14500, 1200, 1560, title="Caesar Salad"),
    line(2, 2000, 0, 0, type="tip", title="Tip"),
]
"""The lines of the guide's purchase."""


def purchase(lines: list[dict[str, Any]] | None = None, *, id: int = 12345, minute: int = 35, **data: Any) -> Any:
    """`purchase.confirmed`."""
    data = {
        "id": id,
        "locationId": 100,
        "tabId": "tab_67890",
        "state": "confirmed",
        "psp": "stripe",
        "pspResponseRef": "pi_abc123",
        "currencyCode": "SEK",
        "purchasedAt": emitted_at(35),
        "lineItems": LUNCH if lines is None else lines,
        **data,
    }
    return event("purchase.confirmed", str(id), data, minute)


def refund(lines: list[dict[str, Any]], *, id: int = 12345, minute: int = 50, **data: Any) -> dict[str, Any]:
    """`purchase.refunded`."""
    return event("purchase.refunded", str(id), {"id": id, "state": "refunded", "lineItems": lines, **data}, minute)


def tab(change: str, minute: int = 60, *, uuid: str = "tab_67890", **data: Any) -> dict[str, Any]:
    """`tab.closed` with all fields of the guide's sample; any other change with the fields given alone."""
    if change == "closed":
        data = {
            "latestState": "closed",
            "totalAmountCents": 36000,
            "paidAmountCents": 36000,
            "tipAmountCents": 2000,
            "createdAt": emitted_at(0),
            "closedAt": emitted_at(60),
            **data,
        }
    return event(f"tab.{change}", uuid, {"uuid": uuid, "locationId": 100, **data}, minute)


def inventory(change: str, minute: int = 10, *, id: int = 12345, **data: Any) -> dict[str, Any]:
    """An event of an item."""
    return event(f"inventory.{change}", str(id), {"id": id, **data}, minute)


def signature(body: bytes, secret: str) -> str:
    """What Karma puts into X-Webhook-Signature."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class App:
    """A store of Karma that sends to the service."""

    def __init__(self, client: FlaskClient, store: str, secret: str) -> None:
        self._client, self.store, self.secret = client, store, secret

    def send(self, message: Any, *, secret: str | None = None, path: str | None = None, **headers: str) -> TestResponse:
        """Send a message, or a body as it is, signed; a blank `secret` sends it unsigned."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        secret = self.secret if secret is None else secret
        sent = {"Content-Type": "application/json", "X-Webhook-Signature": signature(body, secret) if secret else ""}
        sent = {name: value for name, value in {**sent, **headers}.items() if value}
        return self._client.post(path or f"/api/webhooks/karma/{self.store}", data=body, headers=sent)

    def outcome(self, message: Any) -> str:
        """What became of a message."""
        reply = self.send(message)
        assert reply.status_code == 200, reply.text
        return str(reply.get_json()["data"]["outcome"])


def add_app(db: Db, config: Config, name: str, **more: Any) -> str:
    """Add a store, and return its secret."""
    return settings.add_store(db, config, name, kind="karma", **{"currency": "SEK", **more})[1]


def stock(db: Db, *skus: str, units: int = 10) -> None:
    """Products of staff with so many units in stock."""
    for sku in skus:
        create(db, new_product(sku, name=sku, price=None, stock=units), cause="test")


def link(db: Db, store: str, **items_by_sku: int) -> None:
    """Link items to products, each to the one with the SKU of its name."""
    for sku, item in items_by_sku.items():
        items.link(db, store, item, sku)
