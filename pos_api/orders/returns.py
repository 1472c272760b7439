"""What the refunds of an order return of its lines, in units. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pos_api.catalogue.external_ids import item_number
from pos_api.common.quantity import Quantity, whole
from pos_api.orders.model import Order
from pos_api.orders.parts import Line, Refund, RefundLine

Name: TypeAlias = tuple[str, int | str | None]
"""What a line may be known by: `("id", 3)`, `("product", 17)`, `("sku", "TEE-S")`."""


def not_returned(order: Order) -> list[Quantity]:
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


def returns(order: Order) -> Iterator[tuple[Refund, RefundLine, list[int]]]:
    """The refund lines that return units, each with its refund and the places of the order's lines that it means: the
    one whose id it names; else those of its product id, else of its SKU. Where the
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


def _places(lines: list[Line]) -> dict[Name, list[int]]:
    """The places of the lines that a name means, where they are all of one product."""
    places: dict[Name, list[int]] = {}
    mixed: set[Name] = set()
    for number, line in enumerate(lines):
        for name in _names(line, line.get("id", 0)):
            others = places.setdefault(name, [])
            if others and _product_of(lines[others[0]]) != _product_of(line):
                mixed.add(name)
            others.append(number)
    return {name: numbers for name, numbers in places.items() if name not in mixed}


def _names(line: Line | RefundLine, item: int | str) -> list[Name]:
    """What a line is known by, the surest first."""
    names = (("id", item), ("product", item_number(line)), ("sku", line.get("sku")))
    return [name for name in names if name[1]]


def _product_of(line: Line) -> str:
    return line.get("product", line["sku"])
