"""Sending stock to the shops of stores, and how it fares, whatever their kind; WooCommerce's are the ones that can be
sent it, a store of another kind is refused."""

from __future__ import annotations

from pos_api.senders.woocommerce.reconcile.model import Side, StockDiscrepancy
from pos_api.senders.woocommerce.stock_sync.choices import SIDES, Choice, shown, write
from pos_api.senders.woocommerce.stock_sync.status import status
from pos_api.senders.woocommerce.stock_sync.switching import Switched, differences, switch_off, switch_on

__all__ = [
    "SIDES",
    "Choice",
    "Side",
    "StockDiscrepancy",
    "Switched",
    "differences",
    "shown",
    "status",
    "switch_off",
    "switch_on",
    "write",
]
