"""WooCommerce's payloads, verified and translated: the only module that knows its field names.

Two senders speak them: our plugin (an envelope `{"event", "data", …}`) and WooCommerce's own webhooks (the REST v3
object as the body, the topic in `X-WC-Webhook-Topic`). Shapes: WooCommerce REST API v3, `wc/v3/orders`,
`wc/v3/products`, `wc/v3/customers`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bson import Decimal128

from pos_api.catalogue.archive import ProductDeletion
from pos_api.catalogue.products import ProductSnapshot
from pos_api.common.currencies import CURRENCIES
from pos_api.common.email_addresses import without_addresses
from pos_api.common.json_body import parse
from pos_api.common.limits import LIST_LIMIT
from pos_api.common.money import ZERO
from pos_api.customers.customers import CustomerErasure, CustomerSnapshot
from pos_api.database.client import Document
from pos_api.errors import Invalid
from pos_api.orders.apply import OrderSnapshot, status_of
from pos_api.orders.meta import first_meta
from pos_api.senders.fields import (
    STATUS_LIMIT,
    Field,
    Findings,
    Place,
    amount,
    as_list,
    check_number,
    email_address,
    is_nothing,
    limited,
    list_of,
    moment,
    note,
    number_or_text,
    object_of,
    percent,
    person_or_place,
    plain_text,
    read_fields,
    same,
    sku,
    text,
    title,
    units,
    visible,
    whole_number,
    yes_or_no,
)
from pos_api.senders.woocommerce import refunds
from pos_api.senders.woocommerce.large_fields import leave_out_large
from pos_api.senders.woocommerce.meta import read_meta
from pos_api.senders.woocommerce.native import check_topic
from pos_api.stock.opening import StockReduction
from pos_api.stores.stores import Store, site_of

Subject: TypeAlias = OrderSnapshot | ProductSnapshot | ProductDeletion | CustomerSnapshot | CustomerErasure

TOPIC_HEADER = "x-wc-webhook-topic"
SIGNATURE_HEADER = "x-wc-webhook-signature"
SOURCE_HEADER = "x-wc-webhook-source"
DELIVERY_HEADER = "x-wc-webhook-delivery-id"
KEPT_HEADERS = (
    "content-type",
    "user-agent",
    TOPIC_HEADER,
    SOURCE_HEADER,
    "x-wc-webhook-id",
    DELIVERY_HEADER,
    "webhook-id",
    "webhook-timestamp",
)
"""What is kept with an event for tracing and for reading it again; never a key or a signature."""

_USER = re.compile("//[^/?#]*@")


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of KEPT_HEADERS that there are, without e-mail addresses, which no erasure of a person would find there."""
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    if SOURCE_HEADER in kept:  # its host counts, a user name before it does not
        kept[SOURCE_HEADER] = _USER.sub("//", kept[SOURCE_HEADER])
    return {name: without_addresses(value) for name, value in kept.items()}


DRAFTS = frozenset({"checkout-draft", "auto-draft"})
_IMPLIED_STATUS = {
    "order.cancelled": "cancelled",
    "order.refunded": "refunded",
    "order.completed": "completed",
}
_ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored", "order.deleted", *_IMPLIED_STATUS})
_PRODUCT_TOPICS = frozenset({"product.created", "product.updated", "product.restored", "product.deleted"})
_UNPUBLISHED = frozenset({"auto-draft", "draft", "pending", "future", "trash"})
"""Statuses of products that are not for sale; published and private ones are."""
_CUSTOMER_TOPICS = frozenset({"customer.created", "customer.updated"})
_ERASED = "customer.erased"
TOPICS = _ORDER_TOPICS | _PRODUCT_TOPICS | _CUSTOMER_TOPICS | {_ERASED}

MOST_AHEAD = timedelta(days=1)
"""By so much an order's date may be later than its arrival. One with a later date would stand first in the lists of
orders and customers for as long."""
CLOCK_LEEWAY = timedelta(minutes=5)
"""By so much a shop's clock may be ahead of ours. What bears a later time than that was not made when it says."""


