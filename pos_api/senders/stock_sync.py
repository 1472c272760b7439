"""Sending stock to the shops of stores, and how it fares, whatever their kind; WooCommerce's are the ones that can be
sent it, a store of another kind is refused."""

from __future__ import annotations

from pos_api.senders.woocommerce.kind import KIND
from pos_api.senders.woocommerce.reconcile.model import Side, StockDiscrepancy
from pos_api.senders.woocommerce.stock_sync.choices import SIDES, Choice, SideNeeded, shown, write
from pos_api.senders.woocommerce.stock_sync.status import status
from pos_api.senders.woocommerce.stock_sync.switching import Switched, differences, switch_off, switch_on
from pos_api.stores.model import Store

__all__ = [
    "SIDES",
    "Choice",
    "Side",
    "SideNeeded",
    "StockDiscrepancy",
    "Switched",
    "differences",
    "sent_to",
    "shown",
    "status",
    "switch_off",
    "switch_on",
    "write",
]


def sent_to(store: Store) -> bool:
    """Whether stock can be sent to a store: whether it is a shop."""
    return store.kind == KIND
