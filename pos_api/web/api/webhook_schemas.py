"""Deliveries in the API document: what is sent, which no schema of ours reads, and how it is answered."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from pos_api.common.warning_messages import SENTENCES
from pos_api.senders.documentation import Documentation
from pos_api.web.api.schemas import reply


class WarningCode(Schema):
    """A warning for programs: what it is, and the values that its sentence names."""

    code = fields.String(required=True, validate=validate.OneOf(sorted(SENTENCES)), metadata={"example": "unknown_sku"})
    values = fields.Dict(keys=fields.String(), required=True, metadata={"example": {"sku": "beans-1kg"}})


class Delivery(Schema):
    """What became of a delivery."""

    outcome = fields.String(
        required=True,
        validate=validate.OneOf(
            ["created", "updated", "unchanged", "duplicate", "stale", "ignored", "parked", "waiting"]
        ),
        metadata={"example": "created"},
    )
    event_key = fields.String(
        required=True,
        metadata={
            "description": "Under which the inbox keeps it.",
            "example": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
    )
    order = fields.String(required=True, allow_none=True, metadata={"example": "default:4711"})
    warnings = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What people should know, in English sentences.", "example": []},
    )
    warning_codes = fields.List(
        fields.Nested(WarningCode),
        required=True,
        metadata={"description": "The same warnings, in the same order, for programs.", "example": []},
    )


class _Received(reply(Delivery)):  # type: ignore[misc]
    """A delivery's outcome; `data` is null for a ping."""

    data = fields.Nested(Delivery, required=True, allow_none=True)


_ORDER = {
    "id": 4711,
    "number": "4711",
    "status": "processing",
    "currency": "SEK",
    "date_created_gmt": "2026-11-22T06:51:08",
    "date_modified_gmt": "2026-11-22T06:51:12",
    "total": "378.00",
    "total_tax": "75.60",
    "payment_method_title": "Card",
    "customer_id": 12,
    "billing": {"first_name": "Åsa", "last_name": "Öberg", "email": "asa@example.com", "phone": "+46 70 123 45 67"},
    "line_items": [
        {
            "id": 1,
            "product_id": 16,
            "variation_id": 0,
            "name": "Coffee beans, 1 kg",
            "sku": "Sku 42/ä",
            "quantity": 2,
            "total": "302.40",
            "total_tax": "75.60",
            "meta_data": [{"id": 9, "key": "_reduced_stock", "value": "2"}],
        }
    ],
}

_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "examples": ["order.created"]},
        "data": {"type": "object", "description": "The order, product or customer in WooCommerce REST v3 shape."},
        "sequence": {"type": "integer", "description": "Never falls for an order; decides which version is newer."},
        "delivery_id": {"type": "string", "description": "For tracing only."},
        "timestamp": {"description": "With a product: when its stock was read; else for tracing only."},
        "site_url": {"type": "string"},
        "opening": {
            "type": "boolean",
            "description": "The order is from before the point of sale counted: the stock lacks its units already.",
        },
        "stock_taken_at": {
            "type": "string",
            "format": "date-time",
            "description": "With an order: when the shop took its units from its stock, noted right after that.",
        },
        "last_order_id": {
            "type": "integer",
            "description": "With a product: the shop's last order when the stock was read.",
        },
    },
}

_HEADERS = (
    ("X-WC-Webhook-Topic", "The topic of WooCommerce's own webhook; the body is the bare object then."),
    (
        "webhook-id",
        "Standard Webhooks: verified, with the two below, where any of them is sent. The key is the API key.",
    ),
    ("webhook-timestamp", "Seconds since 1970, within five minutes of now."),
    ("webhook-signature", "`v1,` and base64(HMAC-SHA256(`id.timestamp.body`, key))."),
)


def _json(schema: Any, **more: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, **more}}


RECEIVE: dict[str, Any] = {
    "description": """\
The plugin's envelope, or the bare REST v3 object of a WooCommerce webhook with its `X-WC-Webhook-Topic`. Topics:
`order.created`, `order.updated`, `order.cancelled`, `order.refunded`, `order.completed`, `order.deleted`,
`order.restored`, `product.created`, `product.updated`, `product.deleted`, `product.restored`, `customer.created`,
`customer.updated`, `customer.erased` (by the plugin: `{"email", "orders"}`); others are kept and ignored. The same
delivery again is answered `duplicate` and changes nothing. A body that can't be used is kept with its reason, and of
one over 2 MiB its size: WooCommerce is answered 200 and `parked`, any other sender 400, 413, 415 or 422.
WooCommerce's ping (a form `webhook_id=N`) is answered 200.""",
    "parameters": [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _ENVELOPE,
                "examples": {
                    "envelope": {
                        "summary": "The plugin's envelope",
                        "value": {"event": "order.created", "sequence": 1, "data": _ORDER},
                    },
                    "smallest": {
                        "summary": "The smallest order",
                        "value": {"event": "order.created", "data": {"id": 123}},
                    },
                },
            }
        },
    },
    "responses": {
        200: {"description": "Processed, or kept with its reason.", "content": _json(_Received)},
        202: {"description": "Stored; it is processed a little later.", "content": _json(_Received)},
    },
}

RECEIVE_OF_STORE: dict[str, Any] = {
    "description": """\
A delivery of one store that is no WooCommerce shop: the same as at the address of its kind, where only this store is
looked at. It is stored and answered as those of `/api/webhooks/orders` are.""",
    "requestBody": {"required": True, "content": _json({"type": "object"})},
    "responses": RECEIVE["responses"],
}


def receive_of_kind(documentation: Documentation) -> dict[str, Any]:
    """The route of a kind of store, as its sender documents it."""
    return {
        "description": f"{documentation.description}\n\n{_OF_EVERY_KIND}",
        "parameters": [
            {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
            for name, text in documentation.headers.items()
        ],
        "requestBody": {
            "required": True,
            "content": _json(
                {"type": "object"},
                examples={
                    topic: {"summary": topic, "value": example} for topic, example in documentation.examples.items()
                },
            ),
        },
        "responses": RECEIVE["responses"],
    }


_OF_EVERY_KIND = """\
404 while there is no store of this kind (`pos-api store add NAME --kind KIND`). It is answered within five seconds: 200
once it is done or kept, 202 where it is stored and done later, 503 where it could not be stored. The same delivery
again is answered `duplicate` and changes nothing; topics that are not known are kept and `ignored`; what can't be used
is kept with its reason (`parked`, or 422: see docs/senders.md)."""
