"""Which parts of an order are personal data, and which e-mail addresses a delivery names. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pos_api.database.client import Document
from pos_api.orders.meta import first_meta

_ERASED_EMAIL = "deleted@site.invalid"
"""What WordPress writes for an e-mail address when a person's data is erased (wp_privacy_anonymize_data)."""
_PERSONAL = ("billing", "shipping", "customer_note", "transaction_id", "order_key", "meta")
"""An order's fields that say who somebody is, or may: free text, and meta data, which plugins fill with anything."""
_ATTRIBUTE = "pa_"
"""How the key of a product's attribute begins (`pa_size`), which says what was bought and nothing of who bought it."""


def is_anonymized(fields: Mapping[str, Any]) -> bool:
    """Whether the shop has erased the personal data of an order, as these fields of it say (`WC_Privacy_Erasers`)."""
    email = fields.get("billing", {}).get("email", "").strip().lower()
    return bool(email == _ERASED_EMAIL) or first_meta(fields.get("meta", ()), "_anonymized") == "yes"


def without(order: Document) -> Document:
    """The order without personal data: with all that stock, money and figures need, and nothing that says who it was.

    Of a line's meta data the product's attributes stay; other meta may be what a customer wrote, such as an engraving.
    """
    kept = {name: value for name, value in order.items() if name not in _PERSONAL}
    if "customer_id" in kept:
        kept["customer_id"] = 0
    if "line_items" in kept:
        kept["line_items"] = [_line(line) for line in kept["line_items"]]
    if "refunds" in kept:
        kept["refunds"] = [
            {name: value for name, value in refund.items() if name != "reason"} for refund in kept["refunds"]
        ]
    if "warnings" in kept:
        kept["warnings"] = [each for each in kept["warnings"] if not _about_a_person(each)]
    return kept


def _line(line: Document) -> Document:
    if "meta" not in line:
        return line
    rest = {name: value for name, value in line.items() if name != "meta"}
    attributes = [entry for entry in line["meta"] if str(entry["key"]).startswith(_ATTRIBUTE)]
    return {**rest, "meta": attributes} if attributes else rest


def _about_a_person(warning: Document) -> bool:
    """Whether a warning is about a field that is not kept: nothing is left that it could be right about."""
    field = str(warning.get("values", {}).get("field", "")).partition(".")[0]
    return field in ("billing", "shipping", "customer_note", "transaction_id", "order_key", "meta_data", "customer_id")
