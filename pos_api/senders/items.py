"""Which stores have items that staff link to products."""

from __future__ import annotations

from pos_api.errors import Conflict, NotFound
from pos_api.senders.karma.kind import KIND as KARMA
from pos_api.stores.model import Store
from pos_api.stores.registry import Stores

_KINDS = frozenset({KARMA})
"""The kinds of stores whose orders name what they are about by ids alone; those of others name SKUs."""


def has_items(store: Store) -> bool:
    """Whether a store's products are items that staff link."""
    return store.kind in _KINDS


def store_with_items(stores: Stores, name: str) -> Store:
    """The store of this name. Raises NotFound, and Conflict where its products are found by their SKUs."""
    store = next((each for each in stores.all() if each.id == name), None)
    if store is None:
        raise NotFound(f"There is no store {name!r}.")
    if not has_items(store):
        raise Conflict(f"{name!r} names its products by their SKUs, so no item of it is linked.")
    return store
