"""What a customer's subscription is, and the command that sets it. Pure: no database.

The command has the whole state; the one with the greater `sequence` wins (see `payments.model`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired, TypeAlias, TypedDict

from pos_api.common.warning_messages import EventWarning
from pos_api.events import SubscriptionChange, SubscriptionChanged
from pos_api.outbox.model import Unpublished

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]


class SubscriptionStep(TypedDict):
    """A step of a subscription's history: the status that it came into, when, and by which event of its provider."""

    status: str
    at: datetime
    event: str


class SavedChange(TypedDict):
    """What a save of a subscription meant: which change, by which inbox entry, and in which `rev`."""

    change: SubscriptionChange
    cause: str
    rev: int


class Subscription(TypedDict):
    """A stored subscription. `_id` is `store:external id`; the other fields are those of `SubscriptionUpdate`, and
    `changes`, so that its events are the same again after a crash."""

    _id: str
    store: str
    external_id: str
    sequence: int
    rev: int
    customer: str
    status: str
    current_period_end: datetime | None
    history: list[SubscriptionStep]
    listed_at: datetime
    changes: list[SavedChange]
    unpublished: NotRequired[list[Unpublished]]


@dataclass(frozen=True, slots=True)
class SubscriptionUpdate:
    """A subscription as its provider's reports say that it is. `customer` is the provider's id of the customer, blank
    where none is named; `status` is the provider's (`active`, `past_due`, `canceled` …); `at` is when it began, else
    when its first report came. The history has the oldest step first. `cause` is the key of the inbox entry that
    brought it."""

    store: str
    external_id: str
    sequence: int
    cause: str
    customer: str
    status: str
    current_period_end: datetime | None
    history: tuple[SubscriptionStep, ...]
    at: datetime
    received_at: datetime

    @property
    def key(self) -> str:
        """The subscription's `_id`."""
        return f"{self.store}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class SubscriptionResult:
    """What became of an update, the events that it caused, and the subscription as it is stored now."""

    outcome: Outcome
    warnings: tuple[EventWarning, ...] = ()
    events: tuple[SubscriptionChanged, ...] = ()
    subscription: Subscription | None = None
