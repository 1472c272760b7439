"""What a viewer is shown of an order: what was sold, when, for how much, and what became of it; nothing that says who
bought it. A field that is not named here is not shown, so a new one is hidden until somebody decides otherwise.

Of customers a viewer is shown nothing. What was chosen or written for a line (`meta`: size, toppings, an engraving) is
part of the goods and shown.
"""

from __future__ import annotations

from pos_api.database.client import Document

_ORDER = frozenset(
    {
        *("id", "store", "order_id", "parent_id", "number", "status", "created_via", "sequence", "test_mode"),
        *("created_at", "day", "modified_at", "paid_at", "completed_at", "deleted_at", "erased_at", "status_history"),
        *("currency", "total", "total_tax", "cart_tax", "shipping_total", "shipping_tax"),
        *("discount_total", "discount_tax", "prices_include_tax", "payment_method", "payment_method_title"),
        *("line_items", "tax_lines", "shipping_lines", "fee_lines", "coupon_lines", "refunds"),
        *("held", "opening", "unmatched", "without_stock", "movements", "warnings"),
    }
)
_REFUND = frozenset({"id", "amount", "created_at", "line_items"})


def order(document: Document) -> Document:
    """The part of an order (as `order_list` gives it) that viewers are shown."""
    shown = {name: value for name, value in document.items() if name in _ORDER}
    if "refunds" in shown:
        shown["refunds"] = [
            {name: value for name, value in refund.items() if name in _REFUND} for refund in shown["refunds"]
        ]
    return shown
