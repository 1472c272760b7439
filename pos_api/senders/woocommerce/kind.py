"""Which stores are WooCommerce shops."""

from __future__ import annotations

from pos_api.errors import Invalid
from pos_api.stores.model import Store

KIND = "woocommerce"


def check_is_shop(store: Store) -> None:
    """Raises Invalid for a store of another kind: there is no WooCommerce to be read."""
    if store.kind != KIND:
        raise Invalid(f"{store.id!r} is no WooCommerce shop: its kind is {store.kind}.")
