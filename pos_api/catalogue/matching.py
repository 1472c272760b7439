"""Which product a line of an order is about. No database is needed here: `match` decides, `links` applies what the
decision shows (an id to link, a new SKU)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.model import ProductDocument, owning_store

MAX_OF_OTHER_STORES = 500
"""So many ids, and so many SKUs, other stores may have for one product."""


@dataclass(frozen=True, slots=True)
class KnownProduct:
    """A product as far as an order needs it. `reported` says that a store reported it by itself, not only by lines.
    Sets, as thousands of lines may be about one product that has thousands of ids. The other fields are those of
    `ProductDocument`."""

    id: str
    sku: str
    skus: frozenset[str]
    external_ids: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    """Those that have an id for it."""
    owning_store: str | None = None
    reported: bool = False
    unmanaged_ids: frozenset[str] = frozenset()
    shared_stock_variations: frozenset[str] = frozenset()
    stock_parent: str | None = None
    skus_of_other_stores: int = 0
    """How many there are."""
    opening_store: str | None = None
    opening_stock_at: datetime | None = None
    opening_last_order_id: int | None = None

    def is_unmanaged(self, line: LineReference) -> bool:
        """Whether the store does not manage the stock of what a line sells at the moment."""
        return line.external_id in self.unmanaged_ids or line.parent_external_id in self.unmanaged_ids


def known_product(document: ProductDocument) -> KnownProduct:
    """A stored product as orders need it."""
    external_ids = document.get("external_ids", ())
    return KnownProduct(
        id=document["_id"],
        sku=document["sku"],
        skus=frozenset(document["skus"]),
        external_ids=frozenset(external_ids),
        stores=frozenset([each.partition(":")[0] for each in external_ids]),
        owning_store=owning_store(document),
        reported="synced_at" in document,
        unmanaged_ids=frozenset(document.get("unmanaged_ids", ())),
        shared_stock_variations=frozenset(document.get("shared_stock_variations", ())),
        stock_parent=document.get("stock_parent"),
        skus_of_other_stores=len(document.get("skus_of_other_stores", ())),
        opening_store=document.get("opening_store"),
        opening_stock_at=document.get("opening_stock_at"),
        opening_last_order_id=document.get("opening_last_order_id"),
    )


class LineReference(NamedTuple):
    """How a line of an order names its product: the SKU; the external id of the variation, else of the product, blank
    where it has none; and of a variation its parent's (blank where it is none). `by_id` where the external id alone
    decides. One is made for each line, so it is a tuple."""

    store: str
    sku: str
    external_id: str = ""
    parent_external_id: str = ""
    by_id: bool = False


def line_reference(
    store: str, sku: str, product_id: int, variation_id: int = 0, *, by_id: bool = False
) -> LineReference:
    """The reference of a line with these ids of the store; 0 is none."""
    if by_id:
        return LineReference(store, "", external_id(store, product_id) if product_id else "", by_id=True)
    if variation_id:
        return LineReference(store, sku, external_id(store, variation_id), external_id(store, product_id))
    return LineReference(store, sku, external_id(store, product_id) if product_id else "")


class Candidates:
    """Products that lines may be about, by `_id`, by every SKU and by every external id."""

    def __init__(self, products: Iterable[KnownProduct] = ()) -> None:
        self._by_id: dict[str, KnownProduct] = {}
        self._by_sku: dict[str, KnownProduct] = {}
        self._by_external_id: dict[str, KnownProduct] = {}
        self._by_shared_stock: dict[str, KnownProduct] = {}
        for product in products:
            self.put(product)

    def put(self, product: KnownProduct) -> None:
        """Add a product, or put its newer state in place of the one that is there."""
        self._by_id[product.id] = product
        for variation in product.shared_stock_variations:
            self._by_shared_stock[variation] = product
        for sku in product.skus:
            self._by_sku[sku] = product
        for each in product.external_ids:
            self._by_external_id[each] = product

    def current_skus(self) -> dict[str, str]:
        """The current SKU of each product, by `_id`."""
        return {product.id: product.sku for product in self._by_id.values()}

    def by_id(self, product: str) -> KnownProduct | None:
        """The product with this `_id`."""
        return self._by_id.get(product)

    def by_sku(self, sku: str) -> KnownProduct | None:
        """The product that has, or had, this SKU."""
        return self._by_sku.get(sku)

    def by_external_id(self, external_id: str) -> KnownProduct | None:
        """The product that has this external id."""
        return self._by_external_id.get(external_id)

    def likely(self, line: LineReference) -> KnownProduct | None:
        """The product that has a line's external id, or else its SKU."""
        return self._by_external_id.get(line.external_id) or self._by_sku.get(line.sku)

    def has(self, line: LineReference) -> bool:
        """Whether a line's external id or SKU is a product's. Where it is a former SKU, it may be another product's by
        now."""
        if line.external_id in self._by_external_id:
            return True
        by_sku = self._by_sku.get(line.sku)
        return by_sku is not None and by_sku.sku == line.sku

    def stock_moved_to(self, variation: str, matched: str) -> KnownProduct | None:
        """The product that keeps the stock of a variation (an external id) now, where it is not the one (`_id`) that
        its line was matched with: its parent, since the stock is the parent's, or its own again."""
        if parent := self._by_shared_stock.get(variation):
            return parent if parent.id != matched else None
        own = self._by_external_id.get(variation)
        return own if own and own.stock_parent == matched else None


