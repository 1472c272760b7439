"""A store that stops managing the stock of a product, and manages it again."""

from __future__ import annotations

from typing import Any, TypeAlias

from pos_api.catalogue.model import ProductDocument, ProductUpdate
from pos_api.common.quantity import whole
from pos_api.database.client import Db
from pos_api.events import StockChanged
from pos_api.stock import ledger
from pos_api.stock.model import stock_changed
from pos_api.stock.reserved import reserved_units
from pos_api.stock.store_sync import unsent_in_order

MANAGED_AGAIN = "managed_again"
"""The reason of a movement that brings a product's stock to the store's, which did not manage it for a while."""


Changes: TypeAlias = tuple[dict[str, Any], tuple[StockChanged, ...]]
"""What to set on a product, and the changes of stock that were made."""


def management_changes(db: Db, product: ProductDocument, update: ProductUpdate) -> Changes:
    """Expressions that note that the store has stopped managing the stock of a product that started with the store's,
    or manages it again. Then the ledger is brought to the store's stock here and now."""
    known, unmanaged = product.get("unmanaged_ids", ()), {"$ifNull": ["$unmanaged_ids", []]}
    this = {"$literal": [update.external_id]}
    if update.stock is None:
        stops = product.get("opening_store") == update.store and update.external_id not in known
        return ({"unmanaged_ids": {"$setUnion": [unmanaged, this]}} if stops else {}), ()
    if update.external_id not in known:
        return {}, ()
    opening, moved = restart_stock(db, product, update)
    restarted = {name: {"$literal": value} for name, value in opening.items()}
    return {**restarted, "unmanaged_ids": {"$setDifference": [unmanaged, this]}}, moved


def restart_stock(db: Db, product: ProductDocument, update: ProductUpdate) -> Changes:
    """Bring a product's stock to the store's, which manages it again: less what orders still pending hold here, which
    the store has not taken, and with what the store has still to be sent. The fields returned say which orders are from
    before. Run again, it moves nothing more."""
    assert update.stock is not None
    pending = reserved_units(db, update.store, product["_id"]).get(product["_id"], 0)
    unsent = sum(unsent_in_order(db, update.store, product["_id"]))
    note = f"the shop has {update.stock:g}" + (f", and pending orders hold {pending:g}" if pending else "")
    movement = ledger.move(
        db,
        product["_id"],
        None,
        count=whole(update.stock - pending + unsent),
        reason=MANAGED_AGAIN,
        cause=update.cause,
        note=note + (f", and {unsent:+g} are on their way to it" if unsent else ""),
        movement_id=f"{update.cause}:{product['_id']}",
        store=update.store,
    )
    opening = {
        "opening_store": update.store,
        "opening_stock_at": update.stock_read_at,
        "opening_last_order_id": update.last_order_id,
    }
    return opening, (stock_changed(movement, update.store),)
