"""What the catalogue keeps, what it is asked to apply, and what became of that. No database is needed here.

An **external id** is a store's own id of a product, written `store:id` (see `external_ids`). A product belongs to one
store, its owning store, whose name, price and other details it has; other stores may have ids and SKUs for it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NotRequired, Required, TypeAlias, TypedDict

from bson import Decimal128

from pos_api.common.quantity import Quantity
from pos_api.common.warning_messages import EventWarning
from pos_api.events import ProductChange, ProductChanged, StockChanged
from pos_api.outbox.model import Unpublished

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale", "ignored"]


class ProductDetails(TypedDict, total=False):
    """What is kept of a product for people and other systems: barcode (GTIN), address of the first image, names of its
    categories, tax class. In an update, those that the store reported."""

    gtin: str
    image_url: str
    categories: list[str]
    tax_class: str


class VariationOf(TypedDict):
    """Which of a product's external ids is a variation, and the external id of its parent."""

    id: str
    parent: str


class DeletedId(TypedDict):
    """An external id that its store has deleted: when; whose deletion it was, which for a variation may be its
    parent's (`because`); and the `synced_at` of the product then (`version`)."""

    id: str
    at: datetime
    because: str
    version: datetime | None


class ProductMark(Unpublished):
    """The mark of a product's event; without a `position` while somebody may change the product (see
    `product_events`). `store` is the store whose report it was, None for a person; `cause` names that report."""

    store: str | None
    was_archived: NotRequired[bool]
    cause: NotRequired[str | None]


class ProductDocument(ProductDetails, total=False):
    """A product as it is stored. Fields that are not required are absent where there is nothing to say."""

    _id: Required[str]
    """The SKU it was first known by. Its ledger stays under this name."""
    sku: Required[str]
    """The current SKU, or a placeholder where the SKU became another product's (see `skus.placeholder`)."""
    skus: Required[list[str]]
    """Current and former SKUs, and those of variations and of other stores; all of them find the product."""
    name: Required[str]
    price: Required[Decimal128 | None]
    stock: Required[Quantity]
    """The balance of the ledger's last movement, which has the number `seq`."""
    seq: Required[int]
    search: Required[list[str]]
    created_at: Required[datetime]
    low_stock_threshold: Quantity
    archived: bool
    archived_by: str
    """`shop`, where the product is archived because its stores have deleted it."""
    external_ids: list[str]
    """Several of one store where several of its products have this SKU."""
    unmanaged_ids: list[str]
    """Those external ids whose stock the store does not manage at the moment."""
    shared_stock_variations: dict[str, datetime]
    """External ids of variations whose stock is kept at this product, with the store's time of that report."""
    ids_with_shared_stock: list[str]
    """External ids under which this was a product of its own before its stock became its parent's."""
    stock_parent: str
    """The `_id` of that parent. It stays when the stock is the product's own again."""
    owning_store: str
    """Blank after that store was disconnected: the next to report the product owns it."""
    linked_at: dict[str, datetime]
    """By external id of other stores: the time of the report that said which product it is."""
    skus_of_other_stores: list[str]
    """Which of `skus` other stores gave, as `store:sku`."""
    synced_at: datetime
    """The owning store's time of the latest update."""
    opening_store: str
    """The store whose stock the product started with, when that was read there, and that store's last order then."""
    opening_stock_at: datetime
    opening_last_order_id: int | None
    variation_of: list[VariationOf]
    deleted_ids: list[DeletedId]
    version: int
    """Raised by every mark; its events have it in their ids and as their positions."""
    unpublished: list[ProductMark]


