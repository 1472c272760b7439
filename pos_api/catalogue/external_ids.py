"""External ids: how a store's own id of a product is written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def external_id(store: str, number: int | str) -> str:
    """A store's own id of a product or variation, as it is kept here: `store:id`."""
    return f"{store}:{number}"


def number_of(external_id: str) -> str:
    """The id without its store."""
    return external_id.partition(":")[2]


def item_number(line: Mapping[str, Any]) -> int:
    """The store's own id of what a line sells: of its variation, else of its product; 0 where it has none."""
    number: int = line.get("variation_id") or line.get("product_id") or 0
    return number