@dataclass(frozen=True, slots=True)
class NewExternalId:
    """A line showed the external id that its store has for a product."""

    product: str
    store: str
    external_id: str


@dataclass(frozen=True, slots=True)
class NewSku:
    """A line showed that its store has another SKU for a product. The product is renamed (`renames`), or, where it is
    another store's, found by one SKU more."""

    product: str
    store: str
    sku: str
    renames: bool


Discovery: TypeAlias = NewExternalId | NewSku


class Match(NamedTuple):
    """The product of a line, None where none is known; and what the line shows about it."""

    product: KnownProduct | None
    discovery: Discovery | None = None


_NONE = Match(None)


def match(line: LineReference, candidates: Candidates) -> Match:
    """The product of a line, by its SKU and the store's id.

    A known id with a SKU that is unknown, or a former one of another product, means that the store renamed the product.
    Where the two name different products, the id is right if a store reported that product by itself; else it is a
    careless sender's, and the SKU is right. A blank SKU is never matched. A line `by_id` is of the product that staff
    linked its item to, and shows nothing about it.
    """
    if line.by_id:
        linked = candidates.by_external_id(line.external_id)
        return Match(linked) if linked else _NONE
    if not line.sku:
        return _NONE
    by_id = candidates.by_external_id(line.external_id)
    by_sku = candidates.by_sku(line.sku)
    if by_id is not None:
        return _match_known_id(line, by_id, by_sku)
    if by_sku is None or _is_former_sku_of_another(line, by_sku):
        return _NONE
    if line.external_id and line.store not in by_sku.stores and _is_own_sku(line, by_sku, candidates):
        return Match(by_sku, NewExternalId(by_sku.id, line.store, line.external_id))
    return Match(by_sku)


def _match_known_id(line: LineReference, by_id: KnownProduct, by_sku: KnownProduct | None) -> Match:
    if by_sku is not None:
        return Match(by_id if by_id.reported or by_sku.sku != line.sku else by_sku)
    if by_id.owning_store in (None, line.store):
        return Match(by_id, NewSku(by_id.id, line.store, line.sku, renames=True))
    if by_id.skus_of_other_stores >= MAX_OF_OTHER_STORES:
        return Match(by_id)
    return Match(by_id, NewSku(by_id.id, line.store, line.sku, renames=False))


def _is_former_sku_of_another(line: LineReference, product: KnownProduct) -> bool:
    """Whether `product` went by the line's SKU before, and the line can't be about it: the store has another id for
    it."""
    if product.sku == line.sku or not product.reported or not line.external_id:
        return False
    named = (line.external_id, line.parent_external_id)
    return line.store in product.stores and product.external_ids.isdisjoint(named)


def _is_own_sku(line: LineReference, product: KnownProduct, candidates: Candidates) -> bool:
    """Whether the SKU by which `product` was found is surely that of the line's id. A variation without a SKU of its
    own shows its parent's (`WC_Product_Variation::get_sku`), so a variation's is sure only where its parent is known
    under another one."""
    if not line.parent_external_id:
        return True
    parent = candidates.by_external_id(line.parent_external_id)
    return parent is not None and parent.id != product.id
