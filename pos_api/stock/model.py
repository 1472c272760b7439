"""What the stock ledger is made of. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from pos_api.common.quantity import Quantity, whole
from pos_api.events import StockChanged
from pos_api.outbox.model import Unpublished

_PERSON = "staff:"


class MovementMark(Unpublished):
    """The mark of a movement's event, with the store that caused the movement, None where a person did."""

    store: str | None


class Movement(TypedDict):
    """A stored movement of a product's stock: `quantity` (signed) made it `balance`. It is number `seq` (1, 2, 3 …) of
    `sku`, the product's `_id`. `cause` is an inbox entry's key, or a person.

    An order's movement also has `order`, `n` (its nth for this product), `held` (the units the order holds after it)
    and `carried` (those of them that another product's stock lacks, see `Holding`; absent where none). One that a
    person made has a `note`; with an `_id` of its own it is made once. `unpublished` are its events that are not in the
    outbox yet.
    """

    sku: str
    seq: int
    quantity: Quantity
    balance: Quantity
    reason: str
    cause: str
    at: datetime
    order: NotRequired[str]
    n: NotRequired[int]
    held: NotRequired[Quantity]
    carried: NotRequired[Quantity]
    note: NotRequired[str]
    unpublished: NotRequired[list[MovementMark]]
    _id: NotRequired[Any]


@dataclass(slots=True)
class Balance:
    """A product's last known movement: its number and the stock after it."""

    seq: int
    stock: Quantity


@dataclass(frozen=True, slots=True)
class Holding:
    """What one version of an order holds: the ledger is brought to this by `settle`.

    `held` maps products to units. For products in `opening`, units first seen are contained in the opening stock
    already and move nothing. `fresh` says that no movement of this order can exist yet, which saves looking for them.

    `carried` are units that the order holds of one product and that were taken from another one's stock, as a
    variation's stock became its parent's, or its own again: +2 of the one, -2 of the other. To carry them moves
    nothing.
    """

    order: str
    held: Mapping[str, Quantity]
    opening: frozenset[str]
    cause: str
    fresh: bool = False
    carried: Mapping[str, Quantity] = field(default_factory=dict)


def stock_changed(movement: Movement, store: str | None = None) -> StockChanged:
    """The event that a movement is. `store` is the store whose product report caused it; an order's is in its id."""
    order = movement.get("order")
    return StockChanged(
        sku=movement["sku"],
        seq=movement["seq"],
        before=whole(movement["balance"] - movement["quantity"]),
        after=movement["balance"],
        reason=movement["reason"],
        cause=movement["cause"],
        at=movement["at"],
        order=order,
        store=order.partition(":")[0] if order else store,
    )


def is_event(movement: Movement) -> bool:
    """Whether a movement is an event: where it changed the stock, and where a product's ledger was opened with none."""
    return bool(movement["quantity"]) or (movement["reason"] == "opening" and "order" not in movement)


def cause_of(person: str) -> str:
    """A person as the cause of a movement; an inbox entry's key has no colon."""
    return _PERSON + person


def person_of(cause: str) -> str | None:
    """The person that a movement's cause is; None where it is an inbox entry."""
    return cause.removeprefix(_PERSON) if cause.startswith(_PERSON) else None
