"""A sender of the tests: a till that signs in hexadecimal and reports a sale with the product it sold.

Nothing outside this file and the registry is made for it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import Decimal128

from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.model import ProductUpdate
from pos_api.errors import Invalid, Unauthorized
from pos_api.inbox.model import Noun
from pos_api.orders.model import OrderFields, OrderUpdate, Status
from pos_api.orders.parts import Line
from pos_api.senders.base import (
    Authenticated,
    BodyHmacs,
    Command,
    SenderDefaults,
    Setting,
    StoreCandidates,
    StreamedAuthentication,
)
from pos_api.senders.documentation import Documentation
from pos_api.stores.model import Store

_HEADER = "x-till-signature"
_SOLD = Status("sold", "taken", counts_as_sale=True, stage="completed")


@dataclass(frozen=True)
class Sale:
    """A delivery of the till."""

    topic: str
    resource_id: str
    data: dict[str, Any]
    site: str = ""


class _Parts:
    is_known = False

    def __init__(self, candidates: StoreCandidates, signature: str) -> None:
        self._signature = signature
        self._hmacs = BodyHmacs(candidates)

    def add(self, part: bytes) -> None:
        self._hmacs.add(part)

    def result(self) -> Authenticated:
        if store := self._hmacs.signer(self._is_signature):
            return Authenticated(store)
        raise Unauthorized("The till's signature is wrong.", reason="wrong webhook signature")

    def _is_signature(self, digest: bytes) -> bool:
        return hmac.compare_digest(f"sha256={digest.hex()}".encode(), self._signature.encode())


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers of a delivery of the till."""
    digest = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    return {"Content-Type": "application/json", "X-Till-Signature": f"sha256={digest}"}


class TillSender(SenderDefaults):
    """See `base.Sender`. One that is still to be written in full does not read cents."""

    kind = "till"
    settings: tuple[Setting, ...] = ()
    has_secret = True
    paths: tuple[str, ...] = ("/api/webhooks/till", "/till")
    documentation = Documentation(
        "Till",
        "A sale of the till of the tests.",
        {"X-Till-Signature": "`sha256=` and the HMAC-SHA256 of the body in hexadecimal."},
        {"sale.completed": {"event": "sale.completed", "data": {"saleId": 42}}},
    )
    topics = frozenset({"sale.completed"})

    def __init__(self, *, reads_cents: bool = True) -> None:
        self._reads_cents = reads_cents

    def noun(self, topic: str) -> Noun:
        return "order" if topic in self.topics else ""

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        return body == b'{"event":"ping"}'

    def signs_requests(self, headers: Mapping[str, str]) -> bool:
        return False

    def authenticate(self, headers: Mapping[str, str], body: bytes, candidates: StoreCandidates) -> Authenticated:
        parts = _Parts(candidates, headers.get(_HEADER, ""))
        parts.add(body)
        return parts.result()

    def authenticate_parts(self, headers: Mapping[str, str], candidates: StoreCandidates) -> StreamedAuthentication:
        return _Parts(candidates, headers.get(_HEADER, ""))

    def read(self, headers: Mapping[str, str], body: bytes) -> Sale:
        message = json.loads(body)
        return Sale(message["event"], str(message["data"]["saleId"]), message["data"])

    def topic_and_id(self, headers: Mapping[str, str], beginning: bytes) -> tuple[str, str]:
        return ("sale.completed", "") if b"sale.completed" in beginning else ("", "")

    def translate(self, message: Sale, store: Store, received_at: datetime, cause: str) -> Sequence[Command]:
        if message.topic not in self.topics:
            return ()
        data = message.data
        if not self._reads_cents and "totalCents" in data:
            raise Invalid("The sale is not valid.", details={"totalCents": "is not known"})
        return self._product(data["item"], store, received_at, cause), self._order(data, store, received_at, cause)

    def _product(self, item: dict[str, Any], store: Store, received_at: datetime, cause: str) -> Command:
        counted_at = received_at - timedelta(hours=1)
        return ProductUpdate(
            store=store.id,
            external_id=external_id(store.id, item["productId"]),
            parent_external_id="",
            sku=item["code"],
            name=item["code"].title(),
            price=None,
            stock=item["counted"],
            shares_parent_stock=False,
            modified_at=counted_at,
            stock_read_at=counted_at,
            seen_at=counted_at,
            cause=cause,
        )

    def _order(self, data: dict[str, Any], store: Store, received_at: datetime, cause: str) -> Command:
        item, total = data["item"], Decimal128(f"{data['totalCents'] / 100:.2f}")
        line: Line = {
            "id": 1,
            "product_id": item["productId"],
            "sku": item["code"],
            "quantity": item["quantity"],
            "total": total,
        }
        fields: OrderFields = {
            "currency": data["currency"],
            "total": total,
            "created_at": received_at,
            "day": store.local_day(received_at),
            "hour": store.local_hour(received_at),
            "line_items": [line],
        }
        return OrderUpdate(
            store=store.id,
            order_id=data["saleId"],
            kind="created",
            cause=cause,
            received_at=received_at,
            modified_at=None,
            sequence=0,
            opening=False,
            fields=fields,
            status=_SOLD,
            initial_status=_SOLD,
        )
