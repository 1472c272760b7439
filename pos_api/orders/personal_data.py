"""Which parts of an order are personal data. Pure: no database."""

from __future__ import annotations

from typing import cast

from pos_api.orders.model import Order, StoredWarning
from pos_api.orders.parts import Line, Refund

_PERSONAL = ("billing", "shipping", "customer_note", "transaction_id", "order_key", "meta")
"""An order's fields that say who somebody is, or may: free text, and meta data, which plugins fill with anything."""
_ATTRIBUTE = "pa_"
"""How the key of a product's attribute begins (`pa_size`), which says what was bought and nothing of who bought it."""


def without_personal_data(order: Order) -> Order:
    """The order with all that stock, money and figures need, and nothing that says who it was.

    Of a line's meta data the product's attributes stay; other meta may be what a customer wrote, such as an engraving.
    """
    kept = cast("Order", {name: value for name, value in order.items() if name not in _PERSONAL})
    if "customer_id" in kept:
        kept["customer_id"] = 0
    kept["line_items"] = [_line(line) for line in kept["line_items"]]
    if "refunds" in kept:
        kept["refunds"] = [_without_reason(refund) for refund in kept["refunds"]]
    kept["warnings"] = [each for each in kept["warnings"] if not _is_about_a_person(each)]
    return kept


def _line(line: Line) -> Line:
    if "meta" not in line:
        return line
    rest = line.copy()
    del rest["meta"]
    attributes = [entry for entry in line["meta"] if str(entry["key"]).startswith(_ATTRIBUTE)]
    return {**rest, "meta": attributes} if attributes else rest


def _without_reason(refund: Refund) -> Refund:
    refund = refund.copy()
    refund.pop("reason", None)
    return refund


def _is_about_a_person(warning: StoredWarning) -> bool:
    """Whether a warning is about a field that is not kept: nothing is left that it could be right about."""
    field = str(warning.get("values", {}).get("field", "")).partition(".")[0]
    return field in ("billing", "shipping", "customer_note", "transaction_id", "order_key", "meta_data", "customer_id")
