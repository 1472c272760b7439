"""What an order holds of each product, worked out from the order as it is stored. Pure: no database.

WooCommerce notes on a line how many units it has taken for it (`_reduced_stock`, here `reduced_stock`). A line that
came with its `meta_data` (`full`) says all that the shop holds: without `_reduced_stock` the shop has taken nothing, or
not yet. What it will take then follows from `wc-stock-functions.php`: stock is taken in the statuses of `TAKES`, once
for all lines of an order, and kept back for the buyer while an order is pending. So beside a line with `_reduced_stock`
one without it was passed over, or added later: nothing is taken for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pos_api.catalogue.external_ids import shop_id
from pos_api.common.quantity import Quantity, whole
from pos_api.database.client import Document

HOLDS_NOTHING = frozenset({"cancelled", "refunded", "failed", "trash"})
TAKES = frozenset({"on-hold", "processing", "completed"})
"""The statuses in which WooCommerce takes stock (`wc_maybe_reduce_stock_levels`)."""


def held(order: Document) -> list[Document]:
    """What the order holds of each product (`[{"sku", "quantity"}]`): what its lines say that the shop has taken, where
    they say so; else the quantity ordered less what was returned, where the order's status holds stock."""
    units_of: dict[str, Quantity] = dict.fromkeys(order["opening"], 0)
    for line, units in zip(order["line_items"], line_units(order), strict=True):
        if sku := line.get("product"):
            units_of[sku] = whole(units_of.get(sku, 0) + units)
    return [{"sku": sku, "quantity": units} for sku, units in sorted(units_of.items())]


def line_units(order: Document) -> list[Quantity]:
    """What the order holds of each of its lines."""
    lines = order["line_items"]
    if all("reduced_stock" in line for line in lines):
        return [line["reduced_stock"] for line in lines]
    holds = _held_by_status(order)
    return [
        line["reduced_stock"] if "reduced_stock" in line else units if holds(line) else 0
        for line, units in zip(lines, not_returned(order), strict=True)
    ]


def taken(order: Document) -> list[Quantity]:
    """What of that the shop has taken from its stock: all, but not what is kept back for the buyer."""
    if order["status"] != "pending":
        return line_units(order)
    return [line.get("reduced_stock", 0) for line in order["line_items"]]


def _held_by_status(order: Document) -> Callable[[Document], bool]:
    """A test whether a line without `reduced_stock` holds its units because of the order's status.

    Units gone before the POS started to count are followed by `reduced_stock` alone, and so are those of sub-orders and
    of what the shop keeps no stock of. An order that was deleted before it was paid holds nothing: the shop never took
    its units.
    """
    status, opening = order["status"], frozenset(order["opening"])
    only_as_reduced, is_reduced = _held_as_reduced(order), _is_reduced(order)

    def holds(line: Document) -> bool:
        if line.get("product") in opening or only_as_reduced(line):
            return False
        if status == "pending":
            return "deleted_at" not in order
        if line.get("full"):
            return status in TAKES and not is_reduced
        return status not in HOLDS_NOTHING

    return holds


def _is_reduced(order: Document) -> bool:
    """Whether the shop has taken stock for the order: it notes on each line what it took (`wc_reduce_stock_levels`)."""
    return any("reduced_stock" in line and line.get("full") for line in order["line_items"])


def _held_as_reduced(order: Document) -> Callable[[Document], bool]:
    """A test whether a line holds what `reduced_stock` says and nothing else, whatever the status: of two orders with
    the same lines, one of which is the other's sub-order, the shop takes the units once; and of a product whose stock
    it does not manage it takes none."""
    all_lines = "parent" in order or bool(order.get("suborders_hold"))
    unmanaged = frozenset(order.get("unmanaged", ()))
    return lambda line: all_lines or (bool(line.get("full")) and line.get("product") in unmanaged)


