"""What people should know about an order. Pure: no database."""

from __future__ import annotations

from itertools import islice
from typing import cast

from pos_api.catalogue.external_ids import item_number
from pos_api.common.warning_messages import EventWarning, warn
from pos_api.orders.model import Order, OrderUpdate, StoredWarning
from pos_api.orders.returns import returns

_MOST_WARNINGS = 200
"""So many of one code an order has: nobody reads more of them, and `unmatched` has all unknown SKUs."""


def warnings_of(order: Order, before: Order | None, update: OrderUpdate) -> list[StoredWarning]:
    """The warnings of the merged order, in stored form."""
    found = [warn("unknown_sku", sku=sku) for sku in order["unmatched"][:_MOST_WARNINGS]]
    found += [warn("unlinked_item", item=item) for item in order.get("unlinked", ())[:_MOST_WARNINGS]]
    found += _unclear_refunds(order)
    return [*(_stored(each) for each in found), *_field_warnings(before, update)]


def _unclear_refunds(order: Order) -> list[EventWarning]:
    """Refund lines that could be of any line, where what is held depends on them."""
    if not any("product" in line and "reduced_stock" not in line for line in order["line_items"]):
        return []
    unclear = (
        warn(
            "unclear_refund_line",
            refund=refund.get("id", ""),
            quantity=line["quantity"],
            line=line.get("sku") or item_number(line) or "no name",
        )
        for refund, line, meant in returns(order)
        if not meant
    )
    return list(islice(unclear, _MOST_WARNINGS))


def _field_warnings(before: Order | None, update: OrderUpdate) -> list[StoredWarning]:
    """What was odd about fields of this version, and of earlier ones about fields that this one does not have."""
    newer = {*update.named_fields, "envelope"}
    earlier = [
        each
        for each in (before["warnings"] if before else ())
        if (name := str(each["values"].get("field", "")).partition(".")[0]) and name not in newer
    ]
    return earlier + [_stored(each) for each in update.warnings]


def _stored(warning: EventWarning) -> StoredWarning:
    return cast("StoredWarning", warning.stored())
