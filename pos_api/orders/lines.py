"""Matching an order's lines to products. Pure: no database; the catalogue is what was read before.

A line once matched keeps its product: one that is gone from the shop, or renamed, has another SKU on the line, or none.
What is unmatched once stays so for this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pos_api.catalogue.external_ids import external_id, item_number
from pos_api.catalogue.matching import KnownProduct, LineReference, line_reference
from pos_api.catalogue.opening_stock import lacks_units_of
from pos_api.common.quantity import Quantity, whole
from pos_api.common.value_limits import LIST_LIMIT
from pos_api.orders import holding
from pos_api.orders.model import Order, OrderUpdate
from pos_api.orders.opening import is_first_seen, is_from_before_live, stock_reduction
from pos_api.orders.parts import Line

if TYPE_CHECKING:
    from pos_api.catalogue.lookup import Catalogue
    from pos_api.stock.opening import StockReduction


def reference_of(store: str, line: Line) -> LineReference:
    """How a line names its product."""
    by_id = line.get("by_id", False)
    return line_reference(store, line["sku"], line.get("product_id", 0), line.get("variation_id", 0), by_id=by_id)


def match_lines(order: Order, before: Order | None, update: OrderUpdate, catalogue: Catalogue) -> None:
    """Set the product of each line of the merged order, and note on the order what was found out about its SKUs."""
    matching = _Matching.begin(order, before, update, catalogue)
    earlier = _by_unique_id(before["line_items"]) if before else {}
    unique = _by_unique_id(order["line_items"]) if earlier else {}
    lines = []
    for reported in order["line_items"]:
        number = reported.get("id", 0)
        lines.append(matching.matched(reported, earlier.get(number) if number in unique else None))
    order["line_items"] = lines
    matching.note_on(order)


@dataclass(slots=True)
class _Matching:
    """The matching of one order's lines, with what is noted on the order, as sets: it can have thousands of lines."""

    store: str
    catalogue: Catalogue
    first_seen: bool
    from_before: bool
    reduction: StockReduction
    opening: set[str]
    unmatched: set[str]
    without_stock: set[str]
    unmanaged: set[str]
    unlinked_before: frozenset[int]
    unlinked: set[int] = field(default_factory=set)

    @classmethod
    def begin(cls, order: Order, before: Order | None, update: OrderUpdate, catalogue: Catalogue) -> _Matching:
        first_seen = is_first_seen(before)
        reduction = stock_reduction(update, order["created_at"])
        return cls(
            order["store"],
            catalogue,
            first_seen,
            first_seen and is_from_before_live(update, reduction, catalogue.first_made),
            reduction,
            set(order["opening"]),
            set(order["unmatched"]),
            set(order.get("without_stock", ())),
            set(order.get("unmanaged", ())),
            frozenset(order.get("unlinked", ())),
        )

    def matched(self, reported: Line, earlier: Line | None) -> Line:
        """A line with its product, where it has one; `earlier` is the same line of the stored version."""
        if earlier and _is_another_product(reported, earlier):
            earlier = None
        line: Line = {**reported, "sku": reported["sku"] or (earlier["sku"] if earlier else "")}
        if earlier and "product" in earlier:
            line["product"] = earlier["product"]
        if (line["sku"] or line.get("by_id")) and not _is_kept(line, earlier):
            product = self._find_linked(line) if line.get("by_id") else self._find_product(line)
            if product and self.first_seen and self._was_counted(product):
                self.opening.add(product.id)
        self._note_management(line)
        return line

    def _was_counted(self, product: KnownProduct) -> bool:
        """Whether the stock that a product started with lacks the order's units already."""
        return self.from_before or lacks_units_of(product, self.store, self.reduction, self.catalogue.first_made)

    def _find_product(self, line: Line) -> KnownProduct | None:
        """Match a line, or note why it has no product."""
        sku, catalogue = line["sku"], self.catalogue
        if sku in self.without_stock:
            return None
        product = None
        if sku not in self.unmatched:
            product = catalogue.match(reference_of(self.store, line))
        if product:
            line["product"] = product.id
        elif "product" not in line:
            goods = catalogue.without_stock
            if not line.get("reduced_stock") and goods.include(reference_of(self.store, line)):
                self.unmatched.discard(sku)
                self.without_stock.add(sku)
            else:
                self.unmatched.add(sku)
        return product

    def _find_linked(self, line: Line) -> KnownProduct | None:
        """The product that the item of a line is linked to; that it is linked to none stays so for this order."""
        item = item_number(line)
        if not item:
            return None
        product = None if item in self.unlinked_before else self.catalogue.match(reference_of(self.store, line))
        if product:
            line["product"] = product.id
        else:
            self.unlinked.add(item)
        return product

    def _note_management(self, line: Line) -> None:
        """Where the shop does not manage a product's stock for now, it takes none for the order then nor later: it
        looks at an order's lines once."""
        product = self.catalogue.candidates.by_id(line["product"]) if "product" in line else None
        if product is None or not line.get("full") or "reduced_stock" in line:
            return
        if product.is_unmanaged(reference_of(self.store, line)):
            self.unmanaged.add(product.id)

    def note_on(self, order: Order) -> None:
        """Write what was found out on the order."""
        lines = order["line_items"]
        order["opening"] = _kept(self.opening, lines)
        order["unmatched"] = _kept(self.unmatched, lines)
        order.pop("without_stock", None)
        if without_stock := _kept(self.without_stock, lines):
            order["without_stock"] = without_stock
        order.pop("unmanaged", None)
        if unmanaged := _kept(self.unmanaged, lines):
            order["unmanaged"] = unmanaged
        order.pop("unlinked", None)
        if self.unlinked:
            order["unlinked"] = sorted(self.unlinked)