class GoodsWithoutStockDocument(TypedDict):
    """Goods that a store sells without keeping stock of them: `_id` is the external id, `at` the store's time of the
    latest report."""

    _id: str
    store: str
    sku: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ProductUpdate:
    """What a store reports about one product or variation."""

    store: str
    external_id: str
    parent_external_id: str
    """The product that this is a variation of; blank where it is none."""
    sku: str
    name: str | None
    price: Decimal128 | None
    """None says nothing, unless `has_no_price`: then nobody can buy it (`WC_Product::is_purchasable`)."""
    stock: Quantity | None
    """None where the store does not manage the stock, or keeps it at the parent."""
    shares_parent_stock: bool
    modified_at: datetime
    """The version of the product: its time of change."""
    stock_read_at: datetime
    seen_at: datetime
    """When the store had the product, as far as it says so."""
    cause: str
    """The key of the inbox entry."""
    restored: bool = False
    """It came back from the trash."""
    counts_by_arrival: bool = False
    """The delivery has no time of its own."""
    details: ProductDetails = field(default_factory=ProductDetails)
    warnings: tuple[EventWarning, ...] = ()
    published: bool = True
    """False for a draft, and for what is in the trash."""
    last_order_id: int | None = None
    """The store's last order when the stock was read, where it says so."""
    has_no_price: bool = False


@dataclass(frozen=True, slots=True)
class ProductDeletion:
    """A store has put a product or variation in the trash, or deleted it for good. `deleted_at` is None where the store
    did not say when: the deletion then counts as newer than all that arrived before."""

    store: str
    external_id: str
    deleted_at: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ItemUpdate:
    """What an ordering app reports of an item that it sells. The item has no SKU: staff link it to a product.

    `name`, `available` and `exists` (False: it was deleted there) are None where the report does not say it. Of each
    the latest report counts, by `at`. `warnings` are about what of the report could not be read.
    """

    store: str
    item: int
    at: datetime
    name: str | None = None
    available: bool | None = None
    exists: bool | None = None
    warnings: tuple[EventWarning, ...] = ()

    @property
    def key(self) -> str:
        """The item's `_id`, and how it is linked to a product."""
        return f"{self.store}:{self.item}"


class ItemDocument(TypedDict):
    """A stored item of an ordering app. `_id` is its external id; `name`, `available` and `exists` are there where they
    were reported, each with the time of the latest report of it (`…_at`); `rev` is raised by every save."""

    _id: str
    store: str
    item: int
    rev: int
    name: NotRequired[str]
    name_at: NotRequired[datetime]
    available: NotRequired[bool]
    available_at: NotRequired[datetime]
    exists: NotRequired[bool]
    exists_at: NotRequired[datetime]


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What became of an update or a deletion (`stale`: something newer is known; `ignored`: it concerns no product
    here), what people should know about it, and the events that it caused: at most one
    `ProductChanged` of each product, and the changes of stock."""

    outcome: Outcome
    warnings: tuple[EventWarning, ...] = ()
    events: tuple[ProductChanged | StockChanged, ...] = ()


def product_changed(
    product: str, change: ProductChange, version: datetime, at: datetime, store: str | None = None
) -> ProductChanged:
    """The event of a product (`_id`) that a store's report of this version, or a person (None), has changed."""
    return ProductChanged(product, int(version.timestamp() * 1000), change, at, store)


def owning_store(product: ProductDocument) -> str | None:
    """The store whose name, price and other details a product has; None where the next store to report it decides them:
    it was made by staff, or its store was disconnected."""
    return product.get("owning_store", product.get("opening_store")) or None


def is_owned_by_another_store(product: ProductDocument, store: str) -> bool:
    """Whether a product's details are another store's. Where that store has deleted it, they are anybody's."""
    owner = owning_store(product)
    if owner is None or owner == store:
        return False
    deleted = {each["id"] for each in product.get("deleted_ids", ())}
    ids = (*product.get("external_ids", ()), *product.get("ids_with_shared_stock", ()))
    return any(external_id not in deleted for external_id in ids_of_store(owner, ids))


def ids_of_store(store: str, external_ids: Iterable[str]) -> list[str]:
    """Those of these external ids that are this store's."""
    return [each for each in external_ids if each.startswith(f"{store}:")]


def details_of(product: ProductDocument) -> ProductDetails:
    """A stored product's details; blank where the store has none."""
    return {
        "gtin": product.get("gtin", ""),
        "image_url": product.get("image_url", ""),
        "categories": product.get("categories", []),
        "tax_class": product.get("tax_class", ""),
    }
