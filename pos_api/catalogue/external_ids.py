"""A sender's ids of products."""

from __future__ import annotations

from pos_api.database.client import Document


def shop_id(line: Document) -> int:
    """The shop's id of a line's variation, else of its product; 0 where it has none."""
    return line.get("variation_id") or line.get("product_id") or 0
