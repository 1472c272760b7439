"""What a payment and a tab are: the stored documents, the commands that set them, and what became of these.

Pure: no database. Amounts are `Decimal128` in major units of their currency, times are aware and UTC.

A command has the whole state of its payment or tab, worked out from all that its store has reported about it so far
(`senders.base.Reported`). `sequence` counts these reports, so the command with the greater one knows more, and wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NotRequired, TypeAlias, TypedDict

from bson import Decimal128

from pos_api.common.money import ZERO
from pos_api.common.warning_messages import EventWarning
from pos_api.events import PaymentChange, PaymentChanged
from pos_api.outbox.model import Unpublished

if TYPE_CHECKING:
    from bson import Timestamp

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]

PaymentStatus: TypeAlias = Literal["completed", "partially_refunded", "refunded", "failed", "canceled", "unverified"]

PAID: frozenset[PaymentStatus] = frozenset(("completed", "partially_refunded", "refunded"))
"""The statuses of payments that were made; those of all others count nowhere."""


class PaymentStep(TypedDict):
    """What a save of a payment meant: which change, by which inbox entry, and in which `rev`."""

    change: PaymentChange
    cause: str
    rev: int


class Payment(TypedDict):
    """A stored payment: the fields of `PaymentUpdate`, and `rev`, raised by every save.
    * `_id` is `store:external id`;
    * `order` is the `_id` of the order that it pays, None while none is known; then `candidates` has those that it may
      mean as much as each other;
    * `order_names` are the id and number of the order that it was matched with;
    * `changes` has those that are events, the oldest first;
    * `search` has the words by which it is found;
    * `paid_at` is None where no time is known; lists are sorted by `listed_at`: that time, else of its first report;
    * `changed_at` is the server's time of the last save.
    """

    _id: str
    store: str
    external_id: str
    sequence: int
    rev: int
    status: PaymentStatus
    amount: Decimal128
    refunded: Decimal128
    tip: Decimal128
    currency: str
    method: str
    reference: str
    paid_at: datetime | None
    listed_at: datetime
    order: str | None
    wanted: list[str]
    search: list[str]
    changes: list[PaymentStep]
    changed_at: NotRequired[Timestamp]
    candidates: NotRequired[list[str]]
    order_names: NotRequired[list[str]]
    tab: NotRequired[str]
    method_is_assumed: NotRequired[bool]
    settles_debt: NotRequired[bool]
    reason: NotRequired[str]
    details: NotRequired[dict[str, str]]
    unpublished: NotRequired[list[Unpublished]]


@dataclass(frozen=True, slots=True)
class PaymentUpdate:
    """A payment as its store's reports say that it is.

    `amount` is all that was paid, `tip` the part of it that is a tip, `refunded` what was paid back. `method` is how it
    was paid (`card`, `cash`, `stripe` …), `reference` the provider's own name of it; blank where they are not known.
    `method_is_assumed` says that the method is the till's setting, not its report. `settles_debt` says that it pays
    what was sold on credit before, and not said for which sale. `reason` says why it failed, or why
    it is not verified. `details` has what a provider reports of it besides, by name, as people read it (the amount in a
    coin, and its rate).

    `order` is the `_id` of an order of the same store, where the payment is of one. Else `wanted` has the ways in which
    it names its order (`order_key_by_id`, `order_key_by_transaction`); it is matched with whichever order has one.
    """

    store: str
    external_id: str
    sequence: int
    cause: str
    received_at: datetime
    status: PaymentStatus
    amount: Decimal128
    currency: str
    refunded: Decimal128 = field(default_factory=lambda: ZERO)
    tip: Decimal128 = field(default_factory=lambda: ZERO)
    method: str = ""
    reference: str = ""
    paid_at: datetime | None = None
    order: str | None = None
    wanted: tuple[str, ...] = ()
    tab: str = ""
    method_is_assumed: bool = False
    settles_debt: bool = False
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The payment's `_id`."""
        return f"{self.store}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """What became of an update, the events that it caused, and the payment as it is stored now (None of a tab)."""

    outcome: Outcome
    warnings: tuple[EventWarning, ...] = ()
    events: tuple[PaymentChanged, ...] = ()
    payment: Payment | None = None


def order_key_by_id(store: str, name: str) -> str:
    """How a payment names an order of `store` by `name`, which is its id or its number."""
    return f"{store}:order:{name.strip().removeprefix('#')}"


def order_key_by_transaction(store: str, transaction: str) -> str:
    """How a payment names the order of `store` that carries this transaction id of the provider."""
    return f"{store}:transaction:{transaction.strip()}"


class Tab(TypedDict):
    """A stored tab: a bill of a table or a guest that stays open, for several orders and payments. `_id` is
    `store:external id`; the other fields are those of `TabUpdate`."""

    _id: str
    store: str
    external_id: str
    sequence: int
    state: str
    total: Decimal128 | None
    paid: Decimal128 | None
    tip: Decimal128 | None
    opened_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TabUpdate:
    """A tab as its store's reports say that it is: `state` is `open` or `closed`, or as its sender calls it; None where
    nothing is known. `warnings` are about what of the reports could not be read; they are not kept."""

    store: str
    external_id: str
    sequence: int
    state: str
    total: Decimal128 | None = None
    paid: Decimal128 | None = None
    tip: Decimal128 | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    warnings: tuple[EventWarning, ...] = ()

    @property
    def key(self) -> str:
        """The tab's `_id`."""
        return f"{self.store}:{self.external_id}"
