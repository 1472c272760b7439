"""Which entries of an order's own meta data are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pos_api.database.client import Document
from pos_api.senders.fields import Field, FieldPath
from pos_api.senders.woocommerce.meta import read_meta

NEEDED_META = ("_anonymized", "_wcpay_mode")
"""Of an order's own meta data, what is always kept: whether the shop has erased the person's data, and whether it was
paid in a payment provider's test mode."""


def kept_meta(meta: list[Document], more: tuple[str, ...]) -> list[Document]:
    """The entries that are kept."""
    is_kept = _is_kept(more)
    return [each for each in meta if is_kept(each["key"])]


def _is_kept(more: tuple[str, ...]) -> Callable[[str], bool]:
    """A test whether an entry of an order's meta data is kept, by its key: any plugin may put a birth date or a
    tracker's id there. `more` are keys, or with `*` at their end what keys begin with."""
    exact = {*NEEDED_META, *more}
    beginnings = tuple(each[:-1] for each in more if each.endswith("*"))
    return lambda key: key in exact or (bool(beginnings) and key.startswith(beginnings))


def order_meta(more: tuple[str, ...]) -> Field:
    """A field with an order's meta data, by key: from its order tables WooCommerce reads them in any order. `more` are
    the keys that are kept besides those that are needed (`Store.order_meta`)."""
    is_kept = _is_kept(more)

    def read(values: Any, path: FieldPath) -> list[Document]:
        return sorted(read_meta(values, path, is_kept), key=lambda meta: str(meta["key"]))

    return Field("meta", read, nested=True)
