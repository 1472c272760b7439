"""A sender's ids of products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def shop_id(line: Mapping[str, Any]) -> int:
    """The shop's id of a line's variation, else of its product; 0 where it has none."""
    external_id: int = line.get("variation_id") or line.get("product_id") or 0
    return external_id
