"""What shops send: orders, products and customers in WooCommerce's shape, signed as WooCommerce or the plugin does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask.testing import FlaskClient
from pymongo.collection import Collection
from werkzeug.test import TestResponse

from pos_api.catalogue.creation import create, new_product
from pos_api.common.quantity import Quantity
from pos_api.common.time import now
from pos_api.database.client import Db, Document, make_durable
from pos_api.inbox.model import InboxEntry
from pos_api.orders.model import OrderFields, OrderUpdate
from pos_api.processing import reading
from pos_api.processing.work import Work
from pos_api.senders.registry import SENDERS
from pos_api.senders.woocommerce.status_meanings import initial_status, order_status
from pos_api.stores.model import Store

API_KEY = "test-api-key-of-more-than-32-characters"
SECRET = "test-webhook-secret"
PATH = "/api/webhooks/orders"
_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    """A `_gmt` time as WooCommerce writes it, so many seconds past noon."""
    return (_NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


AHEAD = (datetime.now(UTC) + timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%S")
"""A `_gmt` time that has not come yet, near enough to be believed."""


def event(number: int = 1) -> InboxEntry:
    """An event of the inbox; its body is only a number."""
    return InboxEntry("s", "woocommerce", "order.created", str(number), b"%d" % number, {}, now())


def read_delivery(store: Store, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Work:
    """What a delivery of WooCommerce says, without applying it."""
    return reading.read_delivery(SENDERS["woocommerce"], store, headers, body, received_at)


def line(sku: str | None, quantity: Quantity = 1, reduced: Quantity | None = None, **more: Any) -> dict[str, Any]:
    """A line item; `reduced` is WooCommerce's `_reduced_stock`."""
    meta = [] if reduced is None else [{"id": 1, "key": "_reduced_stock", "value": str(reduced)}]
    return {"sku": sku, "quantity": quantity, "total": "10.00", "total_tax": "2.50", "meta_data": meta, **more}


def shop_id(sku: str | None) -> int:
    """The shop's product id of what was first known by this SKU."""
    return int.from_bytes(hashlib.sha256((sku or "").encode()).digest()[:3])


def order(order_id: int = 1, *lines: Mapping[str, Any], modified: float | None = 0, **more: Any) -> dict[str, Any]:
    """An order over REST v3, its lines numbered; `modified` is None for one without times."""
    times = {} if modified is None else {"date_created_gmt": at(0), "date_modified_gmt": at(modified)}
    items = [{"id": number, "product_id": shop_id(each["sku"]), **each} for number, each in enumerate(lines, 1)]
    return {
        "id": order_id,
        "number": str(order_id),
        "status": "processing",
        "currency": "SEK",
        "total": "12.50",
        "total_tax": "2.50",
        "customer_id": 0,
        "billing": {"first_name": "Anna", "last_name": "Öberg", "email": "Anna@Example.se"},
        "line_items": items,
        "refunds": [],
        **times,
        **more,
    }


def order_update(order_id: int, fields: Mapping[str, Any], at: datetime = _NOON, **more: Any) -> OrderUpdate:
    """What a sender says about an order that it changed at this moment, as orders are given it."""
    said: dict[str, Any] = {
        "store": "default",
        "kind": "updated",
        "cause": f"entry-{order_id}",
        "received_at": at,
        "modified_at": at,
        "sequence": 0,
        "opening": False,
    }
    rest = {name: value for name, value in fields.items() if name != "status"}
    said |= more
    said.setdefault("status", order_status(fields["status"]) if "status" in fields else None)
    said.setdefault("initial_status", initial_status(said["kind"]))
    return OrderUpdate(order_id=order_id, fields=cast("OrderFields", rest), **said)


def product(product_id: int, sku: str, stock: Quantity | None, **more: Any) -> dict[str, Any]:
    """A product over REST v3; `stock` is None where the shop does not manage it."""
    return {
        "id": product_id,
        "sku": sku,
        "name": f"Product {sku}",
        "price": "10.00",
        "parent_id": 0,
        "manage_stock": stock is not None,
        "stock_quantity": stock,
        "date_modified_gmt": at(0),
        **more,
    }


