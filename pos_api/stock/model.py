"""What the stock ledger is made of. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NotRequired, Required, TypedDict

from pos_api.common.quantity import Quantity, whole
from pos_api.events import StockChanged
from pos_api.outbox.model import Unpublished

_PERSON = "staff:"


class MovementMark(Unpublished):
    """The mark of a movement's event, with the store that caused the movement, None where a person did."""

    store: str | None


class UnsentMark(TypedDict):
    """A store that has still to be sent a movement."""

    store: str


SyncOutcome = Literal["applied", "not_managed", "unknown", "refused", "not_sold", "switched_off"]
"""What became of a movement at a store: its stock was changed; the store does not manage the stock of the product, does
not know it, or refused it (`message` says why); or, without being sent, the store does not sell the product, or its
stock sync was switched off before."""


class SentMark(TypedDict):
    """What became of a movement at a store, and when that was noted; `quantity` is the store's stock read after it."""

    store: str
    outcome: SyncOutcome
    at: datetime
    quantity: NotRequired[Quantity]
    message: NotRequired[str]


class StoredStockSync(TypedDict, total=False):
    """The state of a store's stock sync: whether it is `on`, `since` when, and how the sending fares."""

    _id: Required[str]
    """The store."""
    on: Required[bool]
    since: datetime
    """Movements made from then on are sent to the store."""
    aligned_at: datetime
    """When the stock here and in the store was last made equal, product by product; absent while that is not finished:
    it has to be done again then."""
    off_because: str
    """Why it was switched off by the service itself."""
    may_arrive_until: datetime
    """Until when the shop may do what it was sent before it was switched off."""
    holder: str
    lease_until: datetime
    """Which process sends to the store, and until when nobody else does; by the database's clock."""
    failures: int
    """Requests that failed since the last that was answered."""
    next_attempt_at: datetime
    last_error: str
    last_error_at: datetime
    last_applied_at: datetime
    plugin: str
    """The version of the plugin there."""


class StoredStockRefusal(TypedDict):
    """A product of which a store did not take a movement, until the two are in sync again. `_id` is `store:product`;
    `outcome`, `message` and `seq` are of the latest movement that was not taken."""

    _id: str
    store: str
    product: str
    outcome: SyncOutcome
    message: str
    seq: int
    at: datetime


class Movement(TypedDict):
    """A stored movement of a product's stock: `quantity` (signed) made it `balance`. It is number `seq` (1, 2, 3 …) of
    `sku`, the product's `_id`. `cause` is an inbox entry's key, or a person.

    An order's movement also has `order`, `n` (its nth for this product), `held` (the units the order holds after it)
    and `carried` (those of them that another product's stock lacks, see `Holding`; absent where none). One that a
    person made has a `note`; with an `_id` of its own it is made once. `unpublished` are its events that are not in the
    outbox yet, `unsent` the stores that have still to be sent it, `sent` what became of it at the others. A movement
    that changes only a store's stock (`quantity` is 0) has a `store_quantity`, the units for that store.
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
    unsent: NotRequired[list[UnsentMark]]
    sent: NotRequired[list[SentMark]]
    store_quantity: NotRequired[Quantity]
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
