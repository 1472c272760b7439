"""What a store has reported about one thing, as a sender needs it whose deliveries do not have the whole of it.

A till says first that a sale was made and later that it was voided; an app sends the changed fields of an order; a
provider sends a payment, its refund and its receipt, in any order and more than once. Such a sender translates a
delivery to a `Report`. Reports are kept, and from all that are known of one thing the sender works out what it is: by
a function of these reports alone. So the same reports give the same end, in whatever order they arrive, and however
often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from bson import Decimal128

from pos_api.cash.model import CashMovementUpdate, CashSessionUpdate
from pos_api.catalogue.model import ProductUpdate
from pos_api.orders.model import OrderUpdate
from pos_api.payments.model import PaymentUpdate, TabUpdate
from pos_api.subscriptions.model import SubscriptionUpdate


@dataclass(frozen=True, slots=True)
class LookUp:
    """The command to look `thing` up at its store's provider. What the provider answers is a report about the thing,
    too (`senders.lookups`)."""

    store: str
    thing: str

    @property
    def key(self) -> str:
        """What its thing is known by among those of all stores."""
        return f"{self.store}:{self.thing}"


StateCommand: TypeAlias = (
    OrderUpdate
    | PaymentUpdate
    | TabUpdate
    | CashSessionUpdate
    | CashMovementUpdate
    | SubscriptionUpdate
    | ProductUpdate
    | LookUp
)
"""What reports can be put together to: the whole state of a thing, and what has to be looked up to know more."""


@dataclass(frozen=True, slots=True)
class KnownReport:
    """A report that is kept. `name` is the sender's name of what it reports (`completed`), and with it `content` makes
    its `id`. `at` is when it happened, by the sender's clock, and `received_at` when it first arrived; `cause` is the
    key of the inbox entry that brought it first. `personal` has data of persons: only of the report at hand, as it is
    kept nowhere but in its inbox entry."""

    id: str
    name: str
    content: Mapping[str, Any]
    at: datetime | None
    received_at: datetime
    cause: str
    personal: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def moment(self) -> datetime:
        """When it happened; where that was not said, when it arrived."""
        return self.at or self.received_at


@dataclass(frozen=True, slots=True)
class Reported:
    """All that a store has reported about one thing, those of the earliest `moment` first. `sequence` counts them, and
    is the `sequence` of the commands that they give. `cause` and `received_at` are those of the delivery at hand, which
    is `retried` where it may have been applied before: a replay, or one that a crash interrupted."""

    reports: Sequence[KnownReport]
    sequence: int
    cause: str
    received_at: datetime
    retried: bool = False

    def named(self, *names: str) -> list[KnownReport]:
        """The reports of these names."""
        return [each for each in self.reports if each.name in names]


@dataclass(frozen=True, slots=True)
class State:
    """What reports come to: the commands that set it, and the ids of reports that can't be used, each with the reason;
    their deliveries are parked. `dropped` are the ids of those that are kept no longer once that is done, so that there
    is room for others: without them the rest comes to the same."""

    commands: Sequence[StateCommand] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)
    dropped: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The command to keep a report about `thing` (the store's name of it, with what it is: `sale:42`), and to apply
    what all reports about it come to by `put_together`. The same `name` and `content` again is the same report.
    `content` has values that the database can keep, and no data of persons; that is in `personal`. Where there are
    `most` about its thing already, it can't be used; without it, there may be as many as are kept of anything."""

    store: str
    thing: str
    name: str
    content: Mapping[str, Any]
    at: datetime | None
    received_at: datetime
    cause: str
    put_together: Callable[[Reported], State]
    personal: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retried: bool = False
    most: int | None = None

    @property
    def key(self) -> str:
        """What its thing is known by among those of all stores."""
        return f"{self.store}:{self.thing}"

    @property
    def id(self) -> str:
        """The report's id among those about its thing."""
        return f"{self.name}:{hashlib.sha256(canonical(self.content).encode()).hexdigest()[:24]}"


def canonical(value: Any) -> str:
    """The value as text that is the same for equal values: whatever the order of fields, and for 1.0 and 1.00."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name!r}:{canonical(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(canonical(each) for each in value)}]"
    if isinstance(value, Decimal128):
        return f"{value.to_decimal().normalize():f}"
    return repr(value)
