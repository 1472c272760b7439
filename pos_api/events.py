"""What happened: the events that a domain returns when it has applied a command.

An event's `id` is made of what it is about and of its revision there, so applying a command again gives the same ids
and makes no second event of one change. `type` is what subscribers choose by (`order.created`). Events hold only what
is needed to look the thing up, and no personal data but a customer's key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal, TypeAlias

from pos_api.common.quantity import Quantity, whole
from pos_api.common.time import milliseconds

OrderChange: TypeAlias = Literal["created", "updated", "completed", "cancelled", "refunded", "restored", "deleted"]
ProductChange: TypeAlias = Literal["created", "updated", "archived"]
CustomerChange: TypeAlias = Literal["created", "updated", "erased"]
PaymentChange: TypeAlias = Literal["completed", "refunded"]
CashSessionChange: TypeAlias = Literal["opened", "closed"]
SubscriptionChange: TypeAlias = Literal["created", "updated", "canceled"]


class Event(ABC):
    """One thing that happened. `at` is when it was noticed here."""

    __slots__ = ()
    at: datetime

    @property
    @abstractmethod
    def type(self) -> str:
        """Its name, of two parts: what it is about and what happened to it."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Its id, the same whenever the same thing is applied again."""

    @property
    @abstractmethod
    def resource(self) -> str:
        """What it is about: events about one resource are in order."""


@dataclass(frozen=True, slots=True)
class OrderChanged(Event):
    """A change was saved as an order's `revision` (1, 2, 3 …; a revision that only notes an arrival has no event).

    It is one or more of: `created`, `deleted` or `restored`; `completed`, `cancelled` or `refunded`, where the order
    came into that status or more of it was paid back, whose ids end in that word; `updated`, where it is none of these.
    """

    order: str
    """`store:order id`"""
    store: str
    revision: int
    change: OrderChange
    at: datetime

    @property
    def type(self) -> str:
        return f"order.{self.change}"

    @property
    def id(self) -> str:
        step = f"order:{self.order}:{self.revision}"
        return f"{step}:{self.change}" if self.change in ("completed", "cancelled", "refunded") else step

    @property
    def resource(self) -> str:
        return f"order:{self.order}"


@dataclass(frozen=True, slots=True)
class StockChanged(Event):
    """A movement of the stock ledger: number `seq` of a product, which took its stock from `before` to `after`.

    `sku` is the product's `_id`. `store` is the store whose order or product report moved it, None where a person did;
    `order` is that order. `cause` is an inbox entry's key, or a person.
    """

    sku: str
    seq: int
    before: Quantity
    after: Quantity
    reason: str
    cause: str
    at: datetime
    order: str | None = None
    store: str | None = None

    @property
    def quantity(self) -> Quantity:
        """The units moved: below zero they left the stock. 0 where only the holder changed."""
        return whole(self.after - self.before)

    @property
    def type(self) -> str:
        return "stock.changed"

    @property
    def id(self) -> str:
        return f"stock:{self.sku}:{self.seq}"

    @property
    def resource(self) -> str:
        return f"stock:{self.sku}"


@dataclass(frozen=True, slots=True)
class ProductChanged(Event):
    """A product was made, changed or archived. `version` is the time of the report, or of what a person did, in
    milliseconds. `sku` is the product's `_id`; `store` is None where a person did it."""

    sku: str
    version: int
    change: ProductChange
    at: datetime
    store: str | None = None

    @property
    def type(self) -> str:
        return f"product.{self.change}"

    @property
    def id(self) -> str:
        return f"product:{self.sku}:{self.version}"

    @property
    def resource(self) -> str:
        return f"product:{self.sku}"


@dataclass(frozen=True, slots=True)
class CustomerChanged(Event):
    """A customer's record was made, changed or erased. `customer` is the record's `_id`, often an e-mail address, or of
    an erased one the pseudonym; `version` as of a product. Ids show a digest of it, as they are kept and logged."""

    customer: str
    version: int
    change: CustomerChange
    at: datetime
    store: str | None = None

    @property
    def type(self) -> str:
        return f"customer.{self.change}"

    @property
    def id(self) -> str:
        return f"{self.resource}:{self.version}"

    @property
    def resource(self) -> str:
        return f"customer:{blake2b(self.customer.encode(), digest_size=12).hexdigest()}"


@dataclass(frozen=True, slots=True)
class PaymentChanged(Event):
    """A payment was completed, or more of it was paid back. `payment` is its `_id`. A payment is completed once; its
    `revision` distinguishes its refunds."""

    payment: str
    store: str
    revision: int
    change: PaymentChange
    at: datetime

    @property
    def type(self) -> str:
        return f"payment.{self.change}"

    @property
    def id(self) -> str:
        return f"payment:{self.payment}:{self.revision}:{self.change}"

    @property
    def resource(self) -> str:
        return f"payment:{self.payment}"


@dataclass(frozen=True, slots=True)
class CashSessionChanged(Event):
    """A till's cash session was opened or closed. `session` is its `_id`."""

    session: str
    store: str
    change: CashSessionChange
    at: datetime

    @property
    def type(self) -> str:
        return f"session.{self.change}"

    @property
    def id(self) -> str:
        return f"session:{self.session}:{self.change}"

    @property
    def resource(self) -> str:
        return f"session:{self.session}"


@dataclass(frozen=True, slots=True)
class SubscriptionChanged(Event):
    """A customer's subscription began, changed or ended. `subscription` is its `_id`."""

    subscription: str
    store: str
    revision: int
    change: SubscriptionChange
    at: datetime

    @property
    def type(self) -> str:
        return f"subscription.{self.change}"

    @property
    def id(self) -> str:
        return f"subscription:{self.subscription}:{self.revision}"

    @property
    def resource(self) -> str:
        return f"subscription:{self.subscription}"


@dataclass(frozen=True, slots=True)
class DeliveryParked(Event):
    """A delivery can't be used, or failed to the last attempt: since `at` it waits for people to look at it. `entry` is
    the inbox entry's key. One that is replayed and parked again is another event."""

    store: str
    entry: str
    at: datetime

    @property
    def type(self) -> str:
        return "delivery.parked"

    @property
    def id(self) -> str:
        return f"delivery:{self.entry}:{milliseconds(self.at)}"

    @property
    def resource(self) -> str:
        return f"delivery:{self.entry}"


@dataclass(frozen=True, slots=True)
class StoreSilent(Event):
    """Nothing has come from a store since `since`, which is longer than usual."""

    store: str
    since: datetime
    at: datetime

    @property
    def type(self) -> str:
        return "store.silent"

    @property
    def id(self) -> str:
        return f"silent:{self.store}:{self.since.isoformat()}"

    @property
    def resource(self) -> str:
        return f"store:{self.store}"


@dataclass(frozen=True, slots=True)
class StoreDrift(Event):
    """A comparison with a store found discrepancies; it was begun at `compared_at`."""

    store: str
    compared_at: datetime
    at: datetime

    @property
    def type(self) -> str:
        return "store.drift"

    @property
    def id(self) -> str:
        return f"drift:{self.store}:{self.compared_at.isoformat()}"

    @property
    def resource(self) -> str:
        return f"store:{self.store}"