def after_status(order: Document, old_status: str) -> list[Document]:
    """The lines after a change of status that came without lines, which makes their `reduced_stock` out of date.

    An order that holds nothing now, or is pending, has none. One that held and still holds keeps it. One that comes to
    hold has the units that are not returned; a full line comes to hold only in a status in which the shop takes stock,
    and keeps in another one what it held there (`processing` to `shipped`). Where the shop has taken stock for the
    order, it takes none again.
    """
    status = order["status"]
    lines: list[Document] = order["line_items"]
    if status in HOLDS_NOTHING or status == "pending":
        return [{name: value for name, value in line.items() if name != "reduced_stock"} for line in lines]
    takes = (status in TAKES or old_status in TAKES) and not (_is_reduced(order) and old_status != "pending")
    only_as_reduced = _held_as_reduced(order)
    return [
        {**line, "reduced_stock": units}
        if "reduced_stock" not in line and not only_as_reduced(line) and (takes or not line.get("full"))
        else line
        for line, units in zip(lines, not_returned(order), strict=True)
    ]


# --- refunds ----------------------------------------------------------------------------------------------------


def not_returned(order: Document) -> list[Quantity]:
    """Of each line, the quantity ordered less what refund lines returned. A line below zero (an exchange) is refunded
    by units below zero; no refund takes more from a line than it has."""
    kept: list[Quantity] = [line["quantity"] for line in order["line_items"]]
    started: dict[tuple[int, bool], int] = {}
    for _, returned, meant in returns(order):
        if meant:
            _take_back(returned["quantity"], kept, meant, started)
    return kept


def _take_back(units: Quantity, kept: list[Quantity], meant: list[int], started: dict[tuple[int, bool], int]) -> None:
    """Take units from the lines that are `meant`, in their order, as far as they have any.

    What a line has only becomes less. So `started` remembers, for each list of lines and each sign, how many at its
    beginning have nothing left to take: all refund lines together cost no more than the lines that they mean.
    """
    taken_so_far = (id(meant), units > 0)
    start = started.get(taken_so_far, 0)
    while units and start < len(meant):
        number = meant[start]
        taken = min(units, kept[number]) if units > 0 else max(units, kept[number])
        if taken * units > 0:
            units, kept[number] = whole(units - taken), whole(kept[number] - taken)
        if units:
            start += 1
    started[taken_so_far] = start


def returns(order: Document) -> Iterator[tuple[Document, Document, list[int]]]:
    """The refund lines that return units, each with its refund and the places of the order's lines that it means: the
    one whose id it names (WooCommerce's `_refunded_item_id`); else those of its product id, else of its SKU. Where the
    line it names is no longer in the order, there is nothing to return."""
    refunds = [refund for refund in order.get("refunds", ()) if refund.get("line_items")]
    if not refunds:
        return
    meant = _places(order["line_items"])
    there = {0, *(line.get("id", 0) for line in order["line_items"])}
    for refund in refunds:
        for line in refund["line_items"]:
            item = line.get("line_item_id", 0)
            if line["quantity"] and item in there:
                yield refund, line, next((meant[name] for name in _names(line, item) if name in meant), [])


def _places(lines: list[Document]) -> dict[tuple[str, Any], list[int]]:
    """The places of the lines that a name means, where they are all of one product."""
    places: dict[tuple[str, Any], list[int]] = {}
    mixed: set[tuple[str, Any]] = set()
    for number, line in enumerate(lines):
        for name in _names(line, line.get("id", 0)):
            others = places.setdefault(name, [])
            if others and _product_of(lines[others[0]]) != _product_of(line):
                mixed.add(name)
            others.append(number)
    return {name: numbers for name, numbers in places.items() if name not in mixed}


def _names(line: Document, item: int) -> list[tuple[str, Any]]:
    """What a line is known by, the surest first."""
    names = (("id", item), ("product", shop_id(line)), ("sku", line.get("sku")))
    return [name for name in names if name[1]]


def _product_of(line: Document) -> str:
    return str(line.get("product", line["sku"]))
