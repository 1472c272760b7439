"""WooCommerce's payloads, verified and translated: the only module that knows its field names.

Two senders speak them: our plugin (an envelope `{"event", "data", …}`) and WooCommerce's own webhooks (the REST v3
object as the body, the topic in `X-WC-Webhook-Topic`). Shapes: WooCommerce REST API v3, `wc/v3/orders`,
`wc/v3/products`, `wc/v3/customers`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import phpserialize
from bson import Decimal128

from ..customers import CustomerSnapshot
from ..db import Document
from ..errors import Invalid
from ..orders import OrderSnapshot, status_of
from ..products import ProductSnapshot
from ..stores import Store
from ..values import INT64_MAX, ZERO, Quantity, decimal, money, quantity, utc
from .json_body import parse

Subject: TypeAlias = OrderSnapshot | ProductSnapshot | CustomerSnapshot

TOPIC_HEADER = "x-wc-webhook-topic"
SIGNATURE_HEADER = "x-wc-webhook-signature"
SOURCE_HEADER = "x-wc-webhook-source"
KEPT_HEADERS = (
    "content-type",
    "user-agent",
    TOPIC_HEADER,
    SOURCE_HEADER,
    "x-wc-webhook-id",
    "x-wc-webhook-delivery-id",
    "webhook-id",
    "webhook-timestamp",
)
"""What is kept with an event for tracing and for reading it again; never a key or a signature."""

DRAFTS = frozenset({"checkout-draft", "auto-draft"})
_IMPLIED_STATUS = {
    "order.cancelled": "cancelled",
    "order.refunded": "refunded",
    "order.completed": "completed",
}
_ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored", "order.deleted", *_IMPLIED_STATUS})
_PRODUCT_TOPICS = frozenset({"product.created", "product.updated"})
_CUSTOMER_TOPICS = frozenset({"customer.created", "customer.updated"})
TOPICS = _ORDER_TOPICS | _PRODUCT_TOPICS | _CUSTOMER_TOPICS

_PHP_LIMIT = 16_384
_META_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Message:
    """A readable body: what it is about, before its content is looked at."""

    topic: str
    resource_id: str
    data: Document
    sequence: int = 0
    opening: bool = False
    replaces: int | None = None
    sent_at: datetime | None = None


def is_ping(content_type: str, body: bytes) -> bool:
    """Whether this is the form `webhook_id=N` that WooCommerce sends, unsigned, when a webhook is switched on
    (`WC_Webhook::deliver_ping`, which expects exactly 200)."""
    return content_type.startswith("application/x-www-form-urlencoded") and body.startswith(b"webhook_id=")


def signature_matches(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` is base64(HMAC-SHA256(body, secret)) (`WC_Webhook::generate_signature`); False for any
    malformed one."""
    expected = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256))
    return hmac.compare_digest(expected, signature.encode("utf-8", "surrogateescape"))


def read(headers: Mapping[str, str], body: bytes) -> Message:
    """The message in a body; `headers` are lower-cased.

    Raises BadRequest when it is not JSON, Invalid when it is neither an envelope nor a WooCommerce object.
    """
    payload = parse(body)
    if not isinstance(payload, dict):
        raise Invalid("The body must be a JSON object.")
    if topic := headers.get(TOPIC_HEADER):
        return Message(topic, _resource_id(payload), payload)
    return _open_envelope(payload)


def _open_envelope(envelope: Document) -> Message:
    problems: dict[str, str] = {}
    event, data = envelope.get("event"), envelope.get("data")
    if not isinstance(event, str) or not event:
        problems["event"] = "is required, for example order.created"
    if not isinstance(data, dict):
        problems["data"] = "is required and must be an object"
    sequence = _field(envelope, "sequence", _whole_number, problems, default=0)
    opening = envelope.get("opening", False)
    if not isinstance(opening, bool):
        problems["opening"] = "must be true or false"
    replaces = _field(envelope, "replaces", _whole_number, problems)
    if problems:
        raise Invalid("The envelope is not valid.", details=problems)
    assert isinstance(data, dict)
    return Message(str(event), _resource_id(data), data, sequence, bool(opening), replaces, _sent_at(envelope))


