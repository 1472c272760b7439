"""Orders of WooCommerce's REST API v3 (`wc/v3/orders`), as our plugin and WooCommerce's own webhooks send them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from pos_api.common.currencies import CURRENCIES
from pos_api.database.client import Document
from pos_api.orders.model import OrderFields, OrderUpdate
from pos_api.orders.status import status_name
from pos_api.senders.fields import Field, FieldPath, Table, list_of, object_of, read_fields, same_names
from pos_api.senders.values import (
    STATUS_LIMIT,
    amount,
    is_blank,
    limited,
    moment,
    note,
    plain_text,
    text,
    title,
    whole_number,
    yes_or_no,
)
from pos_api.senders.woocommerce.common_fields import ADDRESS, identity
from pos_api.senders.woocommerce.large_fields import leave_out_large
from pos_api.senders.woocommerce.messages import Message
from pos_api.senders.woocommerce.meta import first_meta
from pos_api.senders.woocommerce.order_lines import (
    COUPON_LINE,
    FEE_LINE,
    SHIPPING_LINE,
    TAX_LINE,
    first_entries,
    line_item,
)
from pos_api.senders.woocommerce.order_meta import order_meta
from pos_api.senders.woocommerce.order_refunds import read_refunds
from pos_api.senders.woocommerce.status_meanings import DRAFTS, initial_status, kind_of, order_status
from pos_api.senders.woocommerce.stock_taken import likely_taken_at
from pos_api.senders.woocommerce.times import MOST_AHEAD, local_day, local_hour, local_moment
from pos_api.senders.woocommerce.topics import IMPLIED_STATUS
from pos_api.stores.model import Store

_ORDER: dict[str, Field] = {
    **same_names(text, "number", "created_via", "payment_method", "transaction_id"),
    **same_names(title, "payment_method_title"),
    **same_names(note, "customer_note"),
    "status": Field("status", lambda value: limited(status_name(plain_text(value)), STATUS_LIMIT), essential=True),
    "currency": Field("currency", lambda value: plain_text(value).strip().upper(), essential=True),
    "prices_include_tax": Field("prices_include_tax", yes_or_no),
    **same_names(amount, "total", essential=True),
    **same_names(amount, "discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total_tax"),
    **same_names(whole_number, "customer_id", "parent_id"),
    "date_created_gmt": Field("created_at", moment),
    "date_paid_gmt": Field("paid_at", moment),
    "date_completed_gmt": Field("completed_at", moment),
    "billing": Field("billing", object_of(ADDRESS), nested=True),
    "shipping": Field("shipping", object_of(ADDRESS), nested=True),
    "line_items": Field("line_items", list_of(line_item, essential=True), essential=True, nested=True),
    "tax_lines": Field("tax_lines", list_of(object_of(TAX_LINE)), nested=True),
    "shipping_lines": Field("shipping_lines", list_of(object_of(SHIPPING_LINE)), nested=True),
    "fee_lines": Field("fee_lines", list_of(object_of(FEE_LINE)), nested=True),
    "coupon_lines": Field("coupon_lines", list_of(object_of(COUPON_LINE)), nested=True),
    "refunds": Field("refunds", read_refunds, essential=True, nested=True),
}


@lru_cache(maxsize=64)
def _table(kept_meta: tuple[str, ...]) -> Table:
    """All fields of an order, for a store that keeps this meta data (`Store.order_meta`)."""
    return _ORDER | {"meta_data": order_meta(kept_meta)}


def read_order(message: Message, store: Store, received_at: datetime, cause: str) -> OrderUpdate | None:
    data, report = message.data, message.report
    path = FieldPath(report)
    known = identity(data, path, received_at)
    data = _without_blank_total(data, path)
    table = _table(store.order_meta)
    fields = read_fields(data, table, path)
    if "meta" in fields:
        fields["meta"] = first_entries(fields["meta"], path.at("meta_data"))
    _check_currency(fields, store, path)
    fields = leave_out_large(fields, table, path, message.size)
    report.check("The order is not valid.")
    status = fields.pop("status", None) or IMPLIED_STATUS.get(message.topic)
    if status in DRAFTS:
        return None
    _set_date(fields, data.get("date_created"), store, received_at, path)
    kind = kind_of(message.topic)
    return OrderUpdate(
        store=store.id,
        order_id=known["id"],
        kind=kind,
        cause=cause,
        received_at=received_at,
        modified_at=known.get("modified_at"),
        sequence=message.sequence,
        opening=bool(message.opening),
        live_since=store.live_since if message.opening is None else None,  # `opening` counts more than a date
        stock_taken_at=message.stock_taken_at,
        likely_taken_at=likely_taken_at(message, fields, known.get("modified_at")),
        fields=cast("OrderFields", fields),
        status=order_status(status) if status else None,
        initial_status=initial_status(kind),
        test_mode=first_meta(fields["meta"], "_wcpay_mode") == "test" if "meta" in fields else None,
        anonymized=is_anonymized(fields),
        replaces=message.replaces,
        erasures=store.erasures_of(fields.get("billing", {}).get("email", ""), fields.get("customer_id", 0)),
        named_fields=frozenset(message.data),
        warnings=report.warnings,
    )


def _without_blank_total(data: Document, path: FieldPath) -> Document:
    """The order without a blank `total`: what it costs is not said, which is another thing than 0."""
    if "total" not in data or not is_blank(data["total"]):
        return data
    path.left_out("total", "is blank")
    return {name: value for name, value in data.items() if name != "total"}


_ERASED_EMAIL = "deleted@site.invalid"
"""What WordPress writes for an e-mail address when a person's data is erased (wp_privacy_anonymize_data)."""


def is_anonymized(fields: Document) -> bool:
    """Whether the shop has erased the personal data of an order, as these fields of it say (`WC_Privacy_Erasers`)."""
    email = fields.get("billing", {}).get("email", "").strip().lower()
    return bool(email == _ERASED_EMAIL) or first_meta(fields.get("meta", ()), "_anonymized") == "yes"


def _set_date(fields: Document, local: Any, store: Store, received_at: datetime, path: FieldPath) -> None:
    """Set when the order was made, and on which day and in which hour of the shop; `local` is its date on the shop's
    clock. One that has not come yet is left out."""
    created_at = fields.pop("created_at", None) or local_moment(local, store)
    if created_at and created_at > received_at + MOST_AHEAD:
        path.left_out("date_created_gmt", "is more than a day after its arrival")
    elif created_at:
        fields["created_at"] = created_at
        fields["day"] = local_day(local, created_at, store)
        fields["hour"] = local_hour(local, created_at, store)


def _check_currency(fields: Document, store: Store, path: FieldPath) -> None:
    """Note a problem where an order's currency is none that exists, nor the one that was set for the store: what the
    order costs can't be known."""
    code = fields.get("currency")
    if code and code not in CURRENCIES and code != store.currency:
        path.problem("currency", _NO_CURRENCY.format(store=store.id))


_NO_CURRENCY = (
    "is no currency of ISO 4217, and none of WooCommerce's own. If the shop has made it up itself, run: pos-api store "
    "set {store} --currency CODE and then: pos-api replay --all"
)
