"""What sells the shop's goods besides the shop in the demo: a till, and an ordering app for guests.

Each signs its events as the real one does. What they sell is taken from the same stock.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import requests

dice = random.Random()  # noqa: S311 - no secret


class Article(Protocol):
    """What is sold. `sold_elsewhere` counts what was sold of it anywhere but in the shop."""

    sku: str
    name: str
    price: Decimal
    number: int
    sold_elsewhere: int


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened: to what, what it is in words, and what became of it at the POS."""

    what: str
    words: str
    outcome: str


class _Sender:
    """Posts signed events to the endpoint that `pos-api store add --json` has printed."""

    def __init__(self, url: str, added: Mapping[str, str]) -> None:
        self._url = url + added["endpoint"]
        self._secret = added["secret"].encode()
        self._http = requests.Session()

    def _post(self, event: Mapping[str, Any], headers: Callable[[str], dict[str, str]]) -> str:
        """Send an event, now and then twice; what became of it. `headers` gets the signature of the body."""
        body = json.dumps(event).encode()
        signature = hmac.digest(self._secret, body, hashlib.sha256).hex()
        outcomes = []
        for _ in range(dice.choice((1, 1, 1, 1, 2))):
            answer = self._http.post(
                self._url, data=body, headers={"Content-Type": "application/json", **headers(signature)}, timeout=30
            )
            answer.raise_for_status()
            outcomes.append(answer.json()["data"]["outcome"])
        return ", sent again: ".join(outcomes)


class Till(_Sender):
    """A Kaynko till: it sells one or two articles at a time, and voids a sale now and then."""

    def __init__(self, url: str, added: Mapping[str, str], articles: list[Any]) -> None:
        super().__init__(url, added)
        self._articles: list[Article] = articles
        self._sales: list[tuple[int, Decimal, list[tuple[Article, int]]]] = []
        self._last = 0

    def happen(self) -> Happened:
        """The next thing that happens at the till."""
        if self._sales and dice.random() < 0.2:
            return self._void(*self._sales.pop(dice.randrange(len(self._sales))))
        self._last += 1
        lines = [(article, dice.choice((1, 1, 2))) for article in dice.sample(self._articles, dice.choice((1, 2)))]
        total = sum((article.price * quantity for article, quantity in lines), Decimal())
        for article, quantity in lines:
            article.sold_elsewhere += quantity
        self._sales.append((self._last, total, lines))
        items = [
            {
                "productName": article.name,
                "productCode": article.sku,
                "quantity": quantity,
                "unitPrice": float(article.price),
                "lineTotal": float(article.price * quantity),
            }
            for article, quantity in lines
        ]
        sale = {"subtotal": float(total), "discountAmount": 0, "vatAmount": 0, "items": items, "createdAt": _now()}
        more = {"customerName": None, "customerType": None}
        words = ", ".join(f"{quantity} × {article.name}" for article, quantity in lines)
        return self._send("sale.completed", self._last, total, words, {**sale, **more})

    def _void(self, number: int, total: Decimal, lines: list[tuple[Article, int]]) -> Happened:
        for article, quantity in lines:
            article.sold_elsewhere -= quantity
        more = {"voidedByCashierId": None, "voidReason": "Mistake", "voidedAt": _now()}
        return self._send("sale.voided", number, total, "is voided", more)

    def _send(self, event: str, number: int, total: Decimal, words: str, more: Mapping[str, Any]) -> Happened:
        sale = {
            "saleId": number,
            "receiptNumber": f"KNK-{number:04}",
            "cashierId": 1,
            "total": float(total),
            "paymentMethod": "cash",
            "currency": "EUR",
        }
        body = {"event": event, "data": {**sale, **more}, "timestamp": _now()}
        outcome = self._post(body, lambda made: {"X-Kaynko-Event": event, "X-Kaynko-Signature": f"sha256={made}"})
        return Happened(f"till  {number}", words, outcome)


class OrderingApp(_Sender):
    """Karma: guests order from their table; an order is paid, with a tip, or cancelled."""

    def __init__(self, url: str, added: Mapping[str, str], articles: list[Any]) -> None:
        super().__init__(url, added)
        self._articles: list[Article] = articles
        self._open: list[tuple[int, Article, int]] = []
        self._last = 0

    def happen(self) -> Happened:
        """The next thing that happens in the app."""
        if self._open and dice.random() < 0.6:
            end = self._cancel if dice.random() < 0.2 else self._pay
            return end(*self._open.pop(0))
        self._last += 1
        article, quantity = dice.choice(self._articles), dice.choice((1, 2))
        article.sold_elsewhere += quantity
        self._open.append((self._last, article, quantity))
        outcome = self._send("order.created", f"ord_{self._last}", self._order(self._last, "sent", article, quantity))
        return Happened(f"app   {self._last}", f"{quantity} × {article.name} to a table", outcome)

    def _cancel(self, number: int, article: Article, quantity: int) -> Happened:
        article.sold_elsewhere -= quantity
        order = self._order(number, "cancelled", article, quantity)
        return Happened(f"app   {number}", "is cancelled", self._send("order.cancelled", f"ord_{number}", order))

    def _order(self, number: int, state: str, article: Article, quantity: int) -> dict[str, Any]:
        cents = int(article.price * 100)
        item = {"id": 1, "itemId": article.number, "title": article.name, "quantity": quantity, "price": cents}
        return {
            "id": f"ord_{number}",
            "tabId": f"tab_{number}",
            "locationId": 100,
            "state": state,
            "createdAt": _now(),
            "items": [item],
            "subtotalCents": cents * quantity,
            "source": "QR",
        }

    def _pay(self, number: int, article: Article, quantity: int) -> Happened:
        cents, tip = int(article.price * 100) * quantity, dice.choice((0, 100, 200))
        lines = [
            {
                "id": 1,
                "type": "product",
                "title": article.name,
                "finalAmountCents": cents,
                "vatRateBasisPoints": 2500,
                "vatAmountCents": cents // 5,
                "quantity": quantity,
            },
            {
                "id": 2,
                "type": "tip",
                "title": "Tip",
                "finalAmountCents": tip,
                "vatRateBasisPoints": 0,
                "vatAmountCents": 0,
                "quantity": 1,
            },
        ]
        purchase = {
            "id": number,
            "locationId": 100,
            "tabId": f"tab_{number}",
            "state": "confirmed",
            "psp": "stripe",
            "pspResponseRef": f"pi_{number}",
            "currencyCode": "EUR",
            "purchasedAt": _now(),
            "lineItems": lines if tip else lines[:1],
        }
        words = f"is paid, with a tip of {tip // 100} EUR" if tip else "is paid"
        return Happened(f"app   {number}", words, self._send("purchase.confirmed", str(number), purchase))

    def _send(self, event: str, resource_id: str, data: Mapping[str, Any]) -> str:
        envelope = {
            "id": f"evt_{dice.getrandbits(48):x}",
            "event": event,
            "resource": event.partition(".")[0],
            "resourceId": resource_id,
            "timestamp": _now(),
            "apiVersion": "v1",
            "data": data,
        }
        return self._post(envelope, lambda signature: {"x-webhook-signature": signature})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
