"""What an order holds of each product, worked out from the order as it is stored. Pure: no database.

A shop may note on a line how many units it has taken for it (`reduced_stock`). A line that came with all that the shop
knows of it (`full`) says all that the shop holds: without `reduced_stock` the shop has taken nothing, or not yet. It
takes stock once for all lines of an order, in a status whose rule is `taken`, and keeps units back for the buyer in
one whose rule is `reserved` (see `model.Status`). So beside a line with `reduced_stock` one without it was passed over,
or added later: nothing is taken for it.
"""

from __future__ import annotations

from collections.abc import Callable

from pos_api.common.quantity import Quantity, whole
from pos_api.orders.model import Held, Order, StockRule
from pos_api.orders.parts import Line
from pos_api.orders.returns import not_returned


def held(order: Order) -> list[Held]:
    """What the order holds of each product (`[{"sku", "quantity"}]`): what its lines say that the shop has taken, where
    they say so; else the quantity ordered less what was returned, where the order's status holds stock."""
    units_of: dict[str, Quantity] = dict.fromkeys(order["opening"], 0)
    for line, units in zip(order["line_items"], line_units(order), strict=True):
        if sku := line.get("product"):
            units_of[sku] = whole(units_of.get(sku, 0) + units)
    return [{"sku": sku, "quantity": units} for sku, units in sorted(units_of.items())]


def line_units(order: Order) -> list[Quantity]:
    """What the order holds of each of its lines."""
    lines = order["line_items"]
    if all("reduced_stock" in line for line in lines):
        return [line["reduced_stock"] for line in lines]
    holds = _held_by_status(order)
    return [
        line["reduced_stock"] if "reduced_stock" in line else units if holds(line) else 0
        for line, units in zip(lines, not_returned(order), strict=True)
    ]


def taken(order: Order) -> list[Quantity]:
    """What of that the shop has taken from its stock: all, but not what is kept back for the buyer."""
    if order["stock_rule"] != "reserved":
        return line_units(order)
    return [line.get("reduced_stock", 0) for line in order["line_items"]]


def _held_by_status(order: Order) -> Callable[[Line], bool]:
    """A test whether a line without `reduced_stock` holds its units because of the order's status.

    Units gone before the POS started to count are followed by `reduced_stock` alone, and so are those of sub-orders and
    of what the shop keeps no stock of. An order that was deleted before it was paid holds nothing: the shop never took
    its units.
    """
    rule, opening = order["stock_rule"], frozenset(order["opening"])
    only_as_reduced, is_reduced = _held_as_reduced(order), _is_reduced(order)

    def holds(line: Line) -> bool:
        if line.get("product") in opening or only_as_reduced(line):
            return False
        if rule == "reserved":
            return "deleted_at" not in order
        if line.get("full"):
            return rule == "taken" and not is_reduced
        return rule != "none"

    return holds


def _is_reduced(order: Order) -> bool:
    """Whether the shop has taken stock for the order: it notes on each line what it took (`wc_reduce_stock_levels`)."""
    return any("reduced_stock" in line and line.get("full") for line in order["line_items"])


def _held_as_reduced(order: Order) -> Callable[[Line], bool]:
    """A test whether a line holds what `reduced_stock` says and nothing else, whatever the status: of two orders with
    the same lines, one of which is the other's sub-order, the shop takes the units once; and of a product whose stock
    it does not manage it takes none."""
    all_lines = "parent" in order or bool(order.get("suborders_hold"))
    unmanaged = frozenset(order.get("unmanaged", ()))
    return lambda line: all_lines or (bool(line.get("full")) and line.get("product") in unmanaged)


def lines_after_status(order: Order, old_rule: StockRule) -> list[Line]:
    """The lines after a change of status that came without lines, which makes their `reduced_stock` out of date.
    `old_rule` is the stock rule of the status before.

    An order that holds nothing now, or whose units are reserved, has none. One that held and still holds keeps it. One
    that comes to hold has the units that are not returned; a full line comes to hold only in a status in which the shop
    takes stock, and keeps in another one what it held there. Where the shop has taken stock for the order, it takes
    none again.
    """
    rule, lines = order["stock_rule"], order["line_items"]
    if rule in ("none", "reserved"):
        return [_without_reduced_stock(line) for line in lines]
    takes = "taken" in (rule, old_rule) and not (_is_reduced(order) and old_rule != "reserved")
    only_as_reduced = _held_as_reduced(order)
    return [
        {**line, "reduced_stock": units}
        if "reduced_stock" not in line and not only_as_reduced(line) and (takes or not line.get("full"))
        else line
        for line, units in zip(lines, not_returned(order), strict=True)
    ]


def _without_reduced_stock(line: Line) -> Line:
    line = line.copy()
    line.pop("reduced_stock", None)
    return line
