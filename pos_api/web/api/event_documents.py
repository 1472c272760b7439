"""The types of events in the API document (as `webhooks` of OpenAPI), each with a JSON schema and an example, all made
of the schemas that the routes have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pos_api.database.client import Document
from pos_api.outbox.event_types import EVENT_TYPES
from pos_api.outbox.model import noun_of
from pos_api.web.api.event_schemas import data_schema
from pos_api.web.api.openapi import Api

_REF = "#/components/schemas/"
_DEFS = "#/$defs/"
_MOMENT = "2026-11-28T06:51:08Z"
_IDS: Mapping[str, str] = {
    "order": "order:default:23:3",
    "order.completed": "order:default:23:3:completed",
    "order.cancelled": "order:default:23:3:cancelled",
    "order.refunded": "order:default:23:3:refunded",
    "payment.completed": "payment:online-1:pi_3Abc:2:completed",
    "payment.refunded": "payment:online-1:pi_3Abc:3:refunded",
    "stock.changed": "stock:OIL-2L:7",
    "stock.low": "stock:OIL-2L:7:low",
    "product": "product:OIL-2L:3",
    "customer": "customer:6f1ed002ab5595859014ebf0:1795848668000",
    "customer.erased": "customer:6f1ed002ab5595859014ebf0:1795848668000:erased",
    "session.opened": "session:till-1:5:opened",
    "session.closed": "session:till-1:5:closed",
    "subscription": "subscription:online-1:sub_1MowQVLkdIwHu7ixeRlqHVzs:2",
    "delivery": "delivery:9f86d081884c7d65:1795330268000",
    "store.silent": "silent:default:2026-11-28T06:51:08%2B00:00",
    "store.drift": "drift:default:2026-11-28T06:51:08%2B00:00",
    "ping": "ping:8f14e45fceea167a",
}
"""By type, or by what all types of events are about."""


def describe_events(api: Api) -> list[Document]:
    """Add the deliveries of all types of events to the API document, and return the types as `GET /event-types` lists
    them. To be called once the routes are there, whose schemas these are."""
    names = {type: api.component(data_schema(type)) for type in EVENT_TYPES}
    schemas: Mapping[str, Any] = api.spec.components.schemas
    examples = {type: _event(type, name, schemas) for type, name in names.items()}
    api.spec.options["webhooks"] = {type: _webhook(type, name, examples[type]) for type, name in names.items()}
    return [
        {
            "type": type,
            "description": EVENT_TYPES[type],
            "schema": _self_contained(_envelope(type, name), schemas),
            "example": examples[type],
        }
        for type, name in names.items()
    ]


def _webhook(type: str, data: str, example: Document) -> Document:
    """The OpenAPI description of a delivery of this type, whose data is as the schema of this name."""
    content = {"application/json": {"schema": _envelope(type, data), "example": example}}
    return {
        "post": {
            "summary": EVENT_TYPES[type],
            "description": "Sent to the URL of each subscription that is for it, signed as Standard Webhooks.",
            "operationId": f"event_{type.replace('.', '_')}",
            "tags": ["events"],
            "parameters": [
                _header("webhook-id", "The event's id, the same on every attempt: by it a repeated one is recognized."),
                _header("webhook-timestamp", "When it was sent, in seconds since 1970."),
                _header("webhook-signature", "`v1,` and the base64 of HMAC-SHA256 of `id.timestamp.body`."),
            ],
            "requestBody": {"required": True, "content": content},
            "responses": {
                "2XX": {"description": "Received, within 15 seconds. Anything else is sent again."},
                "410": {"description": "No more of them: the subscription is disabled."},
            },
        }
    }


def _header(name: str, description: str) -> Document:
    return {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": description}


def _envelope(type: str, data: str) -> Document:
    """The JSON schema of an event of this type, whose data is as the schema of this name."""
    return {
        "type": "object",
        "required": ["id", "type", "timestamp", "store", "data"],
        "properties": {
            "id": {"type": "string"},
            "type": {"const": type},
            "timestamp": {"type": "string", "format": "date-time"},
            "store": {"type": ["string", "null"], "description": "Null for what is of no store."},
            "data": {"$ref": f"{_REF}{data}"},
        },
    }


def _event(type: str, data: str, schemas: Mapping[str, Any]) -> Document:
    """An event of this type, made of the examples of the schemas."""
    shown = _example(schemas[data], schemas)
    store = None if type == "ping" else shown.get("store", "default")
    identifier = _IDS.get(type) or _IDS[noun_of(type)]
    return {"id": identifier, "type": type, "timestamp": _MOMENT, "store": store, "data": shown}


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value of this schema: its example, or one that is made of those of its parts."""
    for given in ("example", "const", "enum"):
        if given in schema:
            return schema[given][0] if given == "enum" else schema[given]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].removeprefix(_REF)], schemas)
    if parts := schema.get("allOf") or schema.get("anyOf"):
        return _example(parts[0], schemas)
    if "properties" in schema:
        members = {name: _example(each, schemas) for name, each in schema["properties"].items()}
        required = schema.get("required", ())
        return {name: each for name, each in members.items() if name in required or each not in _NOTHING}
    items = _example(schema["items"], schemas) if schema.get("items") else None
    return _blank(schema.get("type", "null")) if items in _NOTHING else [items]


_NOTHING: tuple[Any, ...] = ("", [], {}, None)
_BLANKS: Mapping[str, Any] = {"object": {}, "array": [], "boolean": False, "string": ""}


def _blank(kind: str | list[str]) -> Any:
    """A value of this JSON type, null where it may be."""
    kinds = [kind] if isinstance(kind, str) else kind
    return None if "null" in kinds else _BLANKS.get(kinds[0], 0)


def _self_contained(schema: Document, schemas: Mapping[str, Any]) -> Document:
    """A schema with all that it refers to under `$defs`, so that it stands alone."""
    needed: dict[str, Any] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = schemas[name]
            waiting += _references(schemas[name])
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": needed}
    moved: Document = _moved(described)
    return moved


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(_REF)
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _moved(schema: Any) -> Any:
    """With each reference into the API document as one into `$defs`."""
    if isinstance(schema, Mapping):
        return {
            name: each.replace(_REF, _DEFS) if name == "$ref" and isinstance(each, str) else _moved(each)
            for name, each in schema.items()
        }
    return [_moved(each) for each in schema] if isinstance(schema, list) else schema
