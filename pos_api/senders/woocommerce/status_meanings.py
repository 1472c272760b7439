"""What the statuses of WooCommerce's orders mean: for stock, for figures, and whether an order is still open.

Stock is taken in on-hold, processing and completed alone (`wc_maybe_reduce_stock_levels`), given back in cancelled and
pending, and kept back for the buyer while an order is pending. What counts as a sale is what WooCommerce Analytics
counts (`woocommerce_excluded_report_order_statuses`). A status of a plugin (`shipped`, `quote`) changes no stock,
counts as a sale, and has nothing left to do.
"""

from __future__ import annotations

from pos_api.orders.model import Kind, Status

_KNOWN = {
    status.name: status
    for status in (
        Status("pending", "reserved", counts_as_sale=False, stage="open"),
        Status("on-hold", "taken", counts_as_sale=True, stage="open"),
        Status("processing", "taken", counts_as_sale=True, stage="open"),
        Status("completed", "taken", counts_as_sale=True, stage="completed"),
        Status("cancelled", "none", counts_as_sale=False, stage="cancelled"),
        Status("refunded", "none", counts_as_sale=True, stage="refunded"),
        Status("failed", "none", counts_as_sale=False, stage="closed"),
        Status("trash", "none", counts_as_sale=False, stage="deleted"),
    )
}
DRAFTS = frozenset({"checkout-draft", "auto-draft"})
"""Orders in these statuses are not stored."""
_KINDS: dict[str, Kind] = {"order.created": "created", "order.deleted": "deleted", "order.restored": "restored"}


def order_status(name: str) -> Status:
    """The status of this name and what it means."""
    return _KNOWN.get(name) or Status(name, "kept", counts_as_sale=True, stage="closed")


def initial_status(kind: Kind) -> Status:
    """The status of an order that comes without one and is not known yet."""
    return _KNOWN["trash" if kind == "deleted" else "pending"]


def kind_of(topic: str) -> Kind:
    """What a topic says of an order: `order.completed` and all others are changes."""
    return _KINDS.get(topic, "updated")
