"""Rows of a shop, as REST v3 gives them: what is safe to use of objects that may be anything."""

from __future__ import annotations

from typing import Any, TypeAlias

from pos_api.common.value_limits import INT64_MAX
from pos_api.senders.values import visible

Row: TypeAlias = dict[str, Any]

_LONGEST_TEXT = 200


def is_id(value: Any) -> bool:
    """Whether it is a number that WordPress could give to a post."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= INT64_MAX


def has_id(row: Any) -> bool:
    """Whether it is an object of the shop, rather than an error among them: its id is a whole number from 1 on that a
    database can hold."""
    return isinstance(row, dict) and is_id(row.get("id"))


def id_of(row: Any) -> int:
    """The id of a row; 0 where it has none that can be used."""
    return int(row["id"]) if has_id(row) else 0


def shown_text(value: Any, most: int = _LONGEST_TEXT) -> str:
    """Text or a number of the shop as it may be shown and stored, at most `most` characters; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return visible(str(value))[:most]


def refunds_of(order: Row) -> list[Row]:
    """The refunds that an order names, as far as they have ids."""
    refunds = order.get("refunds") if isinstance(order, dict) else None
    return [refund for refund in refunds if has_id(refund)] if isinstance(refunds, list) else []


def named_after(product: Row, variation: Row) -> Row:
    """A variation as `/products/<variation>` gives it: named after its product, with the product's id. WooCommerce
    leaves out the attributes where there are three, or several of which one has a name of two words
    (`WC_Product_Variation_Data_Store_CPT::generate_product_title`)."""
    given = variation.get("attributes")
    attributes = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    options = ", ".join(str(each.get("option", "")) for each in attributes)
    of_two_words = any(set(" -") & set(str(each.get("name", ""))) for each in attributes)
    if len(attributes) > 2 or (len(attributes) > 1 and of_two_words):
        options = ""
    name = f"{product.get('name', '')} - {options}" if options else str(product.get("name", ""))
    return {**variation, "name": name, "parent_id": product["id"]}


def from_trash(order: Row) -> Row:
    """What still counts of an order in the trash: its lines and refunds, and the status it had before."""
    kept: Row = {name: order[name] for name in ("id", "line_items", "refunds") if name in order}
    meta = order.get("meta_data")
    for each in meta if isinstance(meta, list) else ():
        if isinstance(each, dict) and each.get("key") == "_wp_trash_meta_status":
            kept["status"] = each.get("value")
    return kept