def signature(body: bytes, secret: str = SECRET) -> str:
    """WooCommerce's own: base64(HMAC-SHA256(body))."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def native_headers(topic: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of WooCommerce's own webhooks."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "WooCommerce/11.0.1 Hookshot (WordPress/7.1)",
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": topic.partition(".")[0],
        "X-WC-Webhook-Event": topic.partition(".")[2],
        "X-WC-Webhook-Signature": signature(body, secret),
        "X-WC-Webhook-ID": "1",
        "X-WC-Webhook-Delivery-ID": hashlib.md5(body, usedforsecurity=False).hexdigest(),
    }


class Shop:
    """A shop that sends to the service, by its own webhooks or through the plugin."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> TestResponse:
        """These bytes, with the API key unless `headers` say otherwise."""
        if headers is None:
            headers = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
        return self._client.post(PATH, data=body, headers=dict(headers))

    def send(self, event: str, data: Any, **more: Any) -> TestResponse:
        """The plugin's envelope."""
        return self.post(json.dumps({"event": event, "data": data, **more}).encode())

    def deliver(self, topic: str, data: Any) -> TestResponse:
        """A webhook of WooCommerce's own."""
        body = json.dumps(data).encode()
        return self.post(body, native_headers(topic, body))

    def outcome(self, event: str, data: Any, **more: Any) -> str:
        """Send the plugin's envelope and return what became of it; fails the test unless that is a 200."""
        return outcome(self.send(event, data, **more))


def outcome(response: TestResponse) -> str:
    """The outcome in a reply; fails the test unless it is a 200."""
    assert response.status_code == 200, response.text
    return str(response.get_json()["data"]["outcome"])


def stock_up(db: Db, **quantities: Quantity) -> None:
    """Products of these SKUs with this stock, made by staff, whose word is on disk when they are answered."""
    for sku, quantity in quantities.items():
        create(db, new_product(sku, name=sku, price=None, stock=quantity), cause="staff:test")
    make_durable(db)


def stock_of(db: Db) -> dict[str, Quantity]:
    """The stock of every product, by SKU."""
    return {each["_id"]: each["stock"] for each in db.products.find()}


def assert_books_balance(db: Db, orders: Sequence[str] | None = None) -> None:
    """Every SKU has one gapless history whose balances chain, its product shows the end of it, and every order's
    movements add up to what the order holds."""
    history: dict[str, list[dict[str, Any]]] = {}
    for movement in db.stock_movements.find().sort([("sku", 1), ("seq", 1)]):
        history.setdefault(movement["sku"], []).append(movement)
    for sku, movements in history.items():
        assert [each["seq"] for each in movements] == list(range(1, len(movements) + 1)), sku
        balance: Quantity = 0
        for each in movements:
            balance = round(balance + each["quantity"], 6)
            assert each["balance"] == balance, each
    for each in db.products.find():
        last = history[each["_id"]][-1]
        assert (each["stock"], each["seq"]) == (last["balance"], last["seq"]), each["_id"]
    for each in db.orders.find():
        assert _moved(history, each) == {
            held["sku"]: held["quantity"] for held in each["held"] if held["quantity"] or held["sku"] in each["opening"]
        }, each["_id"]


def _moved(history: Mapping[str, list[dict[str, Any]]], order: Mapping[str, Any]) -> dict[str, Quantity]:
    """What the ledger says an order holds, by SKU. The opening's movement is of 0 units and may hold some."""
    held: dict[str, Quantity] = {}
    for sku, movements in history.items():
        own = sorted((each for each in movements if each.get("order") == order["_id"]), key=lambda each: each["n"])
        assert [each["n"] for each in own] == list(range(1, len(own) + 1)), (sku, order["_id"])
        before: Quantity = 0
        carried: Quantity = 0
        for each in own:
            contained = each["n"] == 1 and sku in order["opening"] and not each.get("carried")
            more = each.get("carried", 0) - carried
            assert round(each["held"] - before, 6) == (each["held"] if contained else more - each["quantity"]), each
            before, carried = each["held"], each.get("carried", 0)
        if own and (own[-1]["held"] or sku in order["opening"]):
            held[sku] = own[-1]["held"]
    return held


def values(collection: Collection[Document], field: str) -> list[Any]:
    """The different values that this field has, in order."""
    return sorted({document[field] for document in collection.find({}, {field: 1})})
