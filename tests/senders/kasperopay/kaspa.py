"""A merchant of KasperoPay, for tests: what its webhooks claim, and the server at which payments are looked up."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pos_api.database.client import Db
from pos_api.senders.kasperopay.status import PLACE
from pos_api.stores.model import Store
from tests.hostile_shop import Answering, hostile
from tests.senders.provider_stores import add_store

MERCHANT = "kpm_abc123"
NAME = "My Shop"
TXID = "abc123def456"


def paid(payment_id: str = "pay_1", **changes: Any) -> dict[str, Any]:
    """A webhook after the guide's sample; a field that is changed to `...` is left out."""
    body = {
        "event": "payment.completed",
        "timestamp": "2026-01-30T15:30:00.000Z",
        "merchant_id": MERCHANT,
        "payment_id": payment_id,
        "order_id": "ord_456",
        "amount_kas": "150.5",
        "amount_usd": "15.05",
        "transaction_id": TXID,
        "customer_address": "kaspa:qrwallet",
        "items": [{"name": "T-Shirt", "quantity": 1, "price": "15.05"}],
        "metadata": {"email": "anna@example.com"},
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


def completed(payment_id: str = "pay_1", **changes: Any) -> dict[str, Any]:
    """What KasperoPay answers of that payment: amounts as numbers, and other names."""
    answer = {
        "payment_id": payment_id,
        "status": "completed",
        "amount_kas": 150.5,
        "amount_usd": 15.05,
        "txid": TXID,
        "store_name": NAME,
        "confirmed_at": "2026-01-30T15:29:58.000Z",
        "expires_at": "2026-01-30T15:45:00.000Z",
    }
    return {name: value for name, value in {**answer, **changes}.items() if value is not ...}


def raw(body: bytes, status: int = 200, content_type: str = "application/json") -> bytes:
    """An answer with this body."""
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class StatusServer:
    """Answers by payment: an object as JSON, bytes as they are, or a function of the connection; 404 for any other."""

    url: str = ""
    answers: dict[str, dict[str, Any] | bytes | Answering] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, connection: socket.socket, head: bytes) -> None:
        """Answer one request."""
        found = re.match(rb"GET /api/pay/status/(\S+) HTTP", head)
        payment_id = found[1].decode() if found else ""
        self.asked.append(payment_id)
        answer = self.answers.get(payment_id, raw(b'{"error": "not found"}', 404))
        if callable(answer):
            answer(connection, head)
        else:
            connection.sendall(answer if isinstance(answer, bytes) else raw(json.dumps(answer).encode()))


@contextmanager
def status_server() -> Iterator[StatusServer]:
    """A server on this machine, which knows no payment yet."""
    server = StatusServer()
    with hostile(server.answer) as listening:
        server.url = f"{listening.url}/api/pay/status/{PLACE}"
        yield server


def settings_of(server: StatusServer, **changes: Any) -> dict[str, Any]:
    """The settings of a store that asks this server."""
    named = {"merchant_id": MERCHANT, "store_name": NAME, "status_url": server.url, "orders_of": "default"}
    return {**named, **changes}


def add_kaspa_store(db: Db, config: Any, server: StatusServer, name: str = "kaspa-1", **changes: Any) -> None:
    """Add a store that asks this server."""
    add_store(db, config, name, "kasperopay", **settings_of(server, **changes))


def a_store(**changes: Any) -> Store:
    """A store, without a database."""
    settings = {"merchant_id": MERCHANT, "store_name": NAME, "orders_of": "default", **changes}
    return Store("kaspa-1", "kaspa-1", "kasperopay", settings=settings)
