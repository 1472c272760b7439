"""Products and variations of WooCommerce's REST API v3 (`wc/v3/products`), and their deletion."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.model import ProductDeletion, ProductDetails, ProductUpdate
from pos_api.senders.fields import Field, FieldPath, as_list, list_of, read_fields, same_names
from pos_api.senders.values import (
    amount,
    is_blank,
    is_nothing,
    plain_text,
    sku,
    text,
    title,
    units,
    whole_number,
    yes_or_no,
)
from pos_api.senders.woocommerce.common_fields import identity
from pos_api.senders.woocommerce.messages import Message
from pos_api.senders.woocommerce.times import CLOCK_LEEWAY
from pos_api.stores.model import Store

_UNPUBLISHED = frozenset({"auto-draft", "draft", "pending", "future", "trash"})
"""Statuses of products that are not for sale; published and private ones are."""
_PRODUCT = {
    "sku": Field("sku", sku, essential=True),
    **same_names(title, "name"),
    "price": Field("price", lambda value: None if is_blank(value) else amount(value)),
    **same_names(whole_number, "parent_id"),
    "global_unique_id": Field("gtin", lambda value: text(plain_text(value).strip())),
    **same_names(text, "tax_class"),
    "images": Field("image_url", lambda value: _first_image(value)),
    "image": Field("image_url", lambda value: _image_url(value)),
    "categories": Field("categories", list_of(lambda value, path: _category(value)), nested=True),
    "manage_stock": Field("managed", lambda value: "parent" if value == "parent" else yes_or_no(value)),
}
_DETAILS = ("gtin", "image_url", "categories", "tax_class")


def _first_image(values: Any) -> str:
    """The address of the first of a product's `images`."""
    images = [] if is_nothing(values) else as_list(values)
    return _image_url(images[0]) if images else ""


def _image_url(value: Any) -> str:
    """The address of an image, as its `src` (a variation's `image`) or, as our plugin sends it, by itself."""
    address = plain_text(value.get("src") if isinstance(value, dict) else value).strip()
    if len(address) > _LONGEST_ADDRESS:
        raise ValueError(f"is longer than {_LONGEST_ADDRESS} characters")
    return address


_LONGEST_ADDRESS = 2_000


def _category(value: Any) -> str:
    return title(value.get("name") if isinstance(value, dict) else value)


_STOCK = {"stock_quantity": Field("stock", lambda value: 0 if is_blank(value) else units(value))}
"""Managed stock without a quantity is 0: WooCommerce adds the missing number as 0 before it takes from it
(`WC_Product_Data_Store_CPT::update_product_stock`)."""


def read_product(message: Message, store: Store, received_at: datetime, cause: str) -> ProductUpdate:
    data, report = message.data, message.report
    path = FieldPath(report)
    known = identity(data, path, received_at)
    fields = read_fields(data, _PRODUCT, path)
    if fields.get("managed") is True:
        fields |= read_fields(data, _STOCK, path)
    report.check("The product is not valid.")
    return ProductUpdate(
        store=store.id,
        external_id=external_id(store.id, known["id"]),
        parent_external_id=external_id(store.id, fields["parent_id"]) if fields.get("parent_id") else "",
        sku=fields.get("sku", ""),
        name=fields.get("name"),
        price=fields.get("price"),
        has_no_price="price" in fields and fields["price"] is None,
        stock=fields.get("stock"),
        shares_parent_stock=fields.get("managed") == "parent",
        modified_at=_known_at(message, known.get("modified_at") or received_at, received_at),
        stock_read_at=message.sent_at or received_at,
        cause=cause,
        seen_at=_seen_at(message, known.get("modified_at"), received_at),
        restored=message.topic == "product.restored",
        counts_by_arrival=message.native,
        details=cast(ProductDetails, {name: fields[name] for name in _DETAILS if name in fields}),
        warnings=report.warnings,
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


def read_product_deletion(message: Message, store: Store, received_at: datetime) -> ProductDeletion:
    """A product in the trash or deleted for good: `{"id": N}` under product.deleted, or one whose status is trash."""
    known = identity(message.data, FieldPath(message.report), received_at)
    message.report.check("The product is not valid.")
    at = message.sent_at
    if at is None and message.topic != "product.deleted":
        at = known.get("modified_at")
    return ProductDeletion(store.id, external_id(store.id, known["id"]), at, received_at)