def _sent_at(envelope: Document) -> datetime | None:
    """The envelope's `timestamp`; one that is no time tells nothing."""
    try:
        return utc(envelope.get("timestamp"))
    except ValueError:
        return None


def _resource_id(data: Document) -> str:
    value = data.get("id")
    return str(value)[:32] if isinstance(value, int | str) and not isinstance(value, bool) else ""


def translate(message: Message, store: Store, received_at: datetime, cause: str) -> Subject | None:
    """The snapshot a message carries; None where there is nothing to keep (drafts, topics of other nouns).

    `cause` is the event key that goes into history and ledger. Raises Invalid, with a message per field, when the
    content can't be used.
    """
    data = message.data
    if message.topic not in TOPICS:
        return None
    if "code" in data and "message" in data and "id" not in data:
        raise Invalid(f"WooCommerce sent an error instead of the object: {str(data['code'])[:100]}")
    if message.topic in _PRODUCT_TOPICS:
        return _product(message, store, received_at, cause)
    if message.topic in _CUSTOMER_TOPICS:
        return _customer(data, store, received_at)
    return _order(message, store, received_at, cause)


# --- values -----------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be text")
    return str(value)


def _trimmed(value: Any) -> str:
    return _text(value).strip()


def _whole_number(value: Any) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
        value = int(value)
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT64_MAX:
        raise ValueError("must be a whole number from 0 to 2^63-1")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _ordered_quantity(value: Any) -> Quantity:
    number = quantity(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _percent(value: Any) -> str:
    return str(quantity(value)) if value not in (None, "") else "0"


Converter: TypeAlias = Callable[[Any], Any]


def _field(data: Document, name: str, convert: Converter, problems: dict[str, str], *, default: Any = None) -> Any:
    if name not in data:
        return default
    try:
        return convert(data[name])
    except ValueError as error:
        problems[name] = str(error)
        return default


def _fields(data: Any, table: Mapping[str, tuple[str, Converter]]) -> Document:
    """The members of `data` that `table` knows, under our names, converted; an absent one stays absent."""
    if not isinstance(data, dict):
        raise ValueError("must be an object")
    fields: Document = {}
    for name, (ours, convert) in table.items():
        if name in data:
            try:
                fields[ours] = convert(data[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return fields


def _object(table: Mapping[str, tuple[str, Converter]]) -> Converter:
    return lambda value: _fields(value or {}, table)


def _list(convert: Converter) -> Converter:
    def convert_all(values: Any) -> list[Any]:
        if values is None:
            return []
        if not isinstance(values, list):
            raise ValueError("must be a list")
        items = []
        for position, value in enumerate(values):
            try:
                items.append(convert(value))
            except ValueError as error:
                raise ValueError(f"{position}: {error}") from None
        return items

    return convert_all


def _same(convert: Converter, *names: str) -> dict[str, tuple[str, Converter]]:
    return {name: (name, convert) for name in names}


# --- meta -------------------------------------------------------------------------------------------------------


def _meta(value: Any) -> Document | None:
    if not isinstance(value, dict) or not isinstance(value.get("key"), str):
        return None
    return {"key": value["key"], "value": _meta_value(value.get("value"))}


def _meta_value(value: Any) -> Any:
    """A meta value as it may be stored: PHP-serialized text decoded when sound and small, anything that MongoDB or a
    query could misread (keys with `$`, `.` or NUL, deep nesting) as JSON text."""
    if isinstance(value, str):
        value = _php_value(value)
    if isinstance(value, dict | list):
        return value if _storable(value, _META_DEPTH) else json.dumps(value, ensure_ascii=False)
    return value if _storable(value, 1) else str(value)


def _php_value(text: str) -> Any:
    if not (text.startswith(("a:", "O:")) and text.endswith("}") and len(text) <= _PHP_LIMIT):
        return text
    try:
        decoded = phpserialize.loads(text.encode(), decode_strings=True, array_hook=_php_array)
    except Exception:
        return text
    if "\\u0000" in json.dumps(decoded, default=str) or not isinstance(decoded, dict | list):
        return text
    return decoded


def _php_array(pairs: list[tuple[Any, Any]]) -> Any:
    if [key for key, _ in pairs] == list(range(len(pairs))):
        return [value for _, value in pairs]
    return {str(key): value for key, value in pairs}


def _storable(value: Any, depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(value, dict):
        return all(
            key and not key.startswith("$") and "." not in key and _storable(member, depth - 1)
            for key, member in value.items()
        )
    if isinstance(value, list):
        return all(_storable(item, depth - 1) for item in value)
    return not isinstance(value, int | float) or abs(value) <= INT64_MAX


def _all_meta(values: Any) -> list[Document]:
    if not isinstance(values, list):
        return []
    return [meta for value in values if (meta := _meta(value)) is not None]


def _order_meta(values: Any) -> list[Document]:
    """An order's meta by key: from its order tables WooCommerce reads them in any order."""
    return sorted(_all_meta(values), key=lambda meta: str(meta["key"]))


# --- orders -----------------------------------------------------------------------------------------------------

_ADDRESS = _same(
    _text,
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
    "email",
    "phone",
)

_LINE = {
    **_same(_whole_number, "id", "product_id", "variation_id"),
    **_same(_text, "name", "tax_class"),
    "sku": ("sku", _trimmed),
    "quantity": ("quantity", _ordered_quantity),
    **_same(money, "price", "subtotal", "subtotal_tax", "total", "total_tax"),
}

_TAX_LINE = {
    **_same(_whole_number, "id", "rate_id"),
    **_same(_text, "rate_code", "label"),
    "rate_percent": ("rate_percent", _percent),
    **_same(money, "tax_total", "shipping_tax_total"),
}
_SHIPPING_LINE = {
    "id": ("id", _whole_number),
    **_same(_text, "method_id", "method_title"),
    **_same(money, "total", "total_tax"),
}
_LINE_TAX = {"id": ("rate_id", _whole_number), "total": ("total", money)}
_TAXED_LINE = {"taxes": ("taxes", _list(_object(_LINE_TAX)))}
_FEE_LINE = {"id": ("id", _whole_number), "name": ("name", _text), **_same(money, "total", "total_tax")}
_COUPON_LINE = {
    "id": ("id", _whole_number),
    "code": ("code", _text),
    **_same(money, "discount", "discount_tax"),
}


def _line_item(value: Any) -> Document:
    line = _fields(value, _LINE)
    if "quantity" not in line:
        raise ValueError("quantity: is required")
    line.setdefault("sku", "")
    meta = value.get("meta_data")
    if isinstance(meta, list | dict):
        line["full"] = True
    if meta:
        shown = []
        for entry in _all_meta(meta):
            if entry["key"] == "_reduced_stock":
                # Below zero where more was restocked than is left of the line: its quantity was set down afterwards.
                line["reduced_stock"] = quantity(entry["value"])
            elif not entry["key"].startswith("_"):
                shown.append(entry)
        if shown:
            line["meta"] = shown
    return line


def _refund(value: Any) -> Document:
    """A refund, amounts positive. WooCommerce writes the order's `refunds[].total` negative and a refund's own
    `amount` positive; only the latter (REST `orders/<id>/refunds`, our plugin) comes with lines."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    refund = _fields(
        value,
        {"id": ("id", _whole_number), "reason": ("reason", _text), "date_created_gmt": ("created_at", utc)},
    )
    refund["amount"] = _positive(money(value.get("amount", value.get("total"))))
    if isinstance(value.get("line_items"), list):
        refund.update(_refund_lines(value))
    return refund


def _refunds(values: Any) -> list[Document]:
    """Refunds, the newest first: those of one second WooCommerce tells in any order."""
    return sorted(_list(_refund)(values), key=lambda refund: refund.get("id", 0), reverse=True)


def _refund_lines(value: Document) -> Document:
    lines = _list(_refund_line)(value["line_items"])
    shipping = _list(_object(_SHIPPING_LINE))(value.get("shipping_lines"))
    fees = _list(_object(_FEE_LINE))(value.get("fee_lines"))
    return {
        "line_items": lines,
        "shipping_total": _positive_sum(shipping, "total"),
        "shipping_tax": _positive_sum(shipping, "total_tax"),
        "fee_total": _positive_sum(fees, "total"),
        "fee_tax": _positive_sum(fees, "total_tax"),
        "taxes": _refunded_taxes(value),
    }


def _refund_line(value: Any) -> Document:
    line = _fields(
        value,
        {
            **_same(_whole_number, "id", "product_id", "variation_id"),
            "sku": ("sku", _trimmed),
            **_same(lambda amount: _positive(money(amount)), "total", "total_tax"),
        },
    )
    line["quantity"] = abs(quantity(value.get("quantity", 0)))
    for entry in _all_meta(value.get("meta_data")):
        if entry["key"] == "_refunded_item_id":
            line["line_item_id"] = _whole_number(entry["value"])
    return line


def _refunded_taxes(value: Document) -> list[Document]:
    """What a refund gives back of each tax rate, from the `taxes` of its lines."""
    by_rate: dict[int, Any] = {}
    for kind in ("line_items", "shipping_lines", "fee_lines"):
        for line in _list(_object(_TAXED_LINE))(value.get(kind)):
            for tax in line.get("taxes", ()):
                rate = tax.get("rate_id", 0)
                by_rate[rate] = by_rate.get(rate, 0) + abs(decimal(tax.get("total")))
    return [{"rate_id": rate, "total": Decimal128(total)} for rate, total in sorted(by_rate.items())]


def _positive(amount: Decimal128) -> Decimal128:
    return amount if amount.bid[15] < 0x80 else Decimal128(-amount.to_decimal())


def _positive_sum(lines: list[Document], name: str) -> Decimal128:
    return Decimal128(abs(sum((decimal(line.get(name)) for line in lines), decimal(ZERO))))


_ORDER: dict[str, tuple[str, Converter]] = {
    **_same(
        _text,
        "number",
        "order_key",
        "created_via",
        "customer_note",
        "payment_method",
        "payment_method_title",
        "transaction_id",
    ),
    "status": ("status", lambda value: status_of(_text(value))),
    "currency": ("currency", lambda value: _trimmed(value).upper()[:8]),
    "prices_include_tax": ("prices_include_tax", _flag),
    **_same(
        money,
        "discount_total",
        "discount_tax",
        "shipping_total",
        "shipping_tax",
        "cart_tax",
        "total",
        "total_tax",
    ),
    **_same(_whole_number, "customer_id", "parent_id"),
    "date_created_gmt": ("created_at", utc),
    "date_paid_gmt": ("paid_at", utc),
    "date_completed_gmt": ("completed_at", utc),
    "billing": ("billing", _object(_ADDRESS)),
    "shipping": ("shipping", _object(_ADDRESS)),
    "line_items": ("line_items", _list(_line_item)),
    "tax_lines": ("tax_lines", _list(_object(_TAX_LINE))),
    "shipping_lines": ("shipping_lines", _list(_object(_SHIPPING_LINE))),
    "fee_lines": ("fee_lines", _list(_object(_FEE_LINE))),
    "coupon_lines": ("coupon_lines", _list(_object(_COUPON_LINE))),
    "refunds": ("refunds", _refunds),
    "meta_data": ("meta", _order_meta),
}


def _order(message: Message, store: Store, received_at: datetime, cause: str) -> OrderSnapshot | None:
    data = message.data
    problems: dict[str, str] = {}
    order_id = _field(data, "id", _whole_number, problems, default=0)
    if not order_id and "id" not in problems:
        problems["id"] = "is required, a whole number from 1"
    modified_at = _field(data, "date_modified_gmt", utc, problems)
    fields: Document = {}
    for name, (ours, convert) in _ORDER.items():
        if name in data:
            fields[ours] = _field(data, name, convert, problems)
    if problems:
        raise Invalid("The order is not valid.", details={f"data.{name}": text for name, text in problems.items()})
    status = fields.get("status") or _IMPLIED_STATUS.get(message.topic)
    fields.pop("status", None)
    if status:
        fields["status"] = status
    if fields.get("status") in DRAFTS:
        return None
    if created_at := fields.get("created_at"):
        fields["day"] = _local_day(data.get("date_created"), created_at, store)
    else:
        fields.pop("created_at", None)
    return OrderSnapshot(
        store=store.id,
        order_id=order_id,
        topic=message.topic,
        cause=cause,
        received_at=received_at,
        modified_at=modified_at,
        sequence=message.sequence,
        opening=message.opening or bool(store.live_since and created_at and created_at < store.live_since),
        fields=fields,
        replaces=message.replaces,
    )


def _local_day(local: Any, created_at: datetime, store: Store) -> str:
    """The shop's own calendar day: WooCommerce's `date_created` is shop-local, else the store's time zone tells."""
    try:
        return datetime.fromisoformat(local).date().isoformat()
    except (TypeError, ValueError):
        return store.local_day(created_at)


# --- products and customers -------------------------------------------------------------------------------------


def _product(message: Message, store: Store, received_at: datetime, cause: str) -> ProductSnapshot:
    data = message.data
    problems: dict[str, str] = {}
    product_id = _field(data, "id", _whole_number, problems, default=0)
    sku = _field(data, "sku", _trimmed, problems, default="")
    name = _field(data, "name", _text, problems)
    price = _field(data, "price", money, problems)
    modified_at = _field(data, "date_modified_gmt", utc, problems)
    managed = data.get("manage_stock") is True and data.get("stock_quantity") is not None
    stock = _field(data, "stock_quantity", quantity, problems) if managed else None
    if not product_id and "id" not in problems:
        problems["id"] = "is required, a whole number from 1"
    if problems:
        raise Invalid("The product is not valid.", details={f"data.{field}": text for field, text in problems.items()})
    return ProductSnapshot(
        store=store.id,
        shop_id=product_id,
        parent_id=_whole_number(data.get("parent_id") or 0),
        sku=sku,
        name=name,
        price=price,
        stock=stock,
        pooled=data.get("manage_stock") == "parent",
        modified_at=modified_at or received_at,
        taken_at=(message.sent_at or received_at).replace(microsecond=0),  # as whole as an order's date_created_gmt
        cause=cause,
    )


_CUSTOMER: dict[str, tuple[str, Converter]] = {
    **_same(_text, "first_name", "last_name", "username"),
    "billing": ("billing", _object(_ADDRESS)),
    "shipping": ("shipping", _object(_ADDRESS)),
}


def _customer(data: Document, store: Store, received_at: datetime) -> CustomerSnapshot:
    problems: dict[str, str] = {}
    customer_id = _field(data, "id", _whole_number, problems, default=0)
    email = _field(data, "email", _trimmed, problems, default="")
    modified_at = _field(data, "date_modified_gmt", utc, problems) or received_at
    fields = {
        ours: _field(data, name, convert, problems) for name, (ours, convert) in _CUSTOMER.items() if name in data
    }
    if not customer_id and "id" not in problems:
        problems["id"] = "is required, a whole number from 1"
    if problems:
        raise Invalid("The customer is not valid.", details={f"data.{field}": text for field, text in problems.items()})
    return CustomerSnapshot(store=store.id, shop_id=customer_id, email=email, as_of=modified_at, fields=fields)
