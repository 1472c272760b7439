"""Orders as plain values: for the rules that need no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pos_api.catalogue.lookup import Catalogue, catalogue_of
from pos_api.catalogue.model import ProductDocument
from pos_api.common.quantity import Quantity
from pos_api.orders.merge import Change, decide, merge
from pos_api.orders.model import Order, OrderUpdate
from tests.factories import order_update

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds past noon."""
    return NOON + timedelta(seconds=seconds)


def goods(sku: str, quantity: Quantity = 1, reduced: Quantity | None = None, **more: Any) -> dict[str, Any]:
    """A line that came with all that the shop knows of it; `reduced` are the units that it has taken."""
    taken = {} if reduced is None else {"reduced_stock": reduced}
    return {"id": 1, "sku": sku, "quantity": quantity, "full": True, **taken, **more}


def bare(sku: str, quantity: Quantity = 1, **more: Any) -> dict[str, Any]:
    """A line of a sender that says nothing of the shop's stock."""
    return {"id": 1, "sku": sku, "quantity": quantity, **more}


def lines(*each: dict[str, Any]) -> list[dict[str, Any]]:
    """These lines, numbered from 1."""
    return [{**line, "id": number} for number, line in enumerate(each, 1)]


def update(seconds: float = 0, /, **said: Any) -> OrderUpdate:
    """What a sender says of an order at that moment: its `fields`, and by keyword the rest (`kind`, `sequence`, …)."""
    fields = said.pop("fields", {})
    return order_update(1, {**fields}, at(seconds), cause=said.pop("cause", f"entry at {seconds:g}"), **said)


def known(*skus: str, **more: Any) -> Catalogue:
    """A catalogue of products with these SKUs, made by staff: no shop has an id for them yet."""
    products = [{"_id": sku, "sku": sku, "skus": [sku], "seq": 1, "stock": 10, **more} for sku in skus]
    return catalogue_of(cast(list[ProductDocument], products))


def merged(*updates: OrderUpdate, catalogue: Catalogue | None = None) -> Order:
    """The order after these updates, each applied as the newest."""
    order: Order | None = None
    for each in updates:
        order = merge(order, each, known() if catalogue is None else catalogue)
    assert order is not None
    return order


def decided(before: Order | None, now: OrderUpdate, catalogue: Catalogue | None = None) -> Change:
    """What an update makes of a stored order."""
    return decide(now, before, known() if catalogue is None else catalogue)


def held(order: Order) -> dict[str, Quantity]:
    """The units that an order holds, by product."""
    return {each["sku"]: each["quantity"] for each in order["held"]}
