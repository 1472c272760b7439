"""Warnings in the reader's language, by their codes (`common.warning_messages`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pos_api.common.warning_messages import EventWarning, from_stored
from pos_api.web.dashboard.languages import _


def in_words(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """The sentences of warnings that are kept with an order or an inbox entry. One whose code or values are not known,
    such as one of an earlier version, stays as it was written."""
    known = sentences()
    return [_sentence(each, known) for each in from_stored(warnings)]


def _sentence(warning: EventWarning, known: Mapping[str, str]) -> str:
    try:
        return known[warning.code].format_map(warning.values)
    except KeyError:
        return warning.message


def sentences() -> dict[str, str]:
    """The sentence of each code, with its values' names in braces."""
    return {
        "unknown_sku": _("SKU {sku} is unknown here; this order does not move its stock."),
        "unlinked_item": _("Item {item} is linked to no product here; this order does not move its stock."),
        "unclear_refund_line": _(
            "Refund {refund} returns {quantity} of {line}, which is no line of this order, or several; its stock is "
            "not moved."
        ),
        "product_without_sku": _("The product has no SKU, so its stock can't be kept."),
        "stock_not_managed": _("The shop does not manage the stock of {sku}, so there is none to start with."),
        "shared_sku": _("SKU {sku} is shared with another product of the shop."),
        "sku_of_several": _(
            "SKU {sku} is that of products {ids} of the shop, which are one product with one stock here."
        ),
        "not_published": _("{sku} is not published yet; it starts with the stock it is published with."),
        "unknown_parent": _("The stock of {sku} is that of product {parent}, which is not known here."),
        "field_left_out": _("The field {field} could not be read and is left out: {problem}."),
        "field_shortened": _("The field {field} is longer than {limit} characters; only so many are kept."),
        "characters_replaced": _("The field {field} had characters that can't be stored; they are replaced."),
        "payment_names_several_orders": _(
            "The payment names {orders} in the same way, so it is matched with none of them."
        ),
        "line_without_sku": _("Line {line}, {name}, has no product code; this order does not move its stock."),
        "reported_differently": _("It was reported with {count} different contents; the newest counts."),
        "waits_for_rest": _(
            "It is kept, and applied when the rest comes: what it belongs to has not been reported yet."
        ),
        "sku_taken": _("SKU {sku} was another product's, which is {product} until it has a new one."),
    }