def _kept(skus: set[str], lines: list[Line]) -> list[str]:
    """Noted SKUs in order. Of an order that names ever other SKUs only those count that its lines have now."""
    return sorted(skus if len(skus) <= LIST_LIMIT else skus & set(skus_of(lines)))


def skus_of(lines: Iterable[Line]) -> list[str]:
    """The SKUs and products of these lines, each once, in order."""
    return sorted({sku for line in lines for sku in (line["sku"], line.get("product")) if sku})


def _is_another_product(line: Line, earlier: Line) -> bool:
    """Whether a line of the same id sells something else now. The shop goes on with the parent's id, and SKU, alone
    where it has deleted a line's variation: that is the same line."""
    if item_number(line) in (0, item_number(earlier)):
        return False
    lost_variation = earlier.get("variation_id") and not line.get("variation_id")
    return not (lost_variation and line.get("product_id") == earlier.get("product_id"))


def _is_kept(line: Line, earlier: Line | None) -> bool:
    """Whether a line keeps the product it was matched with: where the shop's id says so, or no id and no other SKU."""
    return earlier is not None and "product" in earlier and (item_number(line) > 0 or line["sku"] == earlier["sku"])


def _by_unique_id(lines: list[Line]) -> dict[int | str, Line]:
    """Lines by their ids. One that comes twice, or none, identifies nothing."""
    by_id: dict[int | str, Line] = {}
    twice: set[int | str] = {0}
    for line in lines:
        if by_id.setdefault(line.get("id", 0), line) is not line:
            twice.add(line.get("id", 0))
    return {number: line for number, line in by_id.items() if number not in twice}


# --- variations whose stock moved to their parent, or back ------------------------------------------------------


def follow_shared_stock(order: Order, before: Order, catalogue: Catalogue) -> None:
    """Match the lines of variations whose stock became their parent's, or their own again, with the product that has it
    now: that is where the shop gives back what it took from the other one."""
    moved = {
        number: product
        for number, line in enumerate(order["line_items"])
        if (product := _stock_moved_to(order["store"], line, catalogue))
    }
    if not moved:
        return
    taken = dict(zip((line.get("id", 0) for line in before["line_items"]), holding.taken(before), strict=True))
    carried = {each["sku"]: each["quantity"] for each in order.get("carried", ())}
    opening = set(order["opening"])
    lines = list(order["line_items"])
    for number, product in moved.items():
        line = lines[number]
        matched_before = line["product"]
        _carry(carried, matched_before, product.id, taken.get(line.get("id", 0), 0))
        if matched_before in opening:
            opening.add(product.id)
        lines[number] = {**line, "product": product.id}
    order["line_items"] = lines
    order["opening"] = sorted(opening)
    order["carried"] = [{"sku": sku, "quantity": units} for sku, units in sorted(carried.items()) if units]


def _stock_moved_to(store: str, line: Line, catalogue: Catalogue) -> KnownProduct | None:
    """The product that has the stock of a line's variation now, where it is not the one that the line has."""
    variation = line.get("variation_id")
    if "product" not in line or not variation:
        return None
    return catalogue.candidates.stock_moved_to(external_id(store, variation), line["product"])


def _carry(carried: dict[str, Quantity], from_product: str, to_product: str, units: Quantity) -> None:
    carried[to_product] = whole(carried.get(to_product, 0) + units)
    carried[from_product] = whole(carried.get(from_product, 0) - units)
