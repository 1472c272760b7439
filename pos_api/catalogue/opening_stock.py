"""Whether the stock that a product started with lacks an order's units already. No database is needed here."""

from __future__ import annotations

from datetime import datetime

from pos_api.catalogue.matching import KnownProduct
from pos_api.stock.opening import FirstMade, StockReduction, is_from_before, whole_second


def lacks_units_of(product: KnownProduct, store: str, reduction: StockReduction, first_made: FirstMade) -> bool:
    """Whether the stock that a product started with was this store's, and lacks the units of an order already."""
    if product.opening_store != store or product.opening_stock_at is None:
        return False
    first = first_made.get((store, whole_second(product.opening_stock_at)))
    last = product.opening_last_order_id
    return is_from_before(reduction, product.opening_stock_at, last_order_id=last, first_made=first)


def undecided_since(product: KnownProduct, store: str, reduction: StockReduction) -> datetime | None:
    """From which second on the store's orders have to be known to say whether the starting stock lacks the units of
    this one; None where its dates or the store say it."""
    if product.opening_store != store or product.opening_stock_at is None:
        return None
    if product.opening_last_order_id is not None or reduction.stock_taken_at is not None:
        return None
    dated_before = is_from_before(reduction, product.opening_stock_at)
    return whole_second(product.opening_stock_at) if dated_before else None
