"""What stores report about products, for the tests of what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bson import Decimal128

from pos_api.catalogue import apply
from pos_api.catalogue.external_ids import external_id
from pos_api.catalogue.lookup import lookup
from pos_api.catalogue.matching import line_reference
from pos_api.catalogue.model import ProductUpdate
from pos_api.common.warning_messages import EventWarning
from pos_api.database.client import Db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def reported(
    shop_id: int,
    sku: str,
    minutes: int = 0,
    *,
    units: int | None = 10,
    name: str | None = None,
    store: str = "default",
    parent_id: int = 0,
    shared: bool = False,
    published: bool = True,
) -> ProductUpdate:
    """What a shop says about a product so many minutes after noon."""
    at = NOON + timedelta(minutes=minutes)
    return ProductUpdate(
        store=store,
        external_id=external_id(store, shop_id),
        parent_external_id=external_id(store, parent_id) if parent_id else "",
        sku=sku,
        name=name or f"Product {shop_id}",
        price=Decimal128("9.00"),
        stock=None if shared else units,
        shares_parent_stock=shared,
        modified_at=at,
        stock_read_at=at,
        seen_at=at,
        cause=f"{shop_id}{sku}{minutes}".ljust(64, "0"),
        published=published,
    )


def applied(db: Db, update: ProductUpdate) -> tuple[str, list[EventWarning]]:
    """The outcome and the warnings of an update."""
    result = apply.apply(db, update)
    return result.outcome, list(result.warnings)


def line(db: Db, sku: str, shop_id: int, store: str = "default") -> str | None:
    """The `_id` of the product that an order's line is about, as an order finds and links it."""
    catalogue = lookup(db, [sku], [external_id(store, shop_id)])
    product = catalogue.match(line_reference(store, sku, shop_id))
    catalogue.links.write(db)
    return product.id if product else None