@dataclass(frozen=True, slots=True)
class Message:
    """A readable body of `size` bytes: what it is about, before its content is looked at."""

    topic: str
    resource_id: str
    data: Document
    sequence: int = 0
    opening: bool | None = None
    replaces: int | None = None
    sent_at: datetime | None = None
    found: Findings = field(default_factory=Findings)
    last_order_id: int | None = None
    stock_taken_at: datetime | None = None
    native: bool = False
    site: str = ""
    size: int = 0


def is_ping(content_type: str, body: bytes) -> bool:
    """Whether this is the form `webhook_id=N` that WooCommerce sends, unsigned, when a webhook is switched on
    (`WC_Webhook::deliver_ping`, which expects exactly 200)."""
    return content_type.startswith("application/x-www-form-urlencoded") and body.startswith(b"webhook_id=")


def signature_matches(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` is base64(HMAC-SHA256(body, secret)) (`WC_Webhook::generate_signature`); False for any
    malformed one."""
    return is_signature(hmac.digest(secret.encode(), body, hashlib.sha256), signature)


def is_signature(digest: bytes, signature: str) -> bool:
    """Whether `signature` is this digest as WooCommerce writes it."""
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "surrogateescape"))


def read(headers: Mapping[str, str], body: bytes) -> Message:
    """The message in a body; `headers` are lower-cased.

    Raises BadRequest when it is not JSON, Invalid when it is neither an envelope nor a WooCommerce object.
    """
    payload = parse(body, any_text=True)
    if not isinstance(payload, dict):
        raise Invalid("The body must be a JSON object.")
    if topic := headers.get(TOPIC_HEADER, "")[:_LONGEST_TOPIC]:
        site = headers.get(SOURCE_HEADER, "")
        return Message(topic, _resource_id(payload), payload, native=True, site=site, size=len(body))
    return _open_envelope(payload, len(body))


_ENVELOPE = {
    **same(whole_number, "sequence"),
    "opening": Field("opening", yes_or_no, essential=True),
    "replaces": Field("replaces", lambda value: None if value is None else whole_number(value), essential=True),
    "last_order_id": Field("last_order_id", lambda value: None if value is None else whole_number(value)),
    "stock_taken_at": Field("stock_taken_at", moment),
}


def _open_envelope(envelope: Document, size: int) -> Message:
    found = Findings()
    fields = read_fields(envelope, _ENVELOPE, Place(found, "envelope"))
    problems = {path.removeprefix("envelope."): problem for path, problem in found.problems.items()}
    event, data = envelope.get("event"), envelope.get("data")
    if not isinstance(event, str) or not event:
        problems["event"] = "is required, for example order.created"
    if not isinstance(data, dict):
        problems["data"] = "is required and must be an object"
    if problems:
        raise Invalid("The envelope is not valid.", details=problems)
    assert isinstance(data, dict)
    site = envelope.get("site_url")
    return Message(
        visible(str(event)[:_LONGEST_TOPIC]),
        _resource_id(data),
        data,
        **fields,
        sent_at=_sent_at(envelope),
        found=found,
        site=site if isinstance(site, str) else "",
        size=size,
    )


def _sent_at(envelope: Document) -> datetime | None:
    """The envelope's `timestamp`, for which no form is agreed on; None where it is no time."""
    try:
        return moment(envelope.get("timestamp"))
    except ValueError:
        return None


def _resource_id(data: Document) -> str:
    value = data.get("id")
    return visible(str(value)[:32]) if isinstance(value, int | str) and not isinstance(value, bool) else ""


_LONGEST_TOPIC = 300
_BEGINNING = 65_536
_EVENT = re.compile(rb'"event"\s*:\s*"([^"\\]{1,80})"')
_NUMBER = re.compile(rb'"id"\s*:\s*"?(\d{1,19})\b')


def glimpse(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """What a body that can't be read is about, topic and resource id, as far as its beginning names them: the object's
    id is its first member, in WooCommerce and in our plugin."""
    beginning = body[:_BEGINNING]
    event = _EVENT.search(beginning)
    topic = headers.get(TOPIC_HEADER, "")[:_LONGEST_TOPIC] or (
        visible(event[1].decode("utf-8", "replace")) if event else ""
    )
    data = beginning.find(b'"data"') if TOPIC_HEADER not in headers else 0
    number = _NUMBER.search(beginning, max(data, 0))
    return topic, number[1].decode() if number else ""


def translate(message: Message, store: Store, received_at: datetime, cause: str) -> Subject | None:
    """The snapshot a message carries; None where there is nothing to keep (drafts, topics of other nouns).

    `cause` is the event key that goes into history and ledger. Raises Invalid, with a message per field, when the
    content can't be used.
    """
    if message.topic not in TOPICS:
        return None
    if store.is_from_another_site(message.site):
        raise Invalid(_ELSEWHERE.format(site=visible(site_of(message.site)[:200]), known=store.site, store=store.id))
    message = _believed(_with_gmt(message, store), received_at)
    data = message.data
    if "code" in data and "message" in data and "id" not in data:
        raise Invalid(_ERROR.format(code=visible(str(data["code"])[:100]), store=store.id))
    if message.native:
        check_topic(message.topic, data)
    if message.topic == "product.deleted" or (message.topic in _PRODUCT_TOPICS and data.get("status") == "trash"):
        return _product_deletion(message, store, received_at)
    if message.topic in _PRODUCT_TOPICS:
        return _product(message, store, received_at, cause)
    if message.topic in _CUSTOMER_TOPICS:
        return _customer(message, store, received_at)
    if message.topic == _ERASED:
        return _customer_erasure(message, store, received_at)
    return _order(message, store, received_at, cause)


_ERROR = (
    "WooCommerce sent an error instead of the object: {code}. The webhook's user was deleted, or has lost rights. Make "
    "the webhook anew as an administrator, and then run: pos-api reconcile {store} --repair"
)
_ELSEWHERE = (
    "It comes from {site}, and {store} is {known}: a copy of the shop, for tests perhaps. If it is a copy, remove its "
    "webhooks or deactivate its plugin. If the shop has moved, run: pos-api store set {store} --url https://{site} "
    "and then: pos-api replay --all"
)


def _believed(message: Message, received_at: datetime) -> Message:
    """The message without a time of sending or a sequence that can't be true when it arrives: either would be newer
    than all that follows, for ever. A sequence is a count, or a time in seconds or parts of one: none is beyond the
    nanoseconds since 1970."""
    latest = received_at + CLOCK_LEEWAY
    sequence = message.sequence if message.sequence <= latest.timestamp() * 1e9 else 0
    return replace(message, sequence=sequence, sent_at=_not_after(message.sent_at, latest))


def _with_gmt(message: Message, store: Store) -> Message:
    """The message with its times under the names of API version 3. Version 1, which the form of a webhook still offers,
    has those of making and change in UTC, those of payment and completion on the shop's clock, and calls none `_gmt`
    (`WC_REST_Orders_V1_Controller::prepare_item_for_response`)."""
    data = message.data
    if not message.native or "date_modified" not in data or "date_modified_gmt" in data:
        return message
    times = {f"{name}_gmt": data.get(name) for name in ("date_created", "date_modified")}
    for name in ("date_paid", "date_completed"):
        if local := _local_moment(data.get(name), store):
            times[f"{name}_gmt"] = local.isoformat()
    kept = {name: value for name, value in data.items() if name not in ("date_created", "date_modified")}
    return replace(message, data=kept | times)


def _not_after(moment: datetime | None, latest: datetime) -> datetime | None:
    return moment if moment and moment <= latest else None


# --- orders -----------------------------------------------------------------------------------------------------

_ADDRESS = {
    **same(person_or_place, "first_name", "last_name", "company", "address_1", "address_2", "city", "state"),
    **same(text, "postcode", "country", "phone"),
    **same(email_address, "email"),
}
_IDS = same(whole_number, "product_id", "variation_id")

_LINE = {
    "id": Field("id", number_or_text, essential=True),
    **same(title, "name"),
    **same(text, "tax_class"),
    "sku": Field("sku", sku, essential=True),
    "quantity": Field("quantity", units, essential=True),
    **same(amount, "price", "subtotal", "subtotal_tax", "total", "total_tax"),
}
_TAX_LINE = {
    "id": Field("id", whole_number),
    "rate_id": Field("rate_id", number_or_text),
    **same(text, "rate_code"),
    **same(title, "label"),
    "rate_percent": Field("rate_percent", percent),
    **same(amount, "tax_total", "shipping_tax_total"),
}
_SHIPPING_LINE = {
    "id": Field("id", whole_number),
    **same(text, "method_id"),
    **same(title, "method_title"),
    **same(amount, "total", "total_tax"),
}
_LINE_TAX = {"id": Field("rate_id", number_or_text), "total": Field("total", amount)}
_LINE_TAXES = {"taxes": Field("taxes", list_of(object_of(_LINE_TAX)), nested=True)}
_FEE_LINE = {"id": Field("id", whole_number), **same(title, "name"), **same(amount, "total", "total_tax")}
_COUPON_LINE = {"id": Field("id", whole_number), **same(text, "code"), **same(amount, "discount", "discount_tax")}
_READ_OF_LINES = ("_reduced_stock", "_refunded_item_id")
_META = {
    "meta_data": Field(
        "meta",
        lambda values, place: read_meta(values, place, lambda key: key[:1] != "_" or key in _READ_OF_LINES),
        nested=True,
    )
}


def _ids(value: Document, place: Place) -> Document:
    """A line's product and variation id. Where one can't be read, neither counts: the SKU alone says more than the
    product id of a variation."""
    ids = read_fields(value, _IDS, place)
    return ids if len(ids) == len(_IDS.keys() & value.keys()) else {}


def _line_item(value: Any, place: Place) -> Document:
    line = read_fields(value, _LINE, place)
    line |= _ids(value, place)
    if "quantity" not in value:
        place.problem("quantity", "is required")
    line.setdefault("sku", "")
    if isinstance(value.get("meta_data"), list | dict):
        line["full"] = True
    meta = read_fields(value, _META, place).get("meta", [])
    line |= _reduced_stock(first_meta(meta, "_reduced_stock"), place)
    if shown := [entry for entry in meta if not entry["key"].startswith("_")]:
        line["meta"] = _first_entries(shown, place.at("meta_data"))
    return line


def _first_entries(meta: list[Document], place: Place) -> list[Document]:
    """The first LIST_LIMIT entries of meta data: what a plugin writes again and again costs no order."""
    if len(meta) > LIST_LIMIT:
        place.left_out(LIST_LIMIT, f"only the first {LIST_LIMIT:,} entries are kept")
    return meta[:LIST_LIMIT]


_REDUCED_STOCK = Field("reduced_stock", units)


def _reduced_stock(value: Any, place: Place) -> Document:
    """The units that the shop has taken for a line. Below zero where more was restocked than is left of the line: its
    quantity was set down afterwards. Nothing is as if it were absent, as in `wc_reduce_stock_levels`."""
    return (
        {} if is_nothing(value) else read_fields({"_reduced_stock": value}, {"_reduced_stock": _REDUCED_STOCK}, place)
    )


_REFUND = {
    "id": Field("id", whole_number),
    "reason": Field("reason", note),
    "date_created_gmt": Field("created_at", moment),
}


def _refund(value: Any, place: Place) -> Document:
    """A refund, its `amount` from 0 on and its lines with the signs of the sale. WooCommerce writes the order's
    `refunds[].total` negative and a refund's own `amount` positive; only the latter (REST `orders/<id>/refunds`, our
    plugin) comes with lines."""
    refund = read_fields(value, _REFUND, place)
    refund["amount"] = _refunded_amount(value, place)
    if not is_nothing(value.get("line_items")) or value.get("line_items") == []:
        refund.update(_refund_lines(value, refund["amount"], place))
    return refund


def _refunded_amount(value: Document, place: Place) -> Decimal128:
    """What was paid back: the refund's `amount`, else its `total`."""
    told = [name for name in ("amount", "total") if not is_nothing(value.get(name))]
    for name in told:
        table = {name: Field("amount", amount, essential=name == told[-1])}
        if fields := read_fields(value, table, place):
            return _positive(fields["amount"])
    return ZERO


def _refunds(values: Any, place: Place) -> list[Document]:
    """Refunds, the newest first: those of one second WooCommerce sends in any order. Raises ValueError where they have
    more than LIST_LIMIT lines together."""
    read = [] if is_nothing(values) else list_of(_refund, essential=True)(values, place)
    check_number(sum(len(refund.get("line_items", ())) for refund in read), "lines together")
    return sorted(read, key=lambda refund: refund.get("id", 0), reverse=True)


_REFUND_LINE = {
    **same(whole_number, "id"),
    **same(sku, "sku"),
    **same(amount, "total", "total_tax"),
    "quantity": Field("quantity", lambda value: 0 if is_nothing(value) else units(value), essential=True),
    **_LINE_TAXES,
}
_REFUNDED_ITEM = {"_refunded_item_id": Field("line_item_id", number_or_text)}


def _refund_line(value: Any, place: Place) -> Document:
    line = {"quantity": 0} | read_fields(value, _REFUND_LINE, place)
    line |= _ids(value, place)
    item = first_meta(read_fields(value, _META, place).get("meta", []), "_refunded_item_id")
    return line if item is None else line | read_fields({"_refunded_item_id": item}, _REFUNDED_ITEM, place)


_REFUND_LINES = {
    "line_items": Field("goods", list_of(_refund_line, essential=True), essential=True, nested=True),
    "shipping_lines": Field("shipping", list_of(object_of({**_SHIPPING_LINE, **_LINE_TAXES})), nested=True),
    "fee_lines": Field("fees", list_of(object_of({**_FEE_LINE, **_LINE_TAXES})), nested=True),
}


def _refund_lines(value: Document, paid_back: Decimal128, place: Place) -> Document:
    lines = read_fields(value, _REFUND_LINES, place)
    return refunds.given_back(paid_back, lines.get("goods", []), lines.get("shipping", []), lines.get("fees", []))


def _positive(amount: Decimal128) -> Decimal128:
    return amount if amount.bid[15] < 0x80 else Decimal128(-amount.to_decimal())


def _check_currency(fields: Document, store: Store, place: Place) -> None:
    """Note a problem where an order's currency is none that exists, nor the one that was set for the store: what the
    order costs can't be known."""
    code = fields.get("currency")
    if code and code not in CURRENCIES and code != store.currency:
        place.problem("currency", _NO_CURRENCY.format(store=store.id))


_NO_CURRENCY = (
    "is no currency of ISO 4217, and none of WooCommerce's own. If the shop has made it up itself, run: pos-api store "
    "set {store} --currency CODE and then: pos-api replay --all"
)


NEEDED_META = ("_anonymized", "_wcpay_mode")
"""Of an order's own meta data, what is always kept: whether the shop has erased the person's data, and whether it was
paid in a payment provider's test mode."""


def kept_meta(meta: list[Document], more: tuple[str, ...]) -> list[Document]:
    """The entries that are kept."""
    is_kept = _is_kept(more)
    return [each for each in meta if is_kept(each["key"])]


def _is_kept(more: tuple[str, ...]) -> Callable[[str], bool]:
    """A test whether an entry of an order's meta data is kept, by its key: any plugin may put a birth date or a
    tracker's id there. `more` are keys, or with `*` at their end what keys begin with."""
    exact = {*NEEDED_META, *more}
    beginnings = tuple(each[:-1] for each in more if each.endswith("*"))
    return lambda key: key in exact or (bool(beginnings) and key.startswith(beginnings))


def _order_meta(store: Store) -> Field:
    """A field with an order's meta data, by key: from its order tables WooCommerce reads them in any order."""
    is_kept = _is_kept(store.order_meta)

    def read(values: Any, place: Place) -> list[Document]:
        return sorted(read_meta(values, place, is_kept), key=lambda meta: str(meta["key"]))

    return Field("meta", read, nested=True)


_ORDER: dict[str, Field] = {
    **same(text, "number", "created_via", "payment_method", "transaction_id"),
    **same(title, "payment_method_title"),
    **same(note, "customer_note"),
    "status": Field("status", lambda value: limited(status_of(plain_text(value)), STATUS_LIMIT), essential=True),
    "currency": Field("currency", lambda value: plain_text(value).strip().upper(), essential=True),
    "prices_include_tax": Field("prices_include_tax", yes_or_no),
    **same(amount, "total", essential=True),
    **same(amount, "discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total_tax"),
    **same(whole_number, "customer_id", "parent_id"),
    "date_created_gmt": Field("created_at", moment),
    "date_paid_gmt": Field("paid_at", moment),
    "date_completed_gmt": Field("completed_at", moment),
    "billing": Field("billing", object_of(_ADDRESS), nested=True),
    "shipping": Field("shipping", object_of(_ADDRESS), nested=True),
    "line_items": Field("line_items", list_of(_line_item, essential=True), essential=True, nested=True),
    "tax_lines": Field("tax_lines", list_of(object_of(_TAX_LINE)), nested=True),
    "shipping_lines": Field("shipping_lines", list_of(object_of(_SHIPPING_LINE)), nested=True),
    "fee_lines": Field("fee_lines", list_of(object_of(_FEE_LINE)), nested=True),
    "coupon_lines": Field("coupon_lines", list_of(object_of(_COUPON_LINE)), nested=True),
    "refunds": Field("refunds", _refunds, essential=True, nested=True),
}
_ID = {"id": Field("id", whole_number, essential=True)}
_MODIFIED = {"date_modified_gmt": Field("modified_at", moment)}


def _identity(data: Document, place: Place, received_at: datetime) -> Document:
    """An object's `id`, and `modified_at` where it has one that can be true: a version is not newer than its arrival.
    Without an id from 1 on it can't be used."""
    fields = read_fields(data, {**_ID, **_MODIFIED}, place)
    if not fields.get("id") and "id" not in place.found.problems:
        place.problem("id", "is required, a whole number from 1")
    return fields | {"modified_at": _not_after(fields.get("modified_at"), received_at + CLOCK_LEEWAY)}


def _order(message: Message, store: Store, received_at: datetime, cause: str) -> OrderSnapshot | None:
    data, found = message.data, message.found
    place = Place(found)
    identity = _identity(data, place, received_at)
    if "total" in data and _is_blank(data["total"]):  # what it costs is not said, which is another thing than 0
        place.left_out("total", "is blank")
        data = {name: value for name, value in data.items() if name != "total"}
    table = _ORDER | {"meta_data": _order_meta(store)}
    fields = read_fields(data, table, place)
    if "meta" in fields:
        fields["meta"] = _first_entries(fields["meta"], place.at("meta_data"))
    _check_currency(fields, store, place)
    fields = leave_out_large(fields, table, place, message.size)
    found.check("The order is not valid.")
    status = fields.pop("status", None) or _IMPLIED_STATUS.get(message.topic)
    if status:
        fields["status"] = status
    if status in DRAFTS:
        return None
    created_at = fields.pop("created_at", None) or _local_moment(data.get("date_created"), store)
    if created_at and created_at > received_at + MOST_AHEAD:
        place.left_out("date_created_gmt", "is more than a day after its arrival")
    elif created_at:
        fields["created_at"] = created_at
        fields["day"] = _local_day(data.get("date_created"), created_at, store)
    return OrderSnapshot(
        store=store.id,
        order_id=identity["id"],
        topic=message.topic,
        cause=cause,
        received_at=received_at,
        modified_at=identity.get("modified_at"),
        sequence=message.sequence,
        opening=bool(message.opening),
        live_since=store.live_since if message.opening is None else None,  # the sender knows better than a date
        stock_taken_at=message.stock_taken_at,
        likely_taken_at=_likely_taken_at(message, fields, identity.get("modified_at")),
        fields=fields,
        replaces=message.replaces,
        erasures=store.erasures_of(fields.get("billing", {}).get("email", ""), fields.get("customer_id", 0)),
        read=frozenset(message.data),
        warnings=found.warnings,
    )


def stock_reduction_of(order: Document, read_at: datetime, *, otherwise: datetime) -> StockReduction:
    """What an order that was read from the shop's REST API at `read_at` says of when its stock was taken. Its date is
    `otherwise` where it has none that can be read, or one that had not come yet. Its id has to be a whole number."""
    message = Message("order.updated", str(order["id"]), order)
    fields = read_fields(order, {name: _ORDER[name] for name in _REDUCTION_FIELDS}, Place(message.found))
    created_at = fields.get("created_at") or otherwise
    return StockReduction(
        order["id"],
        created_at if created_at <= read_at else otherwise,
        likely_taken_at=_likely_taken_at(message, fields, None),
    )


_REDUCTION_FIELDS = ("date_created_gmt", "date_paid_gmt", "payment_method")
_TAKEN_UNPAID = frozenset({"bacs", "cheque", "cod"})
"""WooCommerce's own ways to pay whose orders take stock when they are placed, and are paid later."""


def _likely_taken_at(message: Message, fields: Document, modified_at: datetime | None) -> datetime | None:
    """When the shop took an order's stock, as far as its dates say; None where they don't.

    Others than bank transfer, cheque and cash on delivery take it when they are paid (`woocommerce_payment_complete`).
    An order of the block checkout bears the date of its draft; when the shop reports it as new, its last change is
    about its placing. Orders that are read later, by an import, may have changed long after that.
    """
    if fields.get("paid_at") and fields.get("payment_method") not in _TAKEN_UNPAID:
        paid_at: datetime = fields["paid_at"]
        return paid_at
    reported_new = message.topic == "order.created" and (message.native or message.sequence > 0)
    return modified_at if reported_new and message.data.get("created_via") == "store-api" else None


def _local_moment(local: Any, store: Store) -> datetime | None:
    """The time that WooCommerce's `date_created` says, which is shop-local; None where it says none."""
    try:
        return store.moment(datetime.fromisoformat(local))
    except (TypeError, ValueError, OverflowError):
        return None


def _local_day(local: Any, created_at: datetime, store: Store) -> str:
    """The shop's own calendar day: WooCommerce's `date_created` is shop-local, else the store's time zone tells."""
    try:
        return datetime.fromisoformat(local).date().isoformat()
    except (TypeError, ValueError):
        return store.local_day(created_at)


# --- products and customers -------------------------------------------------------------------------------------

_PRODUCT = {
    "sku": Field("sku", sku, essential=True),
    **same(title, "name"),
    "price": Field("price", lambda value: None if _is_blank(value) else amount(value)),
    **same(whole_number, "parent_id"),
    "global_unique_id": Field("gtin", lambda value: text(plain_text(value).strip())),
    **same(text, "tax_class"),
    "images": Field("image_url", lambda value: _first_image(value)),
    "image": Field("image_url", lambda value: _image_url(value)),
    "categories": Field("categories", list_of(lambda value, place: _category(value)), nested=True),
    "manage_stock": Field("managed", lambda value: "parent" if value == "parent" else yes_or_no(value)),
}
_DETAILS = ("gtin", "image_url", "categories", "tax_class")


def _first_image(values: Any) -> str:
    """The address of the first of a product's `images`."""
    images = [] if is_nothing(values) else as_list(values)
    return _image_url(images[0]) if images else ""


def _is_blank(value: Any) -> bool:
    return is_nothing(value) or (isinstance(value, str) and not value.strip())


def _image_url(value: Any) -> str:
    """The address of an image, as its `src` (a variation's `image`) or, as our plugin sends it, by itself."""
    address = plain_text(value.get("src") if isinstance(value, dict) else value).strip()
    if len(address) > _LONGEST_ADDRESS:
        raise ValueError(f"is longer than {_LONGEST_ADDRESS} characters")
    return address


_LONGEST_ADDRESS = 2_000


def _category(value: Any) -> str:
    return title(value.get("name") if isinstance(value, dict) else value)


_STOCK = {"stock_quantity": Field("stock", lambda value: 0 if _is_blank(value) else units(value))}
"""Managed stock without a quantity is 0: WooCommerce adds the missing number as 0 before it takes from it
(`WC_Product_Data_Store_CPT::update_product_stock`)."""


def _product(message: Message, store: Store, received_at: datetime, cause: str) -> ProductSnapshot:
    data, found = message.data, message.found
    place = Place(found)
    identity = _identity(data, place, received_at)
    fields = read_fields(data, _PRODUCT, place)
    if fields.get("managed") is True:
        fields |= read_fields(data, _STOCK, place)
    found.check("The product is not valid.")
    return ProductSnapshot(
        store=store.id,
        shop_id=identity["id"],
        parent_id=fields.get("parent_id", 0),
        sku=fields.get("sku", ""),
        name=fields.get("name"),
        price=fields.get("price"),
        unpriced="price" in fields and fields["price"] is None,
        stock=fields.get("stock"),
        pooled=fields.get("managed") == "parent",
        modified_at=_known_at(message, identity.get("modified_at") or received_at, received_at),
        taken_at=message.sent_at or received_at,
        cause=cause,
        seen_at=_seen_at(message, identity.get("modified_at"), received_at),
        restored=message.topic == "product.restored",
        by_arrival=message.native,
        details={name: fields[name] for name in _DETAILS if name in fields},
        warnings=found.warnings,
        published=str(data.get("status")) not in _UNPUBLISHED,
        last_order_id=message.last_order_id,
    )


def _known_at(message: Message, modified_at: datetime, received_at: datetime) -> datetime:
    """The version of a product: its time of change, or the time of the update that it `replaces` (Unix milliseconds),
    which was read here before the shop was asked. One that had not come by then says nothing."""
    if not message.replaces or message.replaces > (received_at + CLOCK_LEEWAY).timestamp() * 1000:
        return modified_at
    return max(modified_at, datetime.fromtimestamp(message.replaces / 1000, UTC))


def _seen_at(message: Message, modified_at: datetime | None, received_at: datetime) -> datetime:
    """When the shop had the product, by its own clock where it says so. WooCommerce's own `product.restored` counts in
    order of arrival, as its `product.deleted` does, which bears no time."""
    if message.sent_at or message.topic == "product.restored":
        return message.sent_at or received_at
    return modified_at or received_at


def _product_deletion(message: Message, store: Store, received_at: datetime) -> ProductDeletion:
    """A product in the trash or deleted for good: `{"id": N}` under product.deleted, or one whose status is trash."""
    identity = _identity(message.data, Place(message.found), received_at)
    message.found.check("The product is not valid.")
    at = message.sent_at
    if at is None and message.topic != "product.deleted":
        at = identity.get("modified_at")
    return ProductDeletion(store.id, identity["id"], at, received_at)


_CUSTOMER = {
    **same(email_address, "email"),
    **same(person_or_place, "first_name", "last_name"),
    **same(text, "username"),
    "billing": Field("billing", object_of(_ADDRESS), nested=True),
    "shipping": Field("shipping", object_of(_ADDRESS), nested=True),
}


_CREATED = {"date_created_gmt": Field("created_at", moment)}


def _customer(message: Message, store: Store, received_at: datetime) -> CustomerSnapshot:
    found = message.found
    identity = _identity(message.data, Place(found), received_at)
    fields = read_fields(message.data, _CUSTOMER, Place(found))
    created_at = read_fields(message.data, _CREATED, Place(Findings())).get("created_at")
    found.check("The customer is not valid.")
    email = fields.pop("email", "")
    return CustomerSnapshot(
        store=store.id,
        shop_id=identity["id"],
        email=email,
        as_of=identity.get("modified_at") or received_at,
        fields=fields,
        warnings=found.warnings,
        said_at=identity.get("modified_at") or created_at,
        erasures=store.erasures_of(email, identity["id"]),
    )


_REST_OF_SECOND = timedelta(milliseconds=999)
_ERASURE = {
    "email": Field("email", email_address, essential=True),
    "orders": Field("orders", yes_or_no, essential=True),
}


def _customer_erasure(message: Message, store: Store, received_at: datetime) -> CustomerErasure:
    """`{"email": …, "orders": true}`: the shop has erased this person; `orders` is false where it kept what is in their
    orders (WooCommerce's setting `woocommerce_erasure_request_removes_order_data`)."""
    place = Place(message.found)
    fields = read_fields(message.data, _ERASURE, place)
    if "@" not in fields.get("email", "") and "email" not in place.found.problems:
        place.problem("email", "is required, an e-mail address")
    message.found.check("The erasure is not valid.")
    until = message.sent_at or received_at
    if until.microsecond == 0:  # a shop's time is in seconds: all of that one
        until += _REST_OF_SECOND
    return CustomerErasure(store.id, fields["email"].lower(), until, fields.get("orders", True))
