"""Shops that have an API which this service reads, and a plugin that sends to it, whatever their kind; WooCommerce's
are the ones that have. A store of another kind is refused."""

from __future__ import annotations

from pos_api.senders.woocommerce.connection import address_of, connect, connected, disconnect, test
from pos_api.senders.woocommerce.kind import KIND, check_is_shop
from pos_api.senders.woocommerce.plugin_package import Package, is_here, package
from pos_api.senders.woocommerce.setup_line import setup_line
from pos_api.stores.model import Store

__all__ = [
    "Package",
    "address_of",
    "check_is_shop",
    "connect",
    "connected",
    "disconnect",
    "is_here",
    "is_shop",
    "package",
    "setup_line",
    "test",
]


def is_shop(store: Store) -> bool:
    """Whether a store is such a shop."""
    return store.kind == KIND
