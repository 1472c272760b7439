"""What the service and the plugin exchange about stock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pos_api.common.quantity import Quantity

Outcome = Literal["applied", "already", "not_managed", "unknown", "refused", "retry"]
"""What the plugin made of an item: it changed the stock, had done so for an earlier request, does not manage the
product's stock, has no such product, refuses it, or wants it again later."""
OUTCOMES: Final[tuple[Outcome, ...]] = ("applied", "already", "not_managed", "unknown", "refused", "retry")

MOST_ITEMS = 100
"""Items of a request (`pos-sync/v1/stock`)."""
MOST_MOVEMENTS = 1_000
"""Movements asked for in a request (`pos-sync/v1/stock/movements`)."""


@dataclass(frozen=True, slots=True)
class Item:
    """A change of the stock of one of a shop's products. `movement` is the same whenever it is sent; by it the shop
    applies it once. Of a variation `product_id` is its parent, of any other product `variation_id` is 0."""

    movement: str
    product_id: int
    variation_id: int
    sku: str
    delta: Quantity
    reason: str

    def as_sent(self) -> Mapping[str, Any]:
        """As the request has it."""
        return {
            "movement": self.movement,
            "product_id": self.product_id,
            "variation_id": self.variation_id,
            "sku": self.sku,
            "delta": self.delta,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What a shop answered for an item; `quantity` is its stock after it, where it says so."""

    movement: str
    outcome: Outcome
    quantity: Quantity | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class MovementAtShop:
    """What a shop has noted of a movement. `outcome` is `retry` where it has not ended there."""

    movement: str
    outcome: Outcome
    delta: Quantity | None
    quantity: Quantity | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """The plugin of a shop that takes stock: its version, and by how many seconds the shop's clock is ahead (None: it
    does not give the time)."""

    version: str
    clock: float | None
